from __future__ import annotations

import io
import threading
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.unit.media import samples
from whatsapp_mcp.media import sniffing
from whatsapp_mcp.media.convert import video
from whatsapp_mcp.media.facts import VideoFacts
from whatsapp_mcp.media.work import UnusableMedia, Work, WorkCancelled


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target.mp4"


def prepare(source: Path, target: Path, **options: bool) -> VideoFacts:
    return video.prepare(source, sniffing.sniff(source).mimetype, target, work=Work(), **options)


def codecs(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams]


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


def is_faststart(path: Path) -> bool:
    data = path.read_bytes()
    return data.index(b"moov") < data.index(b"mdat")


PLACE = {"location": "+48.8577+002.2950/", "comment": "SECRET-COMMENT"}


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska"])
def test_a_fitting_video_is_only_repacked(container: str, tmp_path: Path, target: Path) -> None:
    source = samples.film(tmp_path / "x", container, "libx264", sound_codec="aac", metadata=PLACE)
    facts = prepare(source, target)
    assert (facts.seconds, facts.width, facts.height) == (2, 128, 64)
    assert packets(target) == packets(source)
    assert times(target) == pytest.approx(times(source), abs=0.002)
    assert codecs(target) == ["h264", "aac"]
    assert sniffing.sniff(target).mimetype == "video/mp4"
    assert is_faststart(target)
    assert b"SECRET-COMMENT" in source.read_bytes()
    assert b"SECRET-COMMENT" not in target.read_bytes()
    assert b"48.8577" not in target.read_bytes()
    with Image.open(io.BytesIO(facts.thumbnail)) as small:
        assert small.size == (100, 50)
        assert samples.is_red(small.getpixel((20, 25)))


@pytest.mark.parametrize(
    ("container", "codec", "sound", "expected"),
    [
        ("webm", "libvpx", "libopus", ["h264", "aac"]),
        ("webm", "libvpx", "", ["h264"]),
        ("avi", "mpeg4", "libmp3lame", ["h264", "aac"]),
        ("matroska", "libx264", "libopus", ["h264", "aac"]),
        ("mpegts", "mpeg2video", "aac", ["h264", "aac"]),
        ("mp4", "libx265", "aac", ["h264", "aac"]),
    ],
)
def test_other_videos_are_converted(
    container: str, codec: str, sound: str, expected: list[str], tmp_path: Path, target: Path
) -> None:
    rate = 25 if codec == "mpeg2video" else 10
    source = samples.film(tmp_path / "x", container, codec, sound_codec=sound, metadata=PLACE, rate=rate)
    facts = prepare(source, target)
    assert (facts.seconds, facts.width, facts.height) == (2, 128, 64)
    assert codecs(target) == expected
    assert is_faststart(target)
    assert b"SECRET-COMMENT" not in target.read_bytes()
    with av.open(str(target)) as written:
        assert written.duration is not None
        assert written.duration / 1e6 == pytest.approx(2, abs=0.25)
        frames = list(written.decode(video=0))
        assert len(frames) == pytest.approx(2 * rate, abs=2)
        assert frames[0].format.name == "yuv420p"
    with av.open(str(target)) as written:
        if sound:
            samples_count = sum(frame.samples for frame in written.decode(audio=0))
            assert samples_count / 48_000 == pytest.approx(2, abs=0.2)
    picture = samples.first_picture(target)
    assert samples.is_red(picture.getpixel((20, 50)))
    assert samples.is_blue(picture.getpixel((110, 50)))


def test_compressing(tmp_path: Path, target: Path) -> None:
    source = samples.film(
        tmp_path / "x", "mp4", "libx264", width=1440, height=700, seconds=0.5, sound_codec="aac", noisy=True
    )
    facts = prepare(source, target, compress=True)
    assert (facts.width, facts.height) == (720, 350)
    assert samples.first_picture(target).size == (720, 350)
    assert target.stat().st_size < source.stat().st_size


@pytest.mark.parametrize(("options", "size"), [({}, (1280, 64)), ({"hd": True}, (1920, 96))])
def test_sizes_when_converting(options: dict[str, bool], size: tuple[int, int], tmp_path: Path, target: Path) -> None:
    source = samples.film(tmp_path / "x", "avi", "mpeg4", width=2560, height=128, seconds=0.3)
    facts = prepare(source, target, **options)
    assert (facts.width, facts.height) == size
    assert samples.first_picture(target).size == size


def test_a_turned_video_is_told_upright_and_stays_turned(tmp_path: Path, target: Path) -> None:
    source = samples.turned(samples.film(tmp_path / "x", "mp4", "libx264"))
    facts = prepare(source, target)
    assert (facts.width, facts.height) == (64, 128)
    with av.open(str(target)) as written:
        assert next(written.decode(video=0)).rotation == -90
    with Image.open(io.BytesIO(facts.thumbnail)) as small:
        assert small.size == (50, 100)
        # turned clockwise: the left side comes to the top
        assert samples.is_red(small.getpixel((25, 20)))
        assert samples.is_blue(small.getpixel((25, 80)))


def test_a_turned_video_is_converted_upright(tmp_path: Path, target: Path) -> None:
    source = samples.turned(samples.film(tmp_path / "x", "mp4", "libx264"))
    facts = prepare(source, target, compress=True)
    assert (facts.width, facts.height) == (64, 128)
    picture = samples.first_picture(target)
    assert picture.size == (64, 128)
    assert samples.is_red(picture.getpixel((30, 20)))
    assert samples.is_blue(picture.getpixel((30, 110)))
    with av.open(str(target)) as written:
        assert next(written.decode(video=0)).rotation == 0


@pytest.mark.parametrize("frames", [1, 7])
def test_a_gif_becomes_a_video(frames: int, tmp_path: Path, target: Path) -> None:
    source = samples.animation(tmp_path / "x", "GIF", frames=frames, side=63)
    facts = prepare(source, target)
    assert (facts.width, facts.height, facts.seconds) == (62, 62, 1)
    assert codecs(target) == ["h264"]
    with av.open(str(target)) as written:
        assert len(list(written.decode(video=0))) == frames


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        samples.jpeg(),
        b"\0\0\0\x18ftypisom" + bytes(200),
        b"\x1aE\xdf\xa3" + bytes(100),
        b"GIF89a" + bytes(20),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    ],
)
def test_what_is_no_video(data: bytes, tmp_path: Path, target: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(data)
    with pytest.raises(UnusableMedia):
        prepare(tmp_path / "x.mp4", target)


def test_sound_alone_is_no_video(tmp_path: Path, target: Path) -> None:
    with pytest.raises(UnusableMedia, match="no moving picture"):
        prepare(samples.sound(tmp_path / "x", "mp4", "aac"), target)


def test_a_broken_off_video(tmp_path: Path, target: Path) -> None:
    data = samples.film(tmp_path / "x", "matroska", "libx264", seconds=3).read_bytes()
    (tmp_path / "half").write_bytes(data[: len(data) * 2 // 3])
    assert prepare(tmp_path / "half", target).seconds >= 1


def test_progress_and_cancelling_in_the_middle(tmp_path: Path, target: Path) -> None:
    source = samples.film(tmp_path / "x", "mp4", "libx264", seconds=5)
    seen: list[float] = []
    video.prepare(source, "video/mp4", target, compress=True, work=Work(seen.append))
    assert seen == sorted(seen)
    assert seen[-1] > 0.9
    cancelled = threading.Event()
    target.unlink()

    def on_progress(fraction: float) -> None:
        if fraction > 0.3:
            cancelled.set()

    with pytest.raises(WorkCancelled):
        video.prepare(source, "video/mp4", target, compress=True, work=Work(on_progress, cancelled))
