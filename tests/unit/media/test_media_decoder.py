"""The decoder processes: what they may use, how they end, and that nothing a file does to them reaches the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import pytest

from tests.unit.media import bombs, samples
from tests.unit.waiting import wait_until
from whatsapp_mcp.errors import InvalidMedia
from whatsapp_mcp.media import decoder_pool, limits
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.facts import JpegFacts, NoFacts, SoundFacts, VoiceFacts, from_json, to_json
from whatsapp_mcp.media.jobs import Job
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.prepare import MediaSource
from whatsapp_mcp.media.work import UnusableMedia
from whatsapp_mcp.platform.processes import end_now, is_alive

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    async with asyncio.timeout(60):
        yield


@pytest.fixture
async def pool() -> AsyncIterator[DecoderPool]:
    async with DecoderPool() as pool:
        yield pool


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture"
    samples.two_halves(200, 100).save(path, "PNG")
    return path


def photo(source: Path, *, target: str = "out", file_bytes: int = limits.MIB) -> Job:
    return Job(task="photo", source=str(source), target=str(source.with_name(target)), file_bytes=file_bytes)


def is_gone(process: int) -> bool:
    """Whether no process has this id, or none but one that has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return not is_alive(process)


async def gone(process: int) -> None:
    while not is_gone(process):
        await anyio.sleep(0.01)


async def until_busy(pool: DecoderPool, seconds: float) -> int:
    """Wait until the pool's process has used so much CPU time; gives its id."""
    while True:
        for process in pool.processes:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            if (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > seconds:
                return process
        await anyio.sleep(0.01)


def peak(process: int) -> int:
    """MiB that a process ever had in memory."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


# -- one process after another ------------------------------------------------------------------------------------


async def test_a_process_is_used_again_until_it_was_idle_for_a_while(picture: Path) -> None:
    async with DecoderPool(idle_seconds=0.2) as pool:
        assert await pool.run(photo(picture), JpegFacts)
        first = pool.processes
        with pytest.raises(UnusableMedia, match="no picture"):
            await pool.run(photo(Path(__file__), target="never"), JpegFacts)
        facts = await pool.run(photo(picture, target="again"), JpegFacts)
        assert (facts.width, facts.height) == (200, 100)
        assert pool.processes == first, "a refused file is no reason for a new one"
        while pool.processes:
            await anyio.sleep(0.01)
        await gone(*first)


async def test_what_died_while_it_was_idle_is_no_fault_of_the_next_file(pool: DecoderPool, picture: Path) -> None:
    await pool.run(photo(picture), JpegFacts)
    (process,) = pool.processes
    end_now(process)
    wait_until(lambda: is_gone(process))  # the loop was not told by now
    assert await pool.run(photo(picture, target="again"), JpegFacts)
    assert process not in pool.processes


@linux
async def test_it_gets_neither_settings_nor_secrets(
    pool: DecoderPool, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSAPP_MCP_TOKEN", "SECRET")
    monkeypatch.setenv("SOME_API_KEY", "SECRET")
    await pool.run(photo(picture), JpegFacts)
    assert b"SECRET" not in Path(f"/proc/{pool.processes[0]}/environ").read_bytes()


# -- how it ends --------------------------------------------------------------------------------------------------


def slow_sound(folder: Path, *, cpu_seconds: int = 60) -> Job:
    """Takes many seconds to convert."""
    once = samples.sound(folder / "once", "wav", "pcm_s16le", seconds=5, rate=8000).read_bytes()
    start = once.index(b"data") + 8
    samples_of_once = once[start:]
    length = 400 * len(samples_of_once)
    source = folder / "slow"
    source.write_bytes(once[: start - 4] + length.to_bytes(4, "little") + 400 * samples_of_once)
    return Job(
        task="voice",
        source=str(source),
        target=str(folder / "slow.out"),
        mimetype="audio/wav",
        file_bytes=100 * limits.MIB,
        cpu_seconds=cpu_seconds,
    )


@linux
async def test_cancelling_the_call_kills_it(pool: DecoderPool, tmp_path: Path) -> None:
    job = slow_sound(tmp_path)
    async with anyio.create_task_group() as group:
        group.start_soon(pool.run, job, VoiceFacts)
        process = await until_busy(pool, 0.3)
        group.cancel_scope.cancel()
    assert pool.processes == ()
    await gone(process)


@linux
async def test_too_much_cpu_time_ends_it(pool: DecoderPool, tmp_path: Path) -> None:
    job = slow_sound(tmp_path, cpu_seconds=0)
    with pytest.raises(UnusableMedia, match="more time than a file of this size is worth"):
        await pool.run(job, VoiceFacts)
    assert pool.processes == ()


@linux
async def test_a_crash_is_the_files_fault_and_the_next_one_gets_another_process(
    pool: DecoderPool, picture: Path, tmp_path: Path
) -> None:
    job = slow_sound(tmp_path)
    caught: list[UnusableMedia] = []

    async def run() -> None:
        try:
            await pool.run(job, VoiceFacts)
        except UnusableMedia as error:
            caught.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        process = await until_busy(pool, 0.1)
        os.kill(process, signal.SIGSEGV)
    assert "stopped the decoder" in caught[0].message
    assert pool.processes == ()
    assert await pool.run(photo(picture), JpegFacts)


CHILD = """
import asyncio, sys
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.facts import VoiceFacts
from whatsapp_mcp.media.jobs import Job
async def main():
    async with DecoderPool() as pool:
        job = Job(task="voice", source=sys.argv[1], target=sys.argv[2], mimetype="audio/wav",
                  cpu_seconds=60, file_bytes=10**8)
        task = asyncio.create_task(pool.run(job, VoiceFacts))
        while not pool.processes:
            await asyncio.sleep(0.01)
        print(*pool.processes, flush=True)
        await task
asyncio.run(main())
"""


@linux
async def test_none_is_left_when_the_server_is_killed(tmp_path: Path) -> None:
    command = (sys.executable, "-c", CHILD, slow_sound(tmp_path).source, str(tmp_path / "out"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        process = int(server.stdout.readline())
        while not (tmp_path / "out").exists():  # until it converts
            await anyio.sleep(0.01)
        server.kill()
    await gone(process)


# -- what it says -------------------------------------------------------------------------------------------------


def test_facts_travel_as_they_are() -> None:
    facts = VoiceFacts(seconds=3, waveform=bytes(range(64)), converted=True)
    assert from_json(VoiceFacts, to_json(facts)) == facts
    assert from_json(NoFacts, to_json(NoFacts())) == NoFacts()


@pytest.mark.parametrize(
    "said", [None, [], {}, {"seconds": "3"}, {"seconds": True}, {"seconds": -1}, {"seconds": 2**40}, {"seconds": 1.5}]
)
def test_an_answer_that_is_none_is_not_believed(said: object) -> None:
    with pytest.raises(ValueError, match=r"fact|asked"):
        from_json(SoundFacts, said)


LIAR = "import sys\nfor line in sys.stdin: print('{\"at\": 0.0}'); print(%r, flush=True)"


@pytest.mark.parametrize("line", ["[]", "no json", '{"facts": {"width": "wide"}}', '{"facts": 3}', "[" * 100_000])
async def test_a_process_that_was_taken_over_can_only_spoil_its_file(
    pool: DecoderPool, picture: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_pool, "COMMAND", (sys.executable, "-c", LIAR % line))
    with pytest.raises(UnusableMedia, match="stopped the decoder"):
        await pool.run(photo(picture), JpegFacts)
    assert pool.processes == ()


# -- bombs --------------------------------------------------------------------------------------------------------

MOST_MIB = 300
BOMBS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "many pixels": ("image", lambda: bombs.png(6400, 6400), "too many pixels"),
    "one long row": ("image", lambda: bombs.png(40_000_000, 1, colour=0), "too long or too wide"),
    "one long column": ("image", lambda: bombs.png(1, 39_000_000, colour=0), "too long or too wide"),
    "many scans": ("image", lambda: bombs.progressive_jpeg(2000, 2000, 20_000), "64 scans"),
    "progressive and large": ("image", lambda: bombs.progressive_jpeg(13_000, 13_000, 10), "progressive"),
    "scans of an avatar": ("photo", lambda: bombs.progressive_jpeg(13_000, 13_000, 900), "64 scans"),
    "texts that unpack": ("sticker", lambda: bombs.png(9, 9, extra=bombs.compressed_texts(90, 2**20)), "damaged"),
    "many frames": ("film", lambda: bombs.gif(8, 8, 30_000), "more frames than its size"),
    "many large frames": ("film", lambda: bombs.gif(3000, 3000, 500), "more frames than its size"),
    "one sample a second": ("voice", lambda: bombs.flac(1), "sample rate of 1 Hz"),
    "30 samples a second": ("audio", lambda: bombs.flac(30), "sample rate of 30 Hz"),
}


@linux
@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_refused_with_its_reason(
    name: str, pool: DecoderPool, outbox: Path, policy: MediaPolicy
) -> None:
    kind, content, reason = BOMBS[name]
    (outbox / "bomb").write_bytes(content())
    source = MediaSource("bomb", "it", policy, pool)
    openers: dict[str, Callable[[], AbstractAsyncContextManager[object]]] = {
        "image": source.as_image,
        "photo": source.as_square,
        "sticker": source.as_sticker,
        "voice": source.as_voice_note,
        "audio": source.as_audio,
        "film": source.as_video,
    }
    with pytest.raises(InvalidMedia, match=reason) as caught:
        async with openers[kind]():
            pass
    assert (caught.value.code, caught.value.details["field"]) == ("invalid_media", "it")
    for process in pool.processes:
        assert peak(process) < MOST_MIB


@linux
@pytest.mark.parametrize("container", ["mp4", "matroska"])
async def test_silence_and_standing_still_are_not_filled(
    container: str, pool: DecoderPool, outbox: Path, policy: MediaPolicy
) -> None:
    for gaps, reason in (({"sound_gap": 3600}, "sound has gaps"), ({"picture_gap": 3600}, "stands still")):
        bombs.film_with_gap(outbox / "film", container, **gaps)
        with pytest.raises(InvalidMedia, match=reason):
            async with MediaSource("film", "video", policy, pool).as_video(compress=True):
                pass
    bombs.film_with_gap(outbox / "film", container, sound_gap=2, picture_gap=2)
    async with MediaSource("film", "video", policy, pool).as_video(compress=True) as film:
        assert film.seconds == 3


@linux
async def test_the_largest_pictures_that_are_taken_stay_within_the_memory(
    pool: DecoderPool, outbox: Path, policy: MediaPolicy
) -> None:
    side = int(limits.PICTURE_PIXELS**0.5)
    for hd, content in ((True, bombs.png(side, side)), (False, bombs.png(side, side, colour=0, depth=16))):
        (outbox / f"{hd}").write_bytes(content)
        async with MediaSource(f"{hd}", "image", policy, pool).as_image(hd=hd) as image:
            assert image.width > 1500
    (process,) = pool.processes
    assert peak(process) < MOST_MIB


@linux
async def test_running_out_of_memory_is_the_files_fault(
    pool: DecoderPool, picture: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the bounds that come before it out of the way."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        "from whatsapp_mcp.media import limits\nlimits.PICTURE_PIXELS = limits.REDUCED_PIXELS = 10**9\n"
    )
    source = tmp_path / "bomb"
    source.write_bytes(bombs.png(12_000, 12_000))
    with pytest.raises(UnusableMedia, match="more memory"):
        await pool.run(photo(source), JpegFacts)
    assert pool.processes == (), "what it had allocated goes with it"


@linux
async def test_a_file_that_grows_too_large_is_not_written_on(pool: DecoderPool, tmp_path: Path) -> None:
    source = tmp_path / "noise"
    samples.noise(1000, 1000).save(source, "PNG")
    with pytest.raises(UnusableMedia, match="MiB once converted"):
        await pool.run(photo(source, file_bytes=20_000), JpegFacts)
    with contextlib.suppress(FileNotFoundError):
        assert (tmp_path / "out").stat().st_size <= 20_000
