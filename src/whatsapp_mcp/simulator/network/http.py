"""The little HTTP that a WhatsApp host needs: the upgrade request of the chat socket, and whole requests with small
bodies. Large ones are the matter of :mod:`whatsapp_mcp.simulator.network.streaming`.

Bounded by design: heads up to 32 KiB, bodies up to :data:`MAX_BODY`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from whatsapp_mcp.simulator.network.streaming import StreamHandler

__all__ = ["Handler", "HttpError", "Request", "Response", "Routes", "read_body", "read_request"]

MAX_BODY = 256 * 1024 * 1024
_MAX_HEAD = 32 * 1024


class HttpError(Exception):
    """The peer did not speak HTTP as expected; ``status`` is what it is told before the connection closes."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class Request:
    method: str
    target: str
    """As sent: a path with query, or ``host:port`` for CONNECT."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """Query parameters, the last one of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def wants_websocket(self) -> bool:
        return self.headers.get("upgrade", "").lower() == "websocket"

    @property
    def keeps_alive(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


@dataclass(slots=True)
class Response:
    status: HTTPStatus = HTTPStatus.OK
    body: bytes = b""
    content_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self, *, close: bool) -> bytes:
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}", f"Content-Type: {self.content_type}"]
        lines += [f"Content-Length: {len(self.body)}", f"Connection: {'close' if close else 'keep-alive'}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + self.body


Handler = Callable[[str, Request], Awaitable[Response]]
"""Answers a request; the first argument is the host name the client believes to talk to."""


class Routes:
    """Handlers by the first part of the path; of several that fit, the longest."""

    def __init__(self) -> None:
        self._by_prefix: dict[str, Handler] = {}
        self._streams: dict[str, StreamHandler] = {}

    def add(self, prefix: str, handler: Handler) -> None:
        """Send requests whose path starts with ``prefix`` (``/mms/``) to ``handler``; the longest prefix wins."""
        self._by_prefix[prefix] = handler

    def add_stream(self, prefix: str, handler: StreamHandler) -> None:
        """The same for a handler that reads and answers piece by piece."""
        self._streams[prefix] = handler

    def stream(self, path: str) -> StreamHandler | None:
        """The handler of this kind for a path, unless one for whole requests fits better."""
        fitting = [prefix for prefix in (*self._by_prefix, *self._streams) if path.startswith(prefix)]
        return self._streams.get(max(fitting, key=len)) if fitting else None

    async def respond(self, host: str, request: Request) -> Response:
        fitting = [prefix for prefix in self._by_prefix if request.path.startswith(prefix)]
        if not fitting:
            return Response(HTTPStatus.NOT_FOUND)
        return await self._by_prefix[max(fitting, key=len)](host, request)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Read a request line and headers; ``None`` when the peer closed before a request.

    Raises:
        HttpError: malformed or too large.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise HttpError(HTTPStatus.BAD_REQUEST, "the request ended in its head") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is too long") from error
    if len(head) > _MAX_HEAD:
        raise HttpError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is too long")
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise HttpError(HTTPStatus.BAD_REQUEST, f"not an HTTP request: {first[:80]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise HttpError(HTTPStatus.BAD_REQUEST, f"not a header: {line[:80]!r}")
        headers[name.lower()] = value.strip()
    return Request(parts[0], parts[1], headers)


async def read_body(reader: asyncio.StreamReader, request: Request) -> None:
    """Read the body that the headers announce into ``request.body``.

    Raises:
        HttpError: an unusable length or encoding.
    """
    if "chunked" in request.headers.get("transfer-encoding", "").lower():
        request.body = await _read_chunks(reader)
        return
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise HttpError(HTTPStatus.BAD_REQUEST, f"not a length: {length!r}")
    if int(length) > MAX_BODY:
        raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{length} bytes are too many")
    try:
        request.body = await reader.readexactly(int(length))
    except asyncio.IncompleteReadError as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, "the body ended early") from error


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    try:
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0].strip(), 16)
            if size < 0 or len(body) + size > MAX_BODY:
                raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too many bytes")
            if size == 0:
                while await reader.readuntil(b"\r\n") != b"\r\n":  # trailers
                    pass
                return bytes(body)
            body += await reader.readexactly(size)
            await reader.readexactly(2)
    except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, "unusable chunked body") from error
