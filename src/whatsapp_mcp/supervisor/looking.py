"""Waiting for the session process of an account to be there, or for a reason to start one."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.platform.endpoint import remains
from whatsapp_mcp.settings import Settings

if TYPE_CHECKING:
    from whatsapp_mcp.supervisor.elsewhere import OtherMachines

INTERVAL: Final = 1.0
"""Seconds between two looks for what another server did; each costs two questions to the file system."""
FIRST_LOOK: Final = 0.02
LONGEST_LOOK: Final = 0.25
"""Seconds between two looks at a lock that somebody holds: it starts, or ends, within a second or two."""
HOLDER_WAIT: Final = 15.0
"""Seconds after which a holder who does not listen probably never will."""


class Looking:
    """The pauses of one server between its attempts."""

    def __init__(self, settings: Settings, elsewhere: OtherMachines | None = None) -> None:
        """``elsewhere``: other machines, one of which may begin to hold the account."""
        self._elsewhere = elsewhere
        self._folder = settings.account_dir
        self._ledger = settings.ledger_path
        self._woken = asyncio.Event()
        self._held_since: float | None = None
        self._look = FIRST_LOOK
        self.idle = False
        """Whether nothing is due: only a request, or another server, can change something."""

    def wake(self) -> None:
        """Somebody wants something."""
        self._woken.set()

    def found(self) -> None:
        """There is a session process."""
        self._held_since = None

    async def for_a_reason(self, seconds: float | None) -> None:
        """Return when somebody wants something, another server did something, or so many seconds have passed."""
        self._held_since = None
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds if seconds is not None else None
        before = self._seen()
        self.idle = until is None
        while self._seen() == before and (until is None or loop.time() < until):
            rest = INTERVAL if until is None else min(INTERVAL, until - loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._woken.wait()
            if self._woken.is_set() or (self._elsewhere is not None and await self._elsewhere.is_held()):
                break
        self.idle = False
        self._woken.clear()

    async def for_the_holder(self) -> bool:
        """Wait a little for the holder of the lock to listen or to end; False when that has taken too long."""
        loop = asyncio.get_running_loop()
        if self._held_since is None:
            self._held_since, self._look = loop.time(), FIRST_LOOK
        await asyncio.sleep(self._look)
        in_time = loop.time() - self._held_since < HOLDER_WAIT
        self._look = min(self._look * 1.5, LONGEST_LOOK if in_time else INTERVAL)
        return in_time

    def _seen(self) -> tuple[bool, int]:
        try:
            changed = self._ledger.stat().st_mtime_ns
        except OSError:
            changed = 0
        return remains(self._folder) is not None, changed
