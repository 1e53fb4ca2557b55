from __future__ import annotations

import threading
from pathlib import Path

import av
import pytest

from tests.unit.media import samples
from whatsapp_mcp.media import sniffing
from whatsapp_mcp.media.convert.audio import audio_seconds, voice_note
from whatsapp_mcp.media.work import UnusableMedia, Work, WorkCancelled

FORMATS = [
    ("ogg", "libopus", "stereo"),
    ("ogg", "flac", "mono"),
    ("mp3", "libmp3lame", "stereo"),
    ("ipod", "aac", "stereo"),
    ("adts", "aac", "mono"),
    ("wav", "pcm_s16le", "stereo"),
    ("flac", "flac", "mono"),
]


def mimetype(path: Path) -> str:
    return sniffing.sniff(path).mimetype


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


@pytest.mark.parametrize(("container", "codec", "layout"), FORMATS)
def test_everything_becomes_a_voice_note(container: str, codec: str, layout: str, tmp_path: Path, target: Path) -> None:
    source = samples.sound(tmp_path / "x", container, codec, seconds=3, layout=layout)
    seen: list[float] = []
    facts = voice_note(source, mimetype(source), target, work=Work(seen.append))
    assert (facts.seconds, facts.converted) == (3, True)
    assert len(facts.waveform) == 64
    assert max(facts.waveform) == 100
    assert seen == sorted(seen)
    assert seen[-1] > 0.9
    assert mimetype(target) == "audio/ogg; codecs=opus"
    with av.open(str(target)) as written:
        stream = written.streams.audio[0]
        assert stream.codec_context.name in ("opus", "libopus")
        assert (stream.codec_context.channels, stream.codec_context.sample_rate) == (1, 48_000)
        assert sum(frame.samples for frame in written.decode(stream)) / 48_000 == pytest.approx(3, abs=0.1)


def test_another_rate(tmp_path: Path, target: Path) -> None:
    source = samples.sound(tmp_path / "x", "wav", "pcm_s16le", seconds=2, rate=11_025)
    assert voice_note(source, "audio/wav", target, work=Work()).seconds == 2


def test_the_waveform_follows_the_loudness(tmp_path: Path, target: Path) -> None:
    source = samples.sound(tmp_path / "x", "wav", "pcm_s16le", seconds=4, loud_from=2)
    waveform = voice_note(source, "audio/wav", target, work=Work()).waveform
    assert max(waveform[:31]) <= 2
    assert min(waveform[33:]) >= 95


def test_silence_has_a_flat_waveform(tmp_path: Path, target: Path) -> None:
    source = samples.sound(tmp_path / "x", "wav", "pcm_s16le", seconds=1, loud_from=9)
    assert voice_note(source, "audio/wav", target, work=Work()).waveform == bytes(64)


def test_a_very_short_sound(tmp_path: Path, target: Path) -> None:
    source = samples.sound(tmp_path / "x", "wav", "pcm_s16le", seconds=0.05)
    facts = voice_note(source, "audio/wav", target, work=Work())
    assert (facts.seconds, len(facts.waveform)) == (1, 64)


def test_a_finished_voice_note_is_kept(tmp_path: Path, target: Path) -> None:
    source = samples.sound(tmp_path / "x", "ogg", "libopus", seconds=2)
    facts = voice_note(source, mimetype(source), target, work=Work())
    assert (facts.seconds, facts.converted, max(facts.waveform)) == (2, False, 100)
    assert not target.exists()


def test_the_sound_of_a_video_can_be_a_voice_note(tmp_path: Path, target: Path) -> None:
    source = samples.film(tmp_path / "x", "mp4", "libx264", sound_codec="aac")
    assert voice_note(source, "video/mp4", target, work=Work()).seconds == 2


@pytest.mark.parametrize(("container", "codec", "layout"), FORMATS)
def test_the_length_of_other_audio(container: str, codec: str, layout: str, tmp_path: Path) -> None:
    source = samples.sound(tmp_path / "x", container, codec, seconds=3, layout=layout)
    assert audio_seconds(source, mimetype(source)) == 3


def test_a_video_is_no_audio(tmp_path: Path) -> None:
    source = samples.film(tmp_path / "x", "mp4", "libx264", sound_codec="aac")
    with pytest.raises(UnusableMedia, match="video"):
        audio_seconds(source, "video/mp4")


def test_a_silent_film_has_no_sound(tmp_path: Path, target: Path) -> None:
    source = samples.film(tmp_path / "x", "mp4", "libx264")
    with pytest.raises(UnusableMedia, match="no sound"):
        voice_note(source, "video/mp4", target, work=Work())


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        samples.jpeg(),
        b"OggS" + bytes(200),
        b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(30),
        b"fLaC" + bytes(50),
        b"ID3\x04\0\0\0\0\0\0" + bytes(100),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)
def test_what_is_no_audio(data: bytes, tmp_path: Path, target: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    kind = mimetype(tmp_path / "x")
    with pytest.raises(UnusableMedia):
        voice_note(tmp_path / "x", kind, target, work=Work())
    with pytest.raises(UnusableMedia):
        audio_seconds(tmp_path / "x", kind)


def test_cancelling_in_the_middle(tmp_path: Path, target: Path) -> None:
    source = samples.sound(tmp_path / "x", "wav", "pcm_s16le", seconds=5)
    cancelled = threading.Event()
    seen: list[float] = []

    def on_progress(fraction: float) -> None:
        seen.append(fraction)
        if fraction > 0.2:
            cancelled.set()

    with pytest.raises(WorkCancelled):
        voice_note(source, "audio/wav", target, work=Work(on_progress, cancelled))
    assert 0.2 < seen[-1] < 0.3
