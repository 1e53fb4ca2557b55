from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from PIL import Image

from tests.unit.media import samples
from tests.unit.media.site import Site, response
from tests.unit.systems import CHILD_LIMIT, POSIX, needs_resource
from whatsapp_mcp.errors import InvalidArgument, NotAllowed, StoreError, WhatsAppMcpError
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.prepare import MediaSource
from whatsapp_mcp.waiting import Wait, noted


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    async with asyncio.timeout(60):
        yield


def leftovers(policy: MediaPolicy) -> list[Path]:
    return list(policy.temp.iterdir()) if policy.temp.exists() else []


async def test_an_image(outbox: Path, policy: MediaPolicy) -> None:
    samples.photo_with_place(outbox / "x.png", width=400, height=200)
    async with MediaSource("x.png", "image", policy).as_image() as image:
        assert (image.mimetype, image.width, image.height) == ("image/jpeg", 200, 400)
        assert image.path.is_relative_to(policy.temp)
        assert image.thumbnail.startswith(b"\xff\xd8")
        if POSIX:
            assert oct(image.path.parent.stat().st_mode)[-3:] == "700"
        with Image.open(image.path) as picture:
            assert not dict(picture.getexif())
    assert leftovers(policy) == []


async def test_audio_and_voice(outbox: Path, policy: MediaPolicy) -> None:
    source = samples.sound(outbox / "x.dat", "mp3", "libmp3lame")
    async with MediaSource("x.dat", "audio", policy).as_audio() as plain:
        assert (plain.mimetype, plain.seconds, plain.voice, plain.waveform) == ("audio/mpeg", 2, False, b"")
        assert plain.path.read_bytes() == source.read_bytes()
    async with MediaSource("x.dat", "audio", policy).as_voice_note() as voice:
        assert (voice.mimetype, voice.seconds, voice.voice) == ("audio/ogg; codecs=opus", 2, True)
        assert len(voice.waveform) == 64
        assert voice.path.read_bytes().startswith(b"OggS")
    note = samples.sound(outbox / "note.ogg", "ogg", "libopus")
    async with MediaSource("note.ogg", "audio", policy).as_voice_note() as voice:
        assert voice.path.read_bytes() == note.read_bytes()
    samples.sound(outbox / "only-sound.mp4", "mp4", "aac")
    async with MediaSource("only-sound.mp4", "audio", policy).as_audio() as sound:
        assert sound.mimetype == "audio/mp4"
    samples.sound(outbox / "only-sound.webm", "webm", "libopus")
    async with MediaSource("only-sound.webm", "audio", policy).as_audio() as sound:
        assert sound.mimetype == "audio/webm"
    assert leftovers(policy) == []


async def test_a_video(site: Site, tmp_path: Path, policy: MediaPolicy) -> None:
    site.answers["/v"] = response(samples.film(tmp_path / "v", "webm", "libvpx").read_bytes())
    async with MediaSource(site.link("/v"), "video", policy).as_video() as film:
        assert (film.mimetype, film.seconds, film.width, film.height) == ("video/mp4", 2, 128, 64)
    assert leftovers(policy) == []


async def test_a_document(outbox: Path, policy: MediaPolicy) -> None:
    data = b"%PDF-1.4\n"
    (outbox / "Отчёт.pdf").write_bytes(data)
    async with MediaSource("Отчёт.pdf", "file", policy).as_document() as document:
        assert (document.file_name, document.mimetype) == ("Отчёт.pdf", "application/pdf")
        assert document.path.read_bytes() == data
    uri = "data:image/png;name=..%2Fx;base64," + base64.b64encode(data).decode()
    async with MediaSource(uri, "file", policy).as_document() as document:
        assert (document.file_name, document.mimetype) == ("x.pdf", "application/pdf")
    async with MediaSource("data:,a%2Cb", "file", policy).as_document() as document:
        assert (document.file_name, document.mimetype) == ("file.txt", "text/plain")
    assert leftovers(policy) == []


async def test_a_sticker_and_a_photo(outbox: Path, policy: MediaPolicy) -> None:
    samples.two_halves(300, 200).save(outbox / "x", "PNG")
    async with MediaSource("x", "sticker", policy).as_sticker() as sticker:
        assert (sticker.mimetype, sticker.width, sticker.height) == ("image/webp", 512, 512)
        assert sticker.path.exists()
    async with MediaSource("x", "photo", policy).as_square() as photo:
        assert photo.read_bytes().startswith(b"\xff\xd8")
    assert leftovers(policy) == []


@pytest.mark.parametrize(
    ("source", "error"),
    [("../x", NotAllowed), ("missing", InvalidArgument), ("text", InvalidArgument), ("data:,x", InvalidArgument)],
)
@pytest.mark.parametrize("what", ["image", "audio", "voice", "video", "sticker", "photo"])
async def test_every_failure_names_the_field_and_a_next_step(
    what: str, source: str, error: type[WhatsAppMcpError], outbox: Path, policy: MediaPolicy
) -> None:
    (outbox / "text").write_text("SECRET CONTENT")
    openers: dict[str, AbstractAsyncContextManager[object]] = {
        "image": MediaSource(source, "it", policy).as_image(),
        "audio": MediaSource(source, "it", policy).as_audio(),
        "voice": MediaSource(source, "it", policy).as_voice_note(),
        "video": MediaSource(source, "it", policy).as_video(),
        "sticker": MediaSource(source, "it", policy).as_sticker(),
        "photo": MediaSource(source, "it", policy).as_square(),
    }
    with pytest.raises(error) as caught:
        async with openers[what]:
            pass
    assert caught.value.details["field"] == "it"
    assert caught.value.message.startswith("it: ")
    assert caught.value.next_step
    assert "SECRET" not in str(caught.value.to_wire())
    assert str(policy.temp) not in str(caught.value.to_wire())
    assert leftovers(policy) == []


async def test_the_result_may_not_be_too_large_either(outbox: Path, policy: MediaPolicy) -> None:
    samples.two_halves(2000, 2000).save(outbox / "x", "WEBP", quality=1)
    small = replace(policy, image_limit=(outbox / "x").stat().st_size)
    with pytest.raises(InvalidArgument, match="converted"):
        async with MediaSource("x", "image", small).as_image():
            pass
    assert leftovers(policy) == []


async def test_a_disk_that_cannot_be_written(outbox: Path, policy: MediaPolicy) -> None:
    (outbox / "x").write_text("hello")
    policy.temp.write_text("a file where the folder should be")
    with pytest.raises(StoreError):
        async with MediaSource("x", "file", policy).as_document():
            pass


async def test_an_error_of_the_caller_stays_what_it_is(outbox: Path, policy: MediaPolicy) -> None:
    (outbox / "x").write_text("hello")
    with pytest.raises(ConnectionResetError):
        async with MediaSource("x", "file", policy).as_document():
            raise ConnectionResetError
    assert leftovers(policy) == []


async def test_how_far_it_is_can_be_seen(outbox: Path, policy: MediaPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    once = samples.film(outbox / "once", "mp4", "libx264", seconds=1, width=640, height=320, rate=25)
    samples.repeated(once, outbox / "x", "mp4", 20)
    seen: list[tuple[str, float]] = []
    done = Wait.__dict__["done"]

    def note(wait: Wait, value: float) -> None:
        done.__set__(wait, value)
        seen.append((wait.what, value))

    monkeypatch.setattr(Wait, "done", property(done.__get__, note))
    with noted() as waits:
        async with MediaSource("x", "video", policy).as_video(compress=True):
            pass
    shares = [done for what, done in seen if what == "converting the file"]
    assert shares == sorted(shares)
    assert shares[-1] > 0.3
    assert waits.now is None


async def test_cancelling_ends_the_decoder_and_cleans_up(outbox: Path, policy: MediaPolicy) -> None:
    once = samples.film(outbox / "once", "mp4", "libx264", seconds=1, width=640, height=320, rate=25)
    samples.repeated(once, outbox / "x", "mp4", 60)
    async with DecoderPool() as decoders:
        with anyio.CancelScope() as scope, noted() as waits:
            async with anyio.create_task_group() as group:

                async def convert() -> None:
                    source = MediaSource("x", "video", policy, decoders)
                    async with source.as_video(compress=True):
                        pytest.fail("it was finished before it could be cancelled")

                group.start_soon(convert)
                while waits.now is None or waits.now.what != "converting the file" or not waits.now.done:
                    await asyncio.sleep(0.005)
                assert len(decoders.processes) == 1
                scope.cancel()
        assert scope.cancelled_caught
        assert decoders.processes == ()
    assert leftovers(policy) == []


async def test_cancelling_a_download_cleans_up(site: Site, policy: MediaPolicy) -> None:
    asked = anyio.Event()

    async def silent(writer: asyncio.StreamWriter) -> None:
        asked.set()
        await anyio.sleep(30)

    site.answers["/"] = silent
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def convert() -> None:
                async with MediaSource(site.link(), "file", policy).as_document():
                    pass

            group.start_soon(convert)
            await asked.wait()
            scope.cancel()
    assert scope.cancelled_caught
    assert leftovers(policy) == []


async def test_two_conversions_at_a_time_in_processes_that_are_used_again(outbox: Path, policy: MediaPolicy) -> None:
    samples.two_halves(10, 10).save(outbox / "x", "PNG")
    seen: list[tuple[int, ...]] = []

    async with DecoderPool() as decoders:

        async def one() -> None:
            async with MediaSource("x", "image", policy, decoders).as_image():
                seen.append(decoders.processes)

        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(one)
        assert max(map(len, seen)) == 2
        assert len({process for processes in seen for process in processes}) == 2


async def test_the_event_loop_stays_free(outbox: Path, policy: MediaPolicy) -> None:
    """A conversion runs in a process of its own: other tools go on answering."""
    samples.sound(outbox / "x", "mp3", "libmp3lame", seconds=20)
    samples.film(outbox / "y", "mp4", "libx264", seconds=5, width=640, height=320, rate=25)
    turns = 0

    async def watch() -> None:
        nonlocal turns
        while True:
            await anyio.sleep(0.001)
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        async with MediaSource("x", "audio", policy).as_voice_note():
            pass
        async with MediaSource("y", "video", policy).as_video(compress=True):
            pass
        group.cancel_scope.cancel()
    assert turns > 50  # a handful if the loop stood still in the conversions


async def test_sweeping(outbox: Path, policy: MediaPolicy) -> None:
    policy.temp.mkdir()
    old, fresh, other = (policy.temp / name for name in ("send-old", "send-fresh", "something-else"))
    for folder in (old, fresh, other):
        folder.mkdir()
        (folder / "x").write_bytes(b"x")
    abandoned = policy.temp / "download-abandoned.part"
    abandoned.write_bytes(b"half")
    for place in (old, other, abandoned):
        os.utime(place, (0, 0))
    samples.photo_with_place(outbox / "picture")
    async with MediaSource("picture", "image", policy).as_image():
        pass
    assert sorted(folder.name for folder in leftovers(policy)) == ["send-fresh", "something-else"]


async def test_what_another_call_removes_meanwhile_disturbs_nobody(outbox: Path, policy: MediaPolicy) -> None:
    (outbox / "x").write_bytes(b"%PDF-1.4")

    async def many() -> None:
        for _ in range(30):
            async with MediaSource("x", "file", policy).as_document():
                pass

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(many)
    assert leftovers(policy) == []


def test_importing_the_facade_loads_nothing_heavy() -> None:
    code = (
        "import sys, whatsapp_mcp.media.prepare, whatsapp_mcp.media.preview, whatsapp_mcp.media.downloads;"
        "print([name for name in ('PIL', 'av', 'httpx2', 'httpcore2', 'mcp', 'neonize') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=CHILD_LIMIT)
    assert out.stdout.strip() == "[]"


MEMORY = """
import asyncio, resource, sys
from pathlib import Path
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.prepare import MediaSource
from whatsapp_mcp.waiting import noted
outbox = Path(sys.argv[1])
policy = MediaPolicy(outbox=(outbox,), forbidden=Path("/nonexistent"), temp=Path(sys.argv[2]), audio_limit=100 * MIB)
async def quiet(done, total, message): pass
async def run(name):
    if name.endswith(".wav"):
        opened = MediaSource(name, "file", policy).as_voice_note()
    elif name.endswith(".mkv"):
        opened = MediaSource(name, "file", policy).as_video()
    else:
        opened = MediaSource(name, "file", policy).as_document()
    async with opened as prepared:
        return prepared.path.stat().st_size
def peaks():
    return [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
asyncio.run(run("small" + sys.argv[3]))
before = peaks()
length = asyncio.run(run("big" + sys.argv[3]))
print(length, max(after - earlier for earlier, after in zip(before, peaks())))
"""


@needs_resource
@pytest.mark.parametrize("kind", [".pdf", ".wav", ".mkv"])
async def test_50_mb_are_prepared_in_bounded_memory(kind: str, outbox: Path, policy: MediaPolicy) -> None:
    """Memory beyond what the same work on a small file takes, in the server and in the decoder process."""
    if kind == ".pdf":
        (outbox / "small.pdf").write_bytes(b"%PDF-1.4\n")
        with (outbox / "big.pdf").open("wb") as file:
            file.write(b"%PDF-1.4\n")
            file.truncate(50 * MIB)
    elif kind == ".wav":
        header = samples.sound(outbox / "small.wav", "wav", "pcm_s16le", seconds=5, layout="stereo").read_bytes()
        with (outbox / "big.wav").open("wb") as file:
            start = header.index(b"data") + 8
            file.write(header[: start - 4] + (50 * MIB).to_bytes(4, "little"))
            for _ in range(50 * MIB // (len(header) - start) + 1):
                file.write(header[start:])
    else:
        once = samples.film(outbox / "once", "mp4", "libx264", seconds=1, width=1280, height=720, noisy=True)
        samples.repeated(once, outbox / "small.mkv", "matroska", 1)
        samples.repeated(once, outbox / "big.mkv", "matroska", 50 * MIB // once.stat().st_size + 1)
        assert (outbox / "big.mkv").stat().st_size > 40 * MIB
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEMORY, str(outbox), str(policy.temp), kind, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    length, kilobytes = map(int, out.split())
    assert length > 100_000
    assert kilobytes < 25 * 1024
