"""The private folder of a simulator. One that was killed leaves its own behind; the next one to start removes it."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from whatsapp_mcp.platform.file_lock import FileLock

PREFIX: Final = "whatsapp-simulator-"
_LOCK: Final = "in-use"
"""Locked while its simulator lives: the system lets go of that however the process ends."""


class OwnFolder:
    """From :meth:`make` to :meth:`remove`."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def make(cls, parent: Path | None) -> OwnFolder:
        """A new one, in the system's folder for temporary files unless another is named. Blocking.

        Raises:
            OSError: it cannot be made.
        """
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        _remove_left(path)
        # Nobody sees the file before it is locked.
        draft = path / f".{_LOCK}"
        lock = FileLock.take(draft)
        if lock is None:
            raise OSError(f"{draft} is locked")
        draft.rename(path / _LOCK)
        return cls(path, lock)

    def remove(self) -> None:
        """Blocking."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()


def _remove_left(own: Path) -> None:
    """What killed simulators of this user left beside it. One without the file is perhaps just being made."""
    for folder in own.parent.glob(f"{PREFIX}*"):
        file = folder / _LOCK
        with suppress(OSError):  # of another user, or it is just being removed
            lock = FileLock.take(file) if file.is_file() else None
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()
