"""One owner per account folder: a lock file, held by the server process and inherited by its session process.

The lock belongs to the open file, so it stays taken until both are gone: a server that is killed leaves a session
process that drains for some seconds, and nobody may start a second login in that time.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ValidationError

from whatsapp_mcp.account_folder import make_folder
from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.ownership import not_ours_alone


class Holder(BaseModel):
    """Who holds the lock; written into the lock file."""

    pid: int
    command: str
    since: str
    """ISO 8601, UTC."""


class AccountLock:
    """Exclusive, advisory, released by the system when the last process that holds it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def acquire(self) -> bool:
        """Try once; False when somebody else holds it.

        Raises:
            SetupError: the lock file cannot be opened, or is not the user's alone.
        """
        if self._file is not None:
            return True
        make_folder(self._path.parent)
        try:
            file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
        except OSError as error:
            raise SetupError(f"the lock file {self._path} cannot be opened: {error.strerror}") from error
        if (why := not_ours_alone(os.fstat(file.fileno()))) is not None:
            file.close()
            raise SetupError(
                f"the lock file {self._path} {why}", next_step=f"Find out who made it so, and delete {self._path}."
            )
        if not _try_lock(file):
            file.close()
            return False
        since = now().strftime("%Y-%m-%dT%H:%M:%SZ")
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "command": " ".join(sys.argv)[:200], "since": since}, file)
        file.flush()
        self._file = file
        return True

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def descriptor(self) -> int | None:
        """To be inherited by the session process."""
        return self._file.fileno() if self._file is not None else None

    def holder(self) -> Holder | None:
        """Who wrote the lock file last; None when nobody did."""
        try:
            return Holder.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None

    def holder_text(self) -> str:
        """The holder, for a person."""
        holder = self.holder()
        return f"process {holder.pid} ({holder.command}) since {holder.since}" if holder else "another process"

    def is_free(self) -> bool:
        """Look without taking it (for ``status``)."""
        if self._file is not None or not self._path.exists():
            return self._file is None
        try:
            file = self._path.open("r+", encoding="utf-8")
        except OSError:
            return False
        with file:
            return _try_lock(file)


def _try_lock(file: IO[str]) -> bool:
    import portalocker  # 10 ms that the answer to `initialize` does not have to wait for

    try:
        portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.LockException:
        return False
    return True
