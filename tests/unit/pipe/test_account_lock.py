"""One owner per account folder, whatever happens to the processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.unit.systems import child_environment, needs_modes
from tests.unit.waiting import WAIT, wait_until
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.pipe.account_lock import AccountLock, holder_of, is_free

HOLD = """
import sys
from pathlib import Path
from whatsapp_mcp.pipe.account_lock import AccountLock
lock = AccountLock.acquire(Path(sys.argv[1]))
print(lock is not None, flush=True)
sys.stdin.read()
"""
INHERIT = """
import sys
from whatsapp_mcp.pipe.account_lock import AccountLock
lock = AccountLock.inherited(int(sys.argv[1]))
lock.name_holder()
print("here", flush=True)
sys.stdin.read()
"""
SLEEP = "import sys; print('here', flush=True); sys.stdin.read()"


@contextmanager
def process(code: str, *arguments: str, keep: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has printed its first line (read it) and lives until its stdin closes."""
    inherited: dict[str, Any] = {"pass_fds": keep}
    if sys.platform == "win32":
        for handle in keep:
            os.set_handle_inheritable(handle, True)
        inherited = {"startupinfo": subprocess.STARTUPINFO(lpAttributeList={"handle_list": [*keep]})}
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **inherited,
        env=child_environment(),
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "account" / "lock"
    path.parent.mkdir()
    return path


def first_line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def taken(path: Path) -> AccountLock:
    lock = AccountLock.acquire(path)
    assert lock is not None
    return lock


def test_one_holder(path: Path) -> None:
    one = taken(path)
    assert AccountLock.acquire(path) is None
    one.release()
    other = taken(path)
    one.release()
    assert AccountLock.acquire(path) is None, "letting go twice changes nothing"
    other.release()


def test_the_holder_is_named(path: Path) -> None:
    assert holder_of(path) is None
    lock = taken(path)
    holder = holder_of(path)
    assert holder is not None
    assert holder.pid == os.getpid()
    assert holder.command
    assert holder.since.endswith("Z")
    lock.release()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"x" * 5000])
def test_a_damaged_lock_file_is_no_obstacle(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert holder_of(path) is None
    lock = taken(path)
    assert holder_of(path) is not None
    lock.release()


def test_another_process(path: Path) -> None:
    with process(HOLD, str(path)) as child:
        assert first_line(child) == "True"
        assert AccountLock.acquire(path) is None
        assert not is_free(path)
        holder = holder_of(path)
        assert holder is not None
        assert holder.pid == child.pid
        child.kill()
        child.wait(WAIT)
        assert is_free(path)
        taken(path).release()


def test_a_child_that_inherited_it_holds_it_on(path: Path) -> None:
    lock = taken(path)
    with process(INHERIT, str(lock.file.number), keep=(lock.file.number,)) as child:
        assert first_line(child) == "here"
        lock.release()
        assert AccountLock.acquire(path) is None
        holder = holder_of(path)
        assert holder is not None
        assert holder.pid == child.pid
        child.kill()
        child.wait(WAIT)
        wait_until(lambda: is_free(path), "the lock to be free")


def test_a_child_that_did_not_inherit_it_does_not_hold_it(path: Path) -> None:
    lock = taken(path)
    with process(SLEEP) as child:
        assert first_line(child) == "here"
        lock.release()
        taken(path).release()


def test_looking_takes_nothing(path: Path) -> None:
    assert is_free(path)
    assert not path.exists(), "looking creates nothing"
    lock = taken(path)
    assert not is_free(path)
    lock.release()
    assert is_free(path)
    taken(path).release()


@needs_modes
def test_the_file_is_private(path: Path) -> None:
    before = os.umask(0)
    try:
        lock = taken(path)
    finally:
        os.umask(before)
    lock.release()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_folder_of_an_account_that_was_removed_is_not_made_again(path: Path) -> None:
    path.parent.rmdir()
    with pytest.raises(SetupError, match=f"there is no account '{path.parent.name}' any more"):
        AccountLock.acquire(path)
    assert not path.parent.exists()


def test_a_lock_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(SetupError, match="cannot be opened"):
        AccountLock.acquire(tmp_path / "lock")
    assert not is_free(tmp_path / "lock")


def test_a_lock_file_with_a_second_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("what is not to be overwritten")
    (tmp_path / "lock").hardlink_to(tmp_path / "mine")
    with pytest.raises(SetupError, match="has 2 names"):
        AccountLock.acquire(tmp_path / "lock")
    assert (tmp_path / "mine").read_text() == "what is not to be overwritten"
