"""The little HTTP that a WhatsApp host needs: requests whose bodies are read and answered piece by piece.

Bounded by design: heads up to 32 KiB; who keeps a body limits it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

log = logging.getLogger(__name__)

PIECE = 1 << 18
STALL_SECONDS = 60.0
"""A peer that neither sends nor takes anything for this long is cut off."""
_MAX_HEAD = 32 * 1024
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")
"""One range from the start on (RFC 9110, 14.1.2); others are answered with the whole, as a server may."""


class HttpError(Exception):
    """The peer did not speak HTTP as expected; ``status`` is what it is told before the connection closes."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True)
class HttpRequest:
    method: str
    target: str
    """As sent: a path with query, or ``host:port`` for CONNECT."""
    headers: Mapping[str, str]
    """Names in lower case."""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """Query parameters, the last one of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def part_of(self, size: int) -> range | None:
        """The bytes that are asked for of so many; ``None``: all.

        Raises:
            HttpError: there are none of these.
        """
        found = _RANGE.fullmatch(self.headers.get("range", ""))
        if found is None or self.method != "GET":
            return None
        part = range(int(found[1]), min(int(found[2] or size - 1) + 1, size))
        if not part:
            raise HttpError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"there are {size} bytes only")
        return part

    @property
    def wants_websocket(self) -> bool:
        return self.headers.get("upgrade", "").lower() == "websocket"

    @property
    def keeps_alive(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


def head_of(
    status: HTTPStatus, length: int, connection: str, headers: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """The head of an answer with a body of ``length`` bytes."""
    fields = {**headers, "Content-Length": str(length), "Connection": connection}
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class Exchange:
    """One request and its answer. ``host`` is the name that the client believes to talk to."""

    def __init__(
        self, host: str, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.host = host
        self.request = request
        self._reader = reader
        self._writer = writer
        self._unread = True
        self._aborted = False
        self.answered = False

    @property
    def announced(self) -> int:
        """The length of the body in bytes; -1: it comes in chunks of unknown number.

        Raises:
            HttpError: not a length.
        """
        if "chunked" in self.request.headers.get("transfer-encoding", "").lower():
            return -1
        length = self.request.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise HttpError(HTTPStatus.BAD_REQUEST, f"not a length: {length!r}")
        return int(length)

    async def body(self) -> AsyncIterator[bytes]:
        """The body in pieces, once.

        Raises:
            HttpError: it ends early or is not encoded as announced.
        """
        if not self._unread:
            return
        self._unread = False
        if self.announced and self.request.headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            if self.announced >= 0:
                async for piece in self._exactly(self.announced):
                    yield piece
                return
            while size := int((await self._line()).split(b";")[0].strip(), 16):
                async for piece in self._exactly(size):
                    yield piece
                await self._line()
            while await self._line() != b"\r\n":  # trailers
                pass
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise HttpError(HTTPStatus.BAD_REQUEST, "the body ended early or is not encoded as announced") from error

    async def _exactly(self, size: int) -> AsyncIterator[bytes]:
        while size > 0:
            async with asyncio.timeout(STALL_SECONDS):
                piece = await self._reader.read(min(size, PIECE))
            if not piece:
                raise asyncio.IncompleteReadError(b"", size)
            size -= len(piece)
            yield piece

    async def _line(self) -> bytes:
        async with asyncio.timeout(STALL_SECONDS):
            return await self._reader.readuntil(b"\r\n")

    async def answer(
        self,
        status: HTTPStatus = HTTPStatus.OK,
        content: bytes | AsyncIterator[bytes] = b"",
        *,
        length: int = 0,
        content_type: str = "application/octet-stream",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send the answer: ``content``, or ``length`` bytes of it in pieces; only the range that is asked for, if one
        is. What the client still sends is read first and dropped: one that is writing does not see an answer.

        Raises:
            HttpError: there is no such range.
        """
        async for _ in self.body():
            pass
        self.answered = True
        connection = "keep-alive" if self.keeps_alive else "close"
        size = len(content) if isinstance(content, bytes) else length
        fields = {"Content-Type": content_type, **(headers or {})}
        part = self.request.part_of(size) if status is HTTPStatus.OK and size else None
        if part is not None:
            status, fields["Content-Range"] = HTTPStatus.PARTIAL_CONTENT, f"bytes {part.start}-{part[-1]}/{size}"
        wanted = part or range(size)
        self._writer.write(head_of(status, len(wanted), connection, fields))
        if isinstance(content, bytes):
            await self._send(content[wanted.start : wanted.stop])
            return
        at = 0
        async for piece in content:
            await self._send(piece[max(wanted.start - at, 0) : max(wanted.stop - at, 0)])
            at += len(piece)
        await self._send(b"")

    async def _send(self, piece: bytes) -> None:
        if self._aborted:
            raise ConnectionAbortedError("the connection was cut on purpose")
        self._writer.write(piece)
        async with asyncio.timeout(STALL_SECONDS):
            await self._writer.drain()

    def abort(self) -> None:
        """Cut the connection as a network failure would."""
        self._aborted = True
        self._writer.transport.abort()

    @property
    def keeps_alive(self) -> bool:
        """Whether the next request may follow on the same connection."""
        return self.request.keeps_alive and not self._aborted


Handler = Callable[[Exchange], Awaitable[None]]
"""Answers a request by :meth:`Exchange.answer`, or cuts the connection."""


class Routes:
    """Handlers by the first part of the path (``/mms/``); of several that fit, the longest."""

    def __init__(self) -> None:
        self._by_prefix: dict[str, Handler] = {}

    def add(self, prefix: str, handler: Handler) -> None:
        self._by_prefix[prefix] = handler

    async def respond(self, exchange: Exchange) -> None:
        path = exchange.request.path
        fitting = [prefix for prefix in self._by_prefix if path.startswith(prefix)]
        if fitting:
            await self._by_prefix[max(fitting, key=len)](exchange)
        else:
            log.info("nothing at https://%s%s", exchange.host, path)
            await exchange.answer(HTTPStatus.NOT_FOUND)


async def read_request(reader: asyncio.StreamReader) -> HttpRequest | None:
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
    return HttpRequest(parts[0], parts[1], headers)
