"""Sessions of the HTTP transport: a full table forgets the one that was used least recently.

The SDK refuses a new session then, so that hosts that never end theirs (most) lock everybody out for half an hour. Who
comes back to a forgotten one is answered 404, and begins a new one, as the protocol says.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Final

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

_SESSION: Final = "mcp-session-id"


class RecentSessions:
    """Stands before the manager's own application, behind the check of the token and of the body's size."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager
        self._inner = manager.asgi_app.app
        self._used: dict[str, float] = {}
        self._busy: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = Headers(scope=scope).get(_SESSION)
        # A stream that waits for news (GET) may be open for ever: only calls count as use.
        if scope["method"] != "POST":
            await self._inner(scope, receive, send)
        elif session is None:
            await self._make_room()
            await self._inner(scope, receive, self._noting(send))
        else:
            self._busy[session] += 1
            try:
                await self._inner(scope, receive, send)
            finally:
                self._busy[session] -= 1
                self._used[session] = time.monotonic()

    def _noting(self, send: Send) -> Send:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                session = Headers(raw=message.get("headers", [])).get(_SESSION)
                if session is not None:
                    self._used[session] = time.monotonic()
            await send(message)

        return noting

    async def _make_room(self) -> None:
        # Not exported (hence the ceiling on mcp in pyproject.toml).
        manager, known = self._manager, self._manager._server_instances
        self._used = {session: used for session, used in self._used.items() if session in known}
        self._busy = Counter({session: calls for session, calls in self._busy.items() if session in known})
        while manager.max_sessions is not None and len(known) >= manager.max_sessions:
            idle = [session for session in known if not self._busy[session]]
            if not idle:
                return  # the SDK answers 503
            oldest = min(idle, key=lambda session: self._used.get(session, 0.0))
            logger.info("all %d sessions are taken; the one that was used least recently ends", manager.max_sessions)
            await manager._discard_session(oldest, known[oldest])
