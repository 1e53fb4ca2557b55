"""The listeners on loopback: an HTTP proxy that leads nowhere but to the simulator, with TLS inside, and TLS directly.

Go's HTTP client is told ``HTTPS_PROXY=http://127.0.0.1:PORT``; it sends ``CONNECT host:443``, starts TLS in the
tunnel and believes to talk to WhatsApp. We accept the hosts of WhatsApp and never dial out. A client that knows no
proxies is led to the other port by its settings or by a hosts file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from whatsapp_mcp.simulator.network.http import Exchange, HttpError, HttpRequest, Routes, head_of, read_request

log = logging.getLogger(__name__)

CHAT_HOST = "web.whatsapp.com"
CHAT_PATH = "/ws/chat"
CHAT_PORTS = ("443", "5222")
"""WhatsApp Web tries the second where the first is blocked, some clients both at once."""
MEDIA_DOMAIN = ".whatsapp.net"
LOCAL_HOSTS = ("127.0.0.1", "localhost")
"""What a client may be told to call the chat host, when it reaches it directly."""
HANDSHAKE_SECONDS = 20.0
IDLE_SECONDS = 120.0
"""A connection without a request for this long is closed."""

Opening = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[str | None]]
"""Begins a connection: the host that is meant (empty: each request says which), ``None`` when it wants nothing."""
ChatHandler = Callable[[HttpRequest, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Runs one chat socket, from its upgrade request to its end."""


class Listener:
    """The TCP listeners on 127.0.0.1."""

    def __init__(self, tls: ssl.SSLContext, chat: ChatHandler, routes: Routes) -> None:
        self._tls = tls
        self._chat = chat
        self._routes = routes
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> int:
        """Listen as a proxy; returns the port (``port`` 0: any free one)."""
        return await self._listen(port, self._open_tunnel)

    async def start_directly(self, port: int) -> int:
        """Listen with TLS; returns the port (``port`` 0: any free one)."""
        return await self._listen(port, self._start_tls)

    async def _listen(self, port: int, opening: Opening) -> int:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._serve(opening, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", port, limit=1 << 20)
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    async def _serve(self, opening: Opening, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                host = await opening(reader, writer)
            if host is not None:
                await self._serve_host(host, reader, writer)
        except HttpError as error:
            log.warning("refused a connection: %s", error)
            writer.write(head_of(error.status, 0, "close"))
        except (OSError, TimeoutError, EOFError) as error:
            log.debug("a connection ended: %r", error)
        except Exception:
            log.exception("a connection failed")
        finally:
            await _close(writer)

    async def _open_tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        """Answer CONNECT and start TLS; returns the host the client wants, ``None`` when it wanted nothing."""
        request = await read_request(reader)
        if request is None:
            return None
        if request.method != "CONNECT":
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, f"expected CONNECT, got {request.method}")
        host, _, port = request.target.rpartition(":")
        ports = CHAT_PORTS if host == CHAT_HOST else ("443",) if host.endswith(MEDIA_DOMAIN) else ()
        if port not in ports:
            raise HttpError(HTTPStatus.NOT_FOUND, f"no such host in this simulation: {request.target}")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self._tls, ssl_handshake_timeout=HANDSHAKE_SECONDS)
        return host

    async def _start_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Start TLS; which host is meant, each request says."""
        await writer.start_tls(self._tls, ssl_handshake_timeout=HANDSHAKE_SECONDS)
        return ""

    async def _serve_host(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keep_alive = True
        while keep_alive:
            async with asyncio.timeout(IDLE_SECONDS):
                request = await read_request(reader)
            if request is None:
                return
            named = host or _host_of(request)
            if named == CHAT_HOST and request.path == CHAT_PATH and request.wants_websocket:
                await self._chat(request, reader, writer)
                return
            exchange = Exchange(named, request, reader, writer)
            await self._routes.respond(exchange)
            keep_alive = exchange.keeps_alive and exchange.answered


def _host_of(request: HttpRequest) -> str:
    """The host that a request without a tunnel is for."""
    host = request.headers.get("host", "").partition(":")[0].lower()
    return CHAT_HOST if host in LOCAL_HOSTS else host


async def _close(writer: asyncio.StreamWriter) -> None:
    """Flush and close; a peer that does not react within a second is cut off."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
        writer.close()
        async with asyncio.timeout(1):
            await writer.wait_closed()
    if writer.transport is not None:
        writer.transport.abort()
