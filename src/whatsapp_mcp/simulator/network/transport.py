"""The listener on loopback: an HTTP proxy that leads nowhere but to the simulator, with TLS inside.

Go's HTTP client is told ``HTTPS_PROXY=http://127.0.0.1:PORT``; it sends ``CONNECT host:443``, starts TLS in the
tunnel and believes to talk to WhatsApp. We accept the hosts of WhatsApp and never dial out.
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
MEDIA_DOMAIN = ".whatsapp.net"
HANDSHAKE_SECONDS = 20.0
IDLE_SECONDS = 120.0
"""A connection without a request for this long is closed."""

ChatHandler = Callable[[HttpRequest, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Runs one chat socket, from its upgrade request to its end."""


class Listener:
    """One TCP listener on 127.0.0.1 for everything."""

    def __init__(self, tls: ssl.SSLContext, chat: ChatHandler, routes: Routes) -> None:
        self._tls = tls
        self._chat = chat
        self._routes = routes
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> int:
        """Listen; returns the port (``port`` 0: any free one)."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=1 << 20)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                host = await self._open_tunnel(reader, writer)
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
        if port != "443" or not (host == CHAT_HOST or host.endswith(MEDIA_DOMAIN)):
            raise HttpError(HTTPStatus.NOT_FOUND, f"no such host in this simulation: {request.target}")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self._tls, ssl_handshake_timeout=HANDSHAKE_SECONDS)
        return host

    async def _serve_host(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keep_alive = True
        while keep_alive:
            async with asyncio.timeout(IDLE_SECONDS):
                request = await read_request(reader)
            if request is None:
                return
            if host == CHAT_HOST and request.path == CHAT_PATH and request.wants_websocket:
                await self._chat(request, reader, writer)
                return
            exchange = Exchange(host, request, reader, writer)
            await self._routes.respond(exchange)
            keep_alive = exchange.keeps_alive and exchange.answered


async def _close(writer: asyncio.StreamWriter) -> None:
    """Flush and close; a peer that does not react within a second is cut off."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
        writer.close()
        async with asyncio.timeout(1):
            await writer.wait_closed()
    if writer.transport is not None:
        writer.transport.abort()
