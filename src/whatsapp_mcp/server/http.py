"""MCP over streamable HTTP at ``/mcp`` and ``/mcp/NAME``: always a bearer token, Host and Origin checked, loopback by
default."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import anyio
import uvicorn
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.lowlevel import Server
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationError, BaseUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whatsapp_mcp.log_lines import tell
from whatsapp_mcp.server.account_paths import AccountPaths, ServedAccounts
from whatsapp_mcp.server.auth import HttpAccess, NobodyCanTell
from whatsapp_mcp.server.connections import Connection, most_connections
from whatsapp_mcp.server.health import PATHS, Health
from whatsapp_mcp.server.listening import (
    TlsFiles,
    check_remote,
    is_loopback,
    listening,
    security_of,
    tls_context,
    url_of,
)
from whatsapp_mcp.server.sessions import AccountSessions, SessionTable
from whatsapp_mcp.server.signals import on_stop_signals
from whatsapp_mcp.server.watchers import Watchers

logger = logging.getLogger(__name__)

MAX_BODY: Final = 32 * 1024 * 1024
"""Bytes of one request; media may come as `data:` URIs."""

SESSION_IDLE: Final = 1_800
"""Seconds after which a session that nobody uses is forgotten."""

MAX_SESSIONS: Final = 256
"""Sessions of all accounts; when there are so many, a new one ends that which was used least recently."""

REQUEST_GRACE: Final = 0.2
"""Seconds that requests under way have when the server stops; streams have no end of their own."""

REVOKED_WITHIN: Final = 1.0
"""Seconds after which a stream ends whose token was revoked or has expired. New requests are refused at once."""

LIFESPAN_GRACE: Final = 10.0
"""Seconds the lifespan has for its end."""

_QUEUE: Final = 1_024
"""Connections that the system keeps for us until we accept them; they cost no descriptors."""


def announce(url: str) -> None:
    """Tell the terminal."""
    tell(f"Listening on {url}")


async def serve_http(
    accounts: ServedAccounts,
    *,
    access: HttpAccess,
    host: str = "127.0.0.1",
    port: int = 8765,
    allowed_hosts: Sequence[str] = (),
    allow_remote: bool = False,
    tls: TlsFiles | None = None,
    announce: Callable[[str], None] = announce,
    more_routes: Sequence[Route] = (),
) -> None:
    """Serve until SIGINT or SIGTERM, or until cancelled; returns normally after the end of all accounts' servers.

    ``allowed_hosts`` are names under which clients reach this server from elsewhere, without port; required, as is
    ``allow_remote``, when ``host`` is not a loopback address. ``announce`` is told the URL once connections are
    accepted; ``port`` 0 picks a free one. ``more_routes`` are beside those of MCP, with checks of their own.

    Raises:
        SetupError: the address cannot be bound or may not be, TLS cannot be served, or ``allowed_hosts`` is missing.
    """
    check_remote(host, allowed=allow_remote, encrypted=tls is not None)
    context = tls_context(tls) if tls is not None else None
    paths = account_paths(accounts, host=host, allowed_hosts=allowed_hosts)
    trusts_here = is_loopback(host) and not allowed_hosts
    app = http_app(paths, access=access, trusts_here=trusts_here, more_routes=more_routes)
    requests = _OpenRequests(app, paths, access)
    with listening(host, port) as listener, anyio.CancelScope() as everything:
        url = url_of(host, listener, encrypted=context is not None)
        web = _WebServer(requests, on_start=lambda: announce(url), tls=context)
        with on_stop_signals(web.ask_to_stop, everything.cancel):
            async with app.router.lifespan_context(app), requests.ending_what_is_revoked():
                await web.serve(sockets=[listener])
                everything.deadline = anyio.current_time() + LIFESPAN_GRACE


def account_paths(accounts: ServedAccounts, *, host: str, allowed_hosts: Sequence[str] = ()) -> AccountPaths:
    """The servers of the accounts, within the limits of this transport.

    Raises:
        SetupError: ``host`` can be reached from elsewhere and ``allowed_hosts`` is empty.
    """
    security, table = security_of(host, allowed_hosts), SessionTable(MAX_SESSIONS)

    def sessions(server: Server[Any]) -> AccountSessions:
        return AccountSessions(server, table, security=security, max_body=MAX_BODY, idle=SESSION_IDLE)

    return AccountPaths(accounts, security, sessions)


def http_app(
    paths: AccountPaths, *, access: HttpAccess, trusts_here: bool = False, more_routes: Sequence[Route] = ()
) -> Starlette:
    """The ASGI application: the accounts, and what supervisors ask.

    Who has no token gets the same answer at every path, and nothing is done for it; but whether all is well is told.
    """
    watchers = Watchers(access, trusts_here=trusts_here)
    guarded = RequireAuthMiddleware(paths, [access.required_scope], access.metadata)
    return Starlette(
        routes=[
            Route("/mcp", endpoint=guarded),
            Route("/mcp/{account}", endpoint=guarded),
            *Health(paths.accounts, watchers, lambda: sum(len(one.open) for one in paths.open_sessions)).routes,
            *access.routes,
            *more_routes,
        ],
        middleware=[Middleware(AuthenticationMiddleware, backend=_Bearers(access), on_error=_not_now)],
        lifespan=lambda _: paths.running(),
    )


class _Bearers(BearerAuthBackend):
    """When nobody can tell whose a token is, who asks how the server does is told as much as somebody without one."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        try:
            found: tuple[AuthCredentials, BaseUser] | None = await super().authenticate(conn)
        except NobodyCanTell:
            if conn.url.path.startswith(PATHS):
                return None
            raise
        return found


def _not_now(_request: HTTPConnection, _error: AuthenticationError) -> JSONResponse:
    """Not 401, after which clients throw a token away. Where the database lies, is in the log alone."""
    why = "whose token this is cannot be looked up now: the database does not answer; try again"
    return JSONResponse({"error": why}, status_code=503, headers={"Retry-After": "1"})


class _WebServer(uvicorn.Server):
    """uvicorn, with an end that does not wait for streams and signals left to us."""

    def __init__(
        self, requests: _OpenRequests, *, on_start: Callable[[], None], tls: ssl.SSLContext | None = None
    ) -> None:
        most = most_connections()
        config = uvicorn.Config(
            requests,
            lifespan="off",
            ws="none",
            http=Connection,
            limit_concurrency=most,
            # Connections are accepted so many at a time, before any of them is looked at.
            backlog=max(16, most // 4),
            log_config=None,  # uvicorn's own writes to stdout
            access_log=False,
            ssl_context_factory=(lambda _config, _default: tls) if tls is not None else None,
        )
        super().__init__(config)
        self._requests = requests
        self._on_start = on_start

    def ask_to_stop(self) -> None:
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_QUEUE)
        self._on_start()

    async def main_loop(self) -> None:
        try:
            await super().main_loop()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self.shutdown()
            raise

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        async with self._requests.ending_after(REQUEST_GRACE):
            await super().shutdown(sockets)


class _OpenRequests:
    """An ASGI application that can end the requests it is serving, each with a complete response."""

    def __init__(self, app: ASGIApp, paths: AccountPaths, access: HttpAccess) -> None:
        self._app = app
        self._paths = paths
        self._access = access
        self._open: dict[anyio.CancelScope, Scope] = {}
        # Streams are requests too, and have no end of their own: connections that ask have to find a place beside them.
        self.most = most_connections() * 3 // 4

    @asynccontextmanager
    async def ending_after(self, seconds: float) -> AsyncIterator[None]:
        """While the body runs: wait ``seconds``, then end every open request."""

        async def end() -> None:
            await anyio.sleep(seconds)
            # A session that still works on a call when the SDK stops it tries for a second to tell a client that is no
            # longer connected.
            for sessions in self._paths.open_sessions:
                for session in sessions.open:
                    await sessions.forget(session)
            while True:
                for request in list(self._open):
                    request.cancel()
                await anyio.sleep(0.05)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(end)
            yield
            tasks.cancel_scope.cancel()

    @asynccontextmanager
    async def ending_what_is_revoked(self) -> AsyncIterator[None]:
        """While the body runs: end requests, streams among them, and sessions whose token is no longer good."""

        async def watch() -> None:
            while True:
                await anyio.sleep(REVOKED_WITHIN)
                if not await self._access.look():
                    continue  # what they would read is in the same database
                at = time.time()
                for request, scope in list(self._open.items()):
                    if not self._access.still_good(scope, at):
                        request.cancel()
                for sessions in self._paths.open_sessions:
                    for session, (name, digest) in sessions.owners.items():
                        if not self._access.holds(name, digest):
                            await sessions.forget(session)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            yield
            tasks.cancel_scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self._open) >= self.most and not scope["path"].startswith(PATHS):
            busy = JSONResponse({"error": "too many requests at once"}, status_code=503, headers={"Retry-After": "1"})
            await busy(scope, receive, send)
            return
        progress = {"started": False, "complete": False}

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                progress["started"] = True
            elif message["type"] == "http.response.body":
                progress["complete"] = not message.get("more_body", False)
            await send(message)

        with anyio.CancelScope() as request:
            self._open[request] = scope
            try:
                await self._app(scope, receive, watched)
            except ClientDisconnect:  # in the middle of its request; uvicorn would log where we were
                logger.debug("a client hung up in the middle of its request")
            finally:
                del self._open[request]
        if request.cancelled_caught and not progress["complete"]:
            if not progress["started"]:
                await send({"type": "http.response.start", "status": 503, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b""})
