"""MCP over streamable HTTP at ``/mcp`` and ``/mcp/NAME``: always a bearer token, Host and Origin checked, loopback by
default."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import anyio
import uvicorn
from mcp.server import Server
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.server.account_paths import AccountPaths, ServedAccounts
from whatsapp_mcp.server.auth import SCOPE, StaticToken
from whatsapp_mcp.server.connections import Connection, most_connections
from whatsapp_mcp.server.sessions import AccountSessions, SessionTable
from whatsapp_mcp.server.signals import on_stop_signals

MAX_BODY: Final = 32 * 1024 * 1024
"""Bytes of one request; media may come as `data:` URIs."""

SESSION_IDLE: Final = 1_800
"""Seconds after which a session that nobody uses is forgotten."""

MAX_SESSIONS: Final = 256
"""Sessions of all accounts; when there are so many, a new one ends that which was used least recently."""

REQUEST_GRACE: Final = 0.2
"""Seconds that requests under way have when the server stops; streams have no end of their own."""

LIFESPAN_GRACE: Final = 10.0
"""Seconds the lifespan has for its end."""

_QUEUE: Final = 1_024
"""Connections that the system keeps for us until we accept them; they cost no descriptors."""

_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


def announce(url: str) -> None:
    """Tell the terminal."""
    sys.stderr.write(f"Listening on {url}\n")
    sys.stderr.flush()


async def serve_http(
    accounts: ServedAccounts,
    *,
    token: str,
    host: str = "127.0.0.1",
    port: int = 8765,
    allowed_hosts: Sequence[str] = (),
    announce: Callable[[str], None] = announce,
    more_routes: Sequence[Route] = (),
) -> None:
    """Serve until SIGINT or SIGTERM, or until cancelled; returns normally after the end of all accounts' servers.

    ``allowed_hosts`` are names under which clients reach this server from elsewhere, without port; required when
    ``host`` is not a loopback address. ``announce`` is told the URL once connections are accepted; ``port`` 0 picks a
    free one. ``more_routes`` are beside those of MCP, with checks of their own.

    Raises:
        SetupError: the address cannot be bound, or ``allowed_hosts`` is missing.
    """
    paths = account_paths(accounts, host=host, allowed_hosts=allowed_hosts)
    app = http_app(paths, token=token, more_routes=more_routes)
    requests = _OpenRequests(app, paths)
    with _listening(host, port) as listener, anyio.CancelScope() as everything:
        web = _WebServer(requests, on_start=lambda: announce(_url(host, listener)))
        with on_stop_signals(web.ask_to_stop, everything.cancel):
            async with app.router.lifespan_context(app):
                await web.serve(sockets=[listener])
                everything.deadline = anyio.current_time() + LIFESPAN_GRACE


def account_paths(accounts: ServedAccounts, *, host: str, allowed_hosts: Sequence[str] = ()) -> AccountPaths:
    """The servers of the accounts, within the limits of this transport.

    Raises:
        SetupError: ``host`` can be reached from elsewhere and ``allowed_hosts`` is empty.
    """
    security, table = _security(host, allowed_hosts), SessionTable(MAX_SESSIONS)

    def sessions(server: Server[Any]) -> AccountSessions:
        return AccountSessions(server, table, security=security, max_body=MAX_BODY, idle=SESSION_IDLE)

    return AccountPaths(accounts, security, sessions)


def http_app(paths: AccountPaths, *, token: str, more_routes: Sequence[Route] = ()) -> Starlette:
    """The ASGI application: the accounts, and ``GET /health`` for supervisors, which needs no token and tells nothing.

    Who has not got the token gets the same answer at every path, and nothing is done for it.
    """
    guarded = RequireAuthMiddleware(paths, [SCOPE])
    return Starlette(
        routes=[
            Route("/mcp", endpoint=guarded),
            Route("/mcp/{account}", endpoint=guarded),
            Route("/health", _health),
            *more_routes,
        ],
        middleware=[Middleware(AuthenticationMiddleware, backend=BearerAuthBackend(StaticToken(token)))],
        lifespan=lambda _: paths.running(),
    )


async def _health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def _security(host: str, allowed_hosts: Sequence[str]) -> TransportSecuritySettings:
    names = [*_LOOPBACK_NAMES, _in_url(host)] if _is_loopback(host) else []
    names.extend(_in_url(name) for name in allowed_hosts)
    if not names:
        raise SetupError(
            f"{host} can be reached from other machines, and no host name is allowed",
            next_step="Name the hosts that clients use with --allowed-host, or listen on 127.0.0.1.",
        )
    origins = [f"{scheme}://{name}" for scheme in ("http", "https") for name in names]
    return TransportSecuritySettings(
        allowed_hosts=[*names, *(f"{name}:*" for name in names)],
        allowed_origins=[*origins, *(f"{origin}:*" for origin in origins)],
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _url(host: str, listener: socket.socket) -> str:
    return f"http://{_in_url(host)}:{listener.getsockname()[1]}/mcp"


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise SetupError(
            f"{host}:{port} cannot be listened on: {getattr(error, 'strerror', None) or error}",
            next_step="Choose another --port or --host, or stop the program that uses it.",
        ) from None
    with listener:
        yield listener


class _WebServer(uvicorn.Server):
    """uvicorn, with an end that does not wait for streams and signals left to us."""

    def __init__(self, requests: _OpenRequests, *, on_start: Callable[[], None]) -> None:
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

    def __init__(self, app: ASGIApp, paths: AccountPaths) -> None:
        self._app = app
        self._paths = paths
        self._open: set[anyio.CancelScope] = set()
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(self._open) >= self.most and scope["path"] != "/health":
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
            self._open.add(request)
            try:
                await self._app(scope, receive, watched)
            finally:
                self._open.discard(request)
        if request.cancelled_caught and not progress["complete"]:
            if not progress["started"]:
                await send({"type": "http.response.start", "status": 503, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b""})
