"""The files of an audit: the one that grows, `audit.jsonl`, and those that were closed, `audit-<UTC time>.jsonl`.

Any number of processes write to the same one. Whoever finds it too large renames it, under a lock file; the others see
before their next line that the name leads to another file. A line that was under way goes to the closed one.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from whatsapp_mcp.clock import now
from whatsapp_mcp.platform.file_lock import FileLock
from whatsapp_mcp.platform.files import remove, replace
from whatsapp_mcp.platform.ownership import close_to_others, not_ours_alone, open_private_log

_AGAIN: Final = 5.0
"""Seconds until it is tried again to close a file that could not be closed."""


class AuditFile:
    """One thread at a time appends."""

    waits = False
    """Usually not for longer than a call may wait."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = str(path)
        self._descriptor: int | None = None
        self._place: tuple[int, int] | None = None
        """Device and inode of what is open."""
        self._size = 0
        self._torn = False
        self._closing: threading.Thread | None = None
        self._not_before = 0.0

    def __str__(self) -> str:
        return self._name

    def append(self, lines: bytes) -> None:
        """Write whole lines to the end of the file that now has the name, in one piece.

        Raises:
            OSError: not all of it was written.
        """
        descriptor = self._open()
        whole = b"\n" + lines if self._torn else lines
        if os.write(descriptor, whole) < len(whole):
            self._torn = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._torn = False
        self._size += len(whole)

    def keep_small(self, size: int, files: int) -> None:
        """Close the file when it has so many bytes, and remove closed ones but so many, in a thread: to delete a large
        file takes longer than a call may wait.
        """
        if self._size < size or time.monotonic() < self._not_before:
            return
        if self._closing is None or not self._closing.is_alive():
            self._not_before = time.monotonic() + _AGAIN
            self._closing = threading.Thread(target=self._rotate, args=(size, files), name="audit-files", daemon=True)
            self._closing.start()

    def close(self) -> None:
        """May be used again afterwards."""
        if self._closing is not None:
            self._closing.join(_AGAIN)
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        with suppress(FileNotFoundError):
            found = os.stat(self._name)  # noqa: PTH116 - on the way of every call
            if self._descriptor is not None and (found.st_dev, found.st_ino) == self._place:
                self._size = found.st_size
                return self._descriptor
        if self._descriptor is not None:
            old, self._descriptor = self._descriptor, None
            os.close(old)
        descriptor = open_private_log(self.path)
        try:
            found = os.fstat(descriptor)
            if (why := not_ours_alone(found)) is not None:
                raise PermissionError(errno.EACCES, f"it {why}")
            with suppress(FileNotFoundError):  # it was closed in this moment
                close_to_others(self.path)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor, self._place = descriptor, (found.st_dev, found.st_ino)
        self._size = found.st_size
        self._torn = False
        self._not_before = 0.0
        return descriptor

    def _rotate(self, size: int, files: int) -> None:
        with suppress(OSError):
            lock = FileLock.take(self.path.with_suffix(".lock"))
            if lock is None:
                return  # another process does it
            try:
                if self.path.stat().st_size >= size:
                    replace(self.path, _closed_name(self.path))
                for old in closed_files(self.path)[:-files]:
                    remove(old)
            finally:
                lock.release()


def closed_files(path: Path) -> list[Path]:
    """The closed files of an audit, the oldest first."""
    return sorted(path.parent.glob(f"{path.stem}-*{path.suffix}"))


def _closed_name(path: Path) -> Path:
    moment = now()
    while True:
        name = path.with_name(f"{path.stem}-{moment:%Y%m%dT%H%M%S.%f}Z{path.suffix}")
        if not name.exists():
            return name
        moment += timedelta(microseconds=1)
