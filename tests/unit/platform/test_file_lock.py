"""A file that one process at a time holds open, and waiting for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.systems import child_environment
from whatsapp_mcp.platform.file_lock import FileLock

LIMIT = 60.0
"""Seconds that no test takes."""

HOLD = """
import sys
from pathlib import Path
from whatsapp_mcp.platform.file_lock import FileLock
assert FileLock.take(Path(sys.argv[1])) is not None
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.lock"


def held(path: Path) -> FileLock:
    lock = FileLock.take(path)
    assert lock is not None
    return lock


def test_one_holds_it_until_it_lets_go_and_all_can_read_it(path: Path) -> None:
    first = held(path)
    first.write(b"somebody")
    assert FileLock.take(path) is None
    assert path.read_bytes() == b"somebody"
    first.release()
    held(path).release()


def test_it_is_waited_for_until_another_process_has_ended(path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline().startswith(b"held")
        tries = 0

        def between() -> bool:
            nonlocal tries
            tries += 1
            if tries == 2:
                holder.kill()
            return True

        lock = FileLock.wait(path, LIMIT, between)
        assert lock is not None
        assert tries >= 2
        lock.release()


def test_the_wait_has_an_end(path: Path) -> None:
    lock = held(path)
    asked = 0

    def give_up() -> bool:
        nonlocal asked
        asked += 1
        return False

    assert FileLock.wait(path, 0) is None
    assert FileLock.wait(path, 0.05) is None
    assert FileLock.wait(path, LIMIT, give_up) is None, "given up by who waits"
    assert asked == 1
    lock.release()


async def test_an_event_loop_waits_as_well(path: Path) -> None:
    lock = held(path)
    assert await FileLock.wait_async(path, 0.05) is None
    waiting = [asyncio.create_task(FileLock.wait_async(path, LIMIT)) for _ in range(2)]
    done, _ = await asyncio.wait(waiting, timeout=0.1)
    assert not done
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    lock.release()
    second = await waiting[1]
    assert second is not None, "who was cancelled has not taken it"
    assert FileLock.take(path) is None
    second.release()


def test_what_cannot_be_opened_is_said_at_once(path: Path) -> None:
    path.mkdir()
    with pytest.raises(OSError):
        FileLock.wait(path, LIMIT)
