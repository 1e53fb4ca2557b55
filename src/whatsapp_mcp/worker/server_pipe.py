"""The session process's end of the pipe: the server's calls in, replies and notices out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from pydantic import ValidationError

from whatsapp_mcp.descriptors import Descriptors
from whatsapp_mcp.errors import SetupError, WhatsAppMcpError
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe.command import Command, Wire
from whatsapp_mcp.pipe.lines import Hello
from whatsapp_mcp.pipe.pieces import MAX_LINE, Pieces, in_pieces

logger = logging.getLogger(__name__)


class ServerPipe:
    """Only for the thread of the event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pieces = Pieces()

    @classmethod
    async def open(cls, wire: Descriptors) -> ServerPipe:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_LINE)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(wire.incoming, "rb", 0))
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(wire.outgoing, "wb", 0)
        )
        return cls(reader, asyncio.StreamWriter(transport, protocol, None, loop))

    async def hello(self) -> Hello:
        """The first line. Raises SetupError when there is none."""
        try:
            with anyio.fail_after(10):
                return codec.decode_hello(await self._reader.readline())
        except (TimeoutError, ValidationError) as error:
            raise SetupError("the session process is started by the server, not by hand") from error

    async def serve(self, run: Callable[[Command[Any], float], Awaitable[Any]]) -> None:
        """Answer calls until the server is gone, or nothing can be read any more.

        Args:
            run: carries out a command within so many seconds.
        """
        tasks: set[asyncio.Task[None]] = set()
        while received := await self._reader.readline():
            if (line := self._pieces.whole(received)) is None:
                continue
            task = asyncio.create_task(self._answer(line, run))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _answer(self, line: bytes, run: Callable[[Command[Any], float], Awaitable[Any]]) -> None:
        try:
            call_id, timeout, command = codec.decode_call(line)
        except (ValueError, KeyError):
            logger.error("unreadable line from the server: %.200r", line)
            return
        try:
            if isinstance(command, WhatsAppMcpError):
                raise command
            result = await run(command, timeout)
            for line in codec.encode_result(call_id, command, result):
                await self._send(line, call_id)
            return
        except WhatsAppMcpError as error:
            answer = codec.encode_error(call_id, error)
        except Exception:
            logger.exception("%s failed", type(command).__name__)  # without what it was to send
            answer = codec.encode_error(call_id, WhatsAppMcpError("the session hit an unexpected error"))
        await self._send(answer, call_id)

    async def _send(self, line: bytes, call_id: int) -> None:
        """Other answers and notices pass between two pieces, and no more is kept than the server has not yet read."""
        for piece in in_pieces(line, call_id):
            self._write(piece)
            with contextlib.suppress(OSError):  # the server is gone, which the reading end notices
                await self._writer.drain()
            await asyncio.sleep(0)

    def write(self, line: Wire) -> None:
        self._write(codec.encode(line))

    def _write(self, line: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(line)
