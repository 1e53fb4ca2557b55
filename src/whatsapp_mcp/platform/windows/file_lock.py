"""The open itself is the lock: with sharing for reading only, nobody else can open the file for writing.

``LockFileEx`` would keep others from reading who holds it, and is not inherited.
"""

from __future__ import annotations

import msvcrt
import os
import sys
from pathlib import Path
from typing import Final, Self

from whatsapp_mcp.platform.windows import opening

assert sys.platform == "win32"

_SHARING_VIOLATION: Final = 32


class FileLock:
    """Exclusive among those who take it; others can read the file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.number: int = msvcrt.get_osfhandle(descriptor)
        """What a child process has to be given to hold it too."""

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Take it now; None when somebody else holds it.

        Raises:
            OSError: the file cannot be opened; or it is not this user's alone, then without a number, and ``strerror``
                says why, as the end of a sentence.
        """
        from whatsapp_mcp.platform.windows.ownership import not_ours_alone

        access = opening.GENERIC_READ | opening.GENERIC_WRITE
        try:
            handle = opening.open_handle(path, access, share=opening.SHARE_READ, disposition=opening.OPEN_ALWAYS)
        except OSError as error:
            if error.winerror == _SHARING_VIOLATION:
                return None
            raise
        lock = cls.inherited(handle)
        if (why := not_ours_alone(os.fstat(lock._descriptor))) is not None:
            lock.release()
            raise PermissionError(None, why)
        return lock

    @classmethod
    def inherited(cls, number: int) -> Self:
        """The one whose ``number`` the parent told. Raises OSError when it is none."""
        os.set_handle_inheritable(number, False)
        return cls(msvcrt.open_osfhandle(number, os.O_RDWR | os.O_BINARY))

    def write(self, content: bytes) -> None:
        """Say in the file who holds it."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, content)

    def release(self) -> None:
        """Let go, once. A child that was given it still holds it."""
        os.close(self._descriptor)
