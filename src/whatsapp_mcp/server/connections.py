"""Connections of the HTTP transport: how many there may be, and how long one may take to ask.

uvicorn limits neither: each connection costs a descriptor, and whoever opens many and says nothing, or half a header,
keeps everybody else out, without any token. Here a full server closes a connection that waits, so that there is always
room for one that asks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from whatsapp_mcp.platform.processes import open_files_limit

MOST: Final = 512
"""Connections, if the system allows twice as many open files; half of them otherwise."""

HEAD_TIME: Final = 10.0
"""Seconds from the connection, or from the last answer on it, to the end of a request's headers."""

BODY_TIME: Final = 120.0
"""Seconds for the body of a request, which may have 32 MiB."""


def most_connections() -> int:
    """Connections that there may be at once; the rest of the descriptors is for databases, media and the session."""
    limit = open_files_limit()
    return MOST if limit is None else max(16, min(MOST, limit // 2))


class Connection(H11Protocol):
    """One connection: closed when its request does not come in time, or when it waits and others need its place."""

    _timer: asyncio.TimerHandle | None = None
    _phase: object = None
    since: float = 0.0
    """When it began to wait for a request, by the loop's clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()
        self._watch()
        here = [each for each in cast("set[Connection]", self.connections) if not each.transport.is_closing()]
        # uvicorn answers 503 when there are as many as it was told.
        if len(here) >= (self.limit_concurrency or MOST):
            _idlest(here, self).give_way()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = None
        self._stop_timer()
        super().connection_lost(exc)

    @property
    def waits(self) -> bool:
        """Nothing is being done for it."""
        return self.cycle is None or self.cycle.response_complete

    def give_way(self) -> None:
        self.transport.abort()

    def _watch(self) -> None:
        """Start the clock when another part of a request is due; bytes that trickle in do not restart it."""
        due = self.conn.their_state
        # What comes of a body after its answer is thrown away, and need not be waited for so long.
        phase = (due, self.waits) if due is h11.SEND_BODY else due
        if phase == self._phase or self.transport.is_closing():
            return
        self._phase = phase
        self._stop_timer()
        if due is h11.IDLE or phase == (h11.SEND_BODY, True):
            self._timer = self.loop.call_later(HEAD_TIME, self.give_way)
        elif due is h11.SEND_BODY:
            self._timer = self.loop.call_later(BODY_TIME, self.give_way)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _idlest(connections: Sequence[Connection], newest: Connection) -> Connection:
    """The one that has waited longest, of the address that keeps most connections waiting; the newest when none waits.

    Behind a proxy all have one address; then it is the one that has waited longest.
    """
    waiting = [each for each in connections if each.waits and each is not newest]
    if not waiting:
        return newest
    held = Counter(each.client[0] if each.client else "" for each in waiting)
    return min(waiting, key=lambda each: (-held[each.client[0] if each.client else ""], each.since))
