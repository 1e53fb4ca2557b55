"""One session process per account: a lock file, taken by the server that starts it and inherited by it.

The lock belongs to the open file, so it is taken from before the process begins until it has ended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.file_lock import FileLock


class Holder(BaseModel):
    """Who holds the lock; written into the lock file."""

    pid: int
    command: str
    since: str
    """ISO 8601, UTC."""


class AccountLock:
    """The lock of an account, held by this process."""

    def __init__(self, lock: FileLock) -> None:
        self._lock = lock
        self._released = False

    @classmethod
    def acquire(
        cls, path: Path, *, limit: float = 0.0, between: Callable[[], bool] = lambda: True
    ) -> AccountLock | None:
        """Take it, within so many seconds (0: now); None when somebody else holds it.

        Args:
            between: is called after each try that fails; False gives it up.

        Raises:
            SetupError: the lock file cannot be opened, or is not the user's alone; or the account's folder is gone. It
                is not made again here: who removed or renamed the account shall not find an empty one.
        """
        with _explained(path):
            lock = FileLock.wait(path, limit, between)
        return None if lock is None else cls._named(lock)

    @classmethod
    async def acquire_async(cls, path: Path, *, limit: float) -> AccountLock | None:
        """As :meth:`acquire`, in an event loop."""
        with _explained(path):
            lock = await FileLock.wait_async(path, limit)
        return None if lock is None else cls._named(lock)

    @classmethod
    def _named(cls, lock: FileLock) -> AccountLock:
        held = cls(lock)
        held.name_holder()
        return held

    @classmethod
    def inherited(cls, number: int) -> AccountLock:
        """The one whose ``number`` the parent told. Raises OSError when it is none."""
        return cls(FileLock.inherited(number))

    def name_holder(self) -> None:
        """Write down that it is this process that holds it."""
        command = " ".join(sys.argv)[:200]
        holder = Holder(pid=os.getpid(), command=command, since=now().strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._lock.write(holder.model_dump_json().encode())

    @property
    def file(self) -> FileLock:
        """To be inherited by the session process."""
        return self._lock

    def release(self) -> None:
        """Let go. A process that inherited it still holds it."""
        if not self._released:
            self._released = True
            self._lock.release()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What goes wrong with the lock file, for a person."""
    try:
        yield
    except FileNotFoundError:
        raise SetupError(
            f"there is no account {path.parent.name!r} any more, its folder {path.parent} is gone",
            next_step="`whatsapp-mcp accounts` lists which there are; start the server again with one of them.",
        ) from None
    except OSError as error:
        if error.errno is not None:
            raise SetupError(f"the lock file {path} cannot be opened: {error.strerror}") from error
        raise SetupError(
            f"the lock file {path} {error.strerror}", next_step=f"Find out who made it so, and delete {path}."
        ) from error


def holder_of(path: Path) -> Holder | None:
    """Who wrote the lock file last; None when nobody did."""
    try:
        return Holder.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def holder_text(path: Path) -> str:
    """The holder, for a person."""
    holder = holder_of(path)
    return f"process {holder.pid} ({holder.command}) since {holder.since}" if holder else "another process"


def is_free(path: Path, *, limit: float = 0.0) -> bool:
    """Look without keeping it (for ``status``), or wait so many seconds until it is."""
    if not path.exists():
        return True
    try:
        lock = FileLock.wait(path, limit)
    except OSError:
        return False
    if lock is not None:
        lock.release()
    return lock is not None
