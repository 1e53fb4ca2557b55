"""A lock file that one process at a time holds open; a process that it starts can go on holding it.

The system lets go of it when the last process that holds it ends, however that ends.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.file_lock import FileLock as _FileLock
else:
    from whatsapp_mcp.platform.posix.file_lock import FileLock as _FileLock

_AGAIN: Final = 0.02
"""Seconds between two tries: the lock of a file tells nobody that it is free."""


class FileLock(_FileLock):
    """Exclusive among those who take it; others can read the file."""

    @classmethod
    def wait(cls, path: Path, limit: float, between: Callable[[], bool] = lambda: True) -> Self | None:
        """Take it, within so many seconds; None when somebody else holds it all the time.

        Args:
            between: is called after each try that fails; False gives it up.

        Raises:
            OSError: as :meth:`take`.
        """
        until = time.monotonic() + limit
        while (lock := cls.take(path)) is None:
            if not between() or time.monotonic() >= until:
                return None
            time.sleep(_AGAIN)
        return lock

    @classmethod
    async def wait_async(cls, path: Path, limit: float) -> Self | None:
        """As :meth:`wait`, in an event loop; whoever is cancelled meanwhile has not taken it."""
        until = time.monotonic() + limit
        while (lock := cls.take(path)) is None:
            if time.monotonic() >= until:
                return None
            await asyncio.sleep(_AGAIN)
        return lock
