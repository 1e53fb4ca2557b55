"""HTTP requests whose bodies are too large to be held: read and answered piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus

from whatsapp_mcp.simulator.network.http import HttpError, Request

__all__ = ["Exchange", "StreamHandler"]

PIECE = 1 << 18
STALL_SECONDS = 60.0
"""A peer that neither sends nor takes anything for this long is cut off."""


class Exchange:
    """One request and its answer. ``host`` is the name that the client believes to talk to."""

    def __init__(self, host: str, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
        content: Iterable[bytes] | AsyncIterator[bytes] = (),
        *,
        length: int = 0,
        content_type: str = "application/octet-stream",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send the answer: ``content`` has ``length`` bytes in all. What the client still sends is read first and
        dropped: one that is writing does not see an answer."""
        async for _ in self.body():
            pass
        self.answered = True
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Type: {content_type}"]
        lines += [f"Content-Length: {length}", f"Connection: {'keep-alive' if self.keeps_alive else 'close'}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        if isinstance(content, AsyncIterator):
            async for piece in content:
                await self._send(piece)
        else:
            for piece in content:
                await self._send(piece)
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


StreamHandler = Callable[[Exchange], Awaitable[None]]
"""Answers a request by :meth:`Exchange.answer`, or cuts the connection."""
