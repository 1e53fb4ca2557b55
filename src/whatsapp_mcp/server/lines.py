"""The bytes below the stdio transport: reading and writing lines.

Two implementations of one small contract: :class:`PipeLines` on asyncio's pipe transports, without threads, for what
hosts use (pipes, sockets, terminals); :class:`ThreadLines` for regular files and Windows, which asyncio cannot watch.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

from whatsapp_mcp.descriptors import Descriptors
from whatsapp_mcp.platform.handles import blocking_restorer, watchable

MAX_LINE: Final = 32 * 1024 * 1024
"""Bytes one message may have; the HTTP transport takes as many."""

_READ_SIZE: Final = 65_536


class OversizedLine(Exception):
    """A line longer than the limit arrived; it was read to its end and dropped."""


class Lines(Protocol):
    """A stream of lines in both directions."""

    async def read(self) -> bytes | None:
        """The next line without its end, or None at the end of the stream.

        Raises:
            OversizedLine: the next line was too long; reading can go on.
        """
        ...

    async def write(self, line: bytes) -> None:
        """Send ``line`` and its end; waits while the other side does not read.

        Raises:
            OSError: the other side is gone.
        """
        ...


@asynccontextmanager
async def open_lines(descriptors: Descriptors, *, limit: int = MAX_LINE) -> AsyncIterator[Lines]:
    """Lines over ``descriptors``, which are closed at the end."""
    try:
        if watchable(*descriptors):
            async with _pipe_lines(descriptors, limit) as lines:
                yield lines
        else:
            yield ThreadLines(descriptors, limit)
    finally:
        for fd in descriptors:
            with suppress(OSError):
                os.close(fd)


@asynccontextmanager
async def _pipe_lines(descriptors: Descriptors, limit: int) -> AsyncIterator[Lines]:
    loop = asyncio.get_running_loop()
    restore_blocking = blocking_restorer(*descriptors)
    reader = asyncio.StreamReader(limit=limit)
    incoming, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(descriptors.incoming), "rb", 0)
    )
    outgoing, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(os.dup(descriptors.outgoing), "wb", 0)
    )
    outgoing.set_write_buffer_limits(high=0)  # a write is over when the pipe has all of it
    writer = asyncio.StreamWriter(outgoing, protocol, None, loop)
    try:
        yield PipeLines(reader, writer)
    finally:
        incoming.close()
        if not outgoing.is_closing():
            outgoing.abort()  # every write was waited for; a host that does not read must not hold up the end
        await asyncio.sleep(0)
        restore_blocking()


class PipeLines:
    """Lines on asyncio streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes | None:
        oversized = False
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as overrun:
                await self._reader.readexactly(overrun.consumed)
                oversized = True
                continue
            except asyncio.IncompleteReadError as end:
                line = end.partial
                if not line and not oversized:
                    return None
            except OSError:  # a terminal that hung up
                return None
            if oversized:
                raise OversizedLine
            return line.rstrip(b"\r\n")

    async def write(self, line: bytes) -> None:
        if self._writer.transport.is_closing():
            raise BrokenPipeError("the host closed its end")
        self._writer.write(line + b"\n")
        await self._writer.drain()


class ThreadLines:
    """Lines on blocking descriptors: a daemon thread reads, so that a read without end cannot hold up the process."""

    def __init__(self, descriptors: Descriptors, limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes | OversizedLine | None] = asyncio.Queue(maxsize=64)
        self._outgoing = descriptors.outgoing
        self._writing = asyncio.Lock()
        # A duplicate of its own: the thread may still sit in a read when the descriptor above is closed and reused.
        threading.Thread(target=self._pump, args=(os.dup(descriptors.incoming), limit), daemon=True).start()

    async def read(self) -> bytes | None:
        line = await self._lines.get()
        if isinstance(line, OversizedLine):
            raise line
        return line

    async def write(self, line: bytes) -> None:
        async with self._writing:
            await asyncio.to_thread(_write_all, self._outgoing, line + b"\n")

    def _pump(self, fd: int, limit: int) -> None:
        with os.fdopen(fd, "rb", _READ_SIZE) as stream, suppress(RuntimeError, OSError):
            oversized = False
            while chunk := stream.readline(limit):
                if not chunk.endswith(b"\n") and len(chunk) >= limit:
                    oversized = True
                    continue
                self._hand_over(OversizedLine() if oversized else chunk.rstrip(b"\r\n"))
                oversized = False
            if oversized:
                self._hand_over(OversizedLine())
            self._hand_over(None)

    def _hand_over(self, line: bytes | OversizedLine | None) -> None:
        # RuntimeError: the loop is closed, nobody reads any more.
        asyncio.run_coroutine_threadsafe(self._lines.put(line), self._loop).result()


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]
