"""``flock``: it belongs to the open file, which a child inherits."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path
from typing import Self

assert sys.platform != "win32"


class FileLock:
    """Exclusive among those who take it; others can read the file."""

    def __init__(self, descriptor: int) -> None:
        self.number = descriptor
        """What a child process has to be given to hold it too."""

    @classmethod
    def take(cls, path: Path) -> Self | None:
        """Take it now; None when somebody else holds it.

        Raises:
            OSError: the file cannot be opened; or it is not this user's alone, then without a number, and ``strerror``
                says why, as the end of a sentence.
        """
        from whatsapp_mcp.platform.posix.ownership import not_ours_alone

        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if (why := not_ours_alone(os.fstat(descriptor))) is not None:
            os.close(descriptor)
            raise PermissionError(None, why)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    @classmethod
    def inherited(cls, number: int) -> Self:
        """The one whose ``number`` the parent told. Raises OSError when it is none."""
        os.set_inheritable(number, False)
        return cls(number)

    def write(self, content: bytes) -> None:
        """Say in the file who holds it."""
        os.ftruncate(self.number, 0)
        os.lseek(self.number, 0, os.SEEK_SET)
        os.write(self.number, content)

    def release(self) -> None:
        """Let go, once. A child that was given it still holds it."""
        os.close(self.number)
