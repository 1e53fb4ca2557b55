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
        while True:
            path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            lock = FileLock.take(path / _LOCK)
            # Another one that starts now may have seen the file before it was locked, and remove it with the folder.
            if lock is not None and (path / _LOCK).exists():
                _remove_left(path)
                return cls(path, lock)

    def remove(self) -> None:
        """Blocking."""
        self._lock.release()  # first: Windows removes no file that is open
        shutil.rmtree(self.path, ignore_errors=True)


def _remove_left(own: Path) -> None:
    """What killed simulators of this user left beside it. One without the file is perhaps just being made."""
    for folder in own.parent.glob(f"{PREFIX}*"):
        file = folder / _LOCK
        with suppress(OSError):  # of another user, or it is just being removed
            lock = FileLock.take(file) if folder != own and file.is_file() else None
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()
                shutil.rmtree(folder, ignore_errors=True)  # Windows removes no file that is open
