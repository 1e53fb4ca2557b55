"""Sessions of the HTTP transport: a full table forgets the one that was used least recently.

The SDK refuses a new session then, so that hosts that never end theirs (most) lock everybody out for half an hour. Who
comes back to a forgotten one is answered 404, and begins a new one, as the protocol says.

Each account has sessions of its own, which no other path knows. How many there may be holds for all together.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

_SESSION: Final = "mcp-session-id"


class SessionTable:
    """The sessions of all accounts: how many there are, and when each was used."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._managers: set[AccountSessions] = set()
        self._used: dict[str, float] = {}
        self._busy: Counter[str] = Counter()

    @contextmanager
    def holding(self, manager: AccountSessions) -> Iterator[None]:
        """While inside, the sessions of this account count."""
        self._managers.add(manager)
        try:
            yield
        finally:
            self._managers.discard(manager)

    def left_for(self, manager: AccountSessions) -> int:
        """How many sessions this account may have beside those of the others."""
        return self._most - sum(len(other.open) for other in self._managers if other is not manager)

    def begins(self, session: str) -> None:
        self._busy[session] += 1

    def ends(self, session: str) -> None:
        self._busy[session] -= 1
        self.used(session)

    def used(self, session: str) -> None:
        self._used[session] = time.monotonic()

    async def make_room(self) -> None:
        """For one session more. When all are at work there is none, and the SDK answers 503."""
        known = {session: manager for manager in self._managers for session in manager.open}
        self._used = {session: used for session, used in self._used.items() if session in known}
        self._busy = Counter({session: calls for session, calls in self._busy.items() if session in known})
        while len(known) >= self._most:
            idle = [session for session in known if not self._busy[session]]
            if not idle:
                return
            oldest = min(idle, key=lambda session: self._used.get(session, 0.0))
            logger.info("all %d sessions are taken; the one that was used least recently ends", self._most)
            await known.pop(oldest).forget(oldest)


class AccountSessions(StreamableHTTPSessionManager):
    """The sessions of one account, and what stands before each of their requests."""

    def __init__(
        self,
        server: Server[Any],
        table: SessionTable,
        *,
        security: TransportSecuritySettings,
        max_body: int,
        idle: float,
    ) -> None:
        self._table = table
        super().__init__(server, security_settings=security, max_request_body_size=max_body, session_idle_timeout=idle)
        # Behind the check of the token and of the body's size.
        self._inner = self.asgi_app.app
        self.asgi_app.app = self._watched

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        with self._table.holding(self):
            async with super().run():
                yield

    # What is not exported (hence the ceiling on mcp in pyproject.toml) stands in the next four.

    @property
    def max_sessions(self) -> int | None:
        """Read by the SDK in the moment in which it admits one."""
        return self._table.left_for(self)

    @max_sessions.setter
    def max_sessions(self, most: int | None) -> None:
        """The SDK's own, which is not asked for."""

    @property
    def open(self) -> tuple[str, ...]:
        return tuple(self._server_instances)

    @property
    def owners(self) -> dict[str, tuple[str, str]]:
        """Of each session that a token of ours opened: the token's name and digest."""
        return {
            session: (owner["client_id"], owner["subject"] or "")
            for session, owner in self._session_owners.items()
            if owner["issuer"] is None
        }

    async def forget(self, session: str) -> None:
        """End a session; a call that it still works on for a client that is gone ends too."""
        transport = self._server_instances.get(session)
        if transport is not None:
            await self._discard_session(session, transport)

    async def _watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = Headers(scope=scope).get(_SESSION)
        # A stream that waits for news (GET) may be open for ever: only calls count as use.
        if scope["method"] != "POST":
            await self._inner(scope, receive, send)
        elif session is None:
            await self._table.make_room()
            await self._inner(scope, receive, self._noting(send))
        else:
            self._table.begins(session)
            try:
                await self._inner(scope, receive, send)
            finally:
                self._table.ends(session)

    def _noting(self, send: Send) -> Send:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                session = Headers(raw=message.get("headers", [])).get(_SESSION)
                if session is not None:
                    self._table.used(session)
            await send(message)

        return noting
