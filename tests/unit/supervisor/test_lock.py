"""One owner per account folder, whatever happens to the processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import whatsapp_mcp
from tests.unit.waiting import WAIT, wait_until
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.supervisor.lock import AccountLock

HOLD = """
import sys
from pathlib import Path
from whatsapp_mcp.supervisor.lock import AccountLock
lock = AccountLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""
SLEEP = "import sys; print('here', flush=True); sys.stdin.read()"


@contextmanager
def process(code: str, *arguments: str, keep: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has printed its first line (read it) and lives until its stdin closes."""
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=keep,
        env={"PYTHONPATH": str(Path(whatsapp_mcp.__file__).parents[1])},
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "account" / "lock"


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_one_holder(path: Path) -> None:
    one, other = AccountLock(path), AccountLock(path)
    assert one.acquire()
    assert one.acquire(), "asking again changes nothing"
    assert not other.acquire()
    assert other.descriptor is None
    one.release()
    assert one.descriptor is None
    assert other.acquire()
    other.release()
    other.release()


def test_the_holder_is_named(path: Path) -> None:
    lock = AccountLock(path)
    assert lock.holder() is None
    assert lock.acquire()
    holder = AccountLock(path).holder()
    assert holder is not None
    assert holder.pid == os.getpid()
    assert holder.command
    assert holder.since.endswith("Z")
    lock.release()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_lock_file_is_no_obstacle(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    lock = AccountLock(path)
    assert lock.holder() is None
    assert lock.acquire()
    assert lock.holder() is not None
    lock.release()


def test_a_long_command_of_an_earlier_holder_leaves_nothing_behind(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 5000)
    lock = AccountLock(path)
    assert lock.acquire()
    assert lock.holder() is not None
    lock.release()


def test_another_process(path: Path) -> None:
    with process(HOLD, str(path)) as child:
        assert first_line(child) == "True"
        lock = AccountLock(path)
        assert not lock.acquire()
        assert not lock.is_free()
        holder = lock.holder()
        assert holder is not None
        assert holder.pid == child.pid
        child.send_signal(signal.SIGKILL)
        child.wait(WAIT)
        assert lock.is_free()
        assert lock.acquire()
        lock.release()


def test_a_child_that_inherited_the_descriptor_keeps_it(path: Path) -> None:
    """A server that is killed leaves a session process that drains."""
    lock = AccountLock(path)
    assert lock.acquire()
    assert lock.descriptor is not None
    with process(SLEEP, keep=(lock.descriptor,)) as child:
        assert first_line(child) == "here"
        lock.release()
        assert not AccountLock(path).acquire()
        child.kill()
        child.wait(WAIT)
        other = AccountLock(path)
        wait_until(other.acquire, "the lock to be free")
        other.release()


def test_a_child_that_did_not_inherit_it_does_not_keep_it(path: Path) -> None:
    lock = AccountLock(path)
    assert lock.acquire()
    with process(SLEEP) as child:
        assert first_line(child) == "here"
        lock.release()
        other = AccountLock(path)
        assert other.acquire()
        other.release()


def test_looking_takes_nothing(path: Path) -> None:
    lock, looker = AccountLock(path), AccountLock(path)
    assert looker.is_free()
    assert not path.exists(), "looking creates nothing"
    assert lock.acquire()
    assert not looker.is_free()
    assert not lock.is_free()
    lock.release()
    assert looker.is_free()
    assert lock.acquire()
    lock.release()


def test_files_are_private(path: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        lock = AccountLock(tmp_path / "data" / "account" / "lock")
        assert lock.acquire()
    finally:
        os.umask(before)
    lock.release()
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in (tmp_path / "data").rglob("*")}
    assert modes == {"account": 0o700, "lock": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_lock_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(SetupError, match="cannot be opened"):
        AccountLock(tmp_path / "lock").acquire()
    assert not AccountLock(tmp_path / "lock").is_free()


def test_a_lock_file_with_a_second_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("what is not to be overwritten")
    (tmp_path / "lock").hardlink_to(tmp_path / "mine")
    with pytest.raises(SetupError, match="has 2 names"):
        AccountLock(tmp_path / "lock").acquire()
    assert (tmp_path / "mine").read_text() == "what is not to be overwritten"
