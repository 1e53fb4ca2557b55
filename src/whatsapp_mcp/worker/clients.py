"""Who uses the session process: any number of servers and commands, each on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pydantic import ValidationError

from whatsapp_mcp.errors import OutcomeUnknown, SessionCrashed, SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe import lines as p
from whatsapp_mcp.pipe.command import Command, Wire
from whatsapp_mcp.pipe.lines import Attach, AttachedClient, Ended, Notice, Refused, Welcome
from whatsapp_mcp.pipe.pieces import Pieces, in_pieces
from whatsapp_mcp.waiting import Waits, noted

logger = logging.getLogger(__name__)

ATTACH_LIMIT: Final = 10.0
"""Seconds in which a client has to say who it is."""
TELL_EACH: Final = 1.0
"""Seconds between two looks at what a call waits for, of which its client is told."""
MOST_CLIENTS: Final = 256
MOST_UNREAD: Final = 16 * 1024 * 1024
"""Bytes that wait for a client that does not read; then it is let go."""


class Attachable(Protocol):
    """The process, as far as clients have to do with it."""

    def answer(self, attach: Attach) -> Welcome | Refused:
        """What a newcomer gets."""

    def standing(self) -> Sequence[Notice]:
        """What a newcomer has to know."""

    def is_moving(self, command: Command[Any]) -> bool:
        """Whether this command is for the next process to carry out."""

    async def run_command(self, command: Command[Any], timeout: float) -> Any:
        """Carry out a command within so many seconds. Raises WhatsAppMcpError."""

    def joined(self) -> None:
        """A client is there."""

    def left(self) -> bool:
        """A client is gone; whether its end of the connection stays open until the process ends."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One that was taken and is not answered."""

    task: asyncio.Task[None]
    connected: bool
    """Whether it needs the connection to WhatsApp."""


class _Attached:
    """One client's connection. Only for the thread of the event loop."""

    def __init__(
        self, client: AttachedClient, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, work: Attachable
    ) -> None:
        self.client = client
        self.calls: dict[int, _Call] = {}
        self._reader = reader
        self._writer = writer
        self._work = work
        self._pieces = Pieces()

    async def serve(self) -> None:
        """Answer calls until the client is gone; what it asked for and nobody waits for any more is given up."""
        try:
            while received := await self._reader.readline():
                if (line := self._pieces.whole(received)) is not None:
                    self._take(line)
        except (OSError, ValueError) as error:
            logger.warning("the connection of a client (process %d) cannot be read: %s", self.client.pid, error)
        for call in self.calls.values():
            call.task.cancel()

    def _take(self, line: bytes) -> None:
        try:
            call_id, timeout, command = codec.decode_call(line)
        except codec.GivenUp as given_up:
            self._withdraw(given_up.call_id)
            return
        except (ValueError, KeyError, TypeError):
            logger.error("unreadable line from a client: %.200r", line)
            return
        connected = isinstance(command, Command) and not command.unconnected and not self._work.is_moving(command)
        task = asyncio.create_task(self._answer(call_id, timeout, command))
        self.calls[call_id] = _Call(task, connected)
        task.add_done_callback(lambda _: self.calls.pop(call_id, None))

    def _withdraw(self, call_id: int) -> None:
        """What neonize has begun with goes on; what waits for a pause does not."""
        call = self.calls.get(call_id)
        if call is not None and not call.connected:
            call.task.cancel()

    async def _answer(self, call_id: int, timeout: float, command: Command[Any] | WhatsAppMcpError) -> None:
        try:
            if isinstance(command, WhatsAppMcpError):
                raise command
            if self._work.is_moving(command):
                raise codec.Moving
            with noted() as waits, self._telling(call_id, waits):
                result = await self._work.run_command(command, timeout)
            for part in codec.encode_result(call_id, command, result):
                await self._send(part, call_id)
            return
        except codec.Moving:
            answer = codec.encode_moving(call_id)
        except WhatsAppMcpError as error:
            moved = isinstance(command, Command) and self._is_undone(command, error)
            answer = codec.encode_moving(call_id) if moved else codec.encode_error(call_id, error)
        except Exception:
            logger.exception("%s failed", type(command).__name__)  # without what it was to send
            answer = codec.encode_error(call_id, WhatsAppMcpError("the session hit an unexpected error"))
        await self._send(answer, call_id)

    def _is_undone(self, command: Command[Any], error: WhatsAppMcpError) -> bool:
        """Whether it is for the next process to do what failed."""
        unknown = isinstance(error, OutcomeUnknown | SessionTimeout)
        return command.all_or_nothing and not unknown and self._work.is_moving(command)

    async def _send(self, line: bytes, call_id: int) -> None:
        """Other answers and notices pass between two pieces, and no more is kept than the client has not yet read."""
        for piece in in_pieces(line, call_id):
            self._write(piece)
            with contextlib.suppress(OSError):  # the client is gone, which the reading end notices
                await self._writer.drain()
            await asyncio.sleep(0)

    @contextmanager
    def _telling(self, call_id: int, waits: Waits) -> Iterator[None]:
        """Tell the client what a call waits for that takes longer than most."""
        loop, told = asyncio.get_running_loop(), ""
        timer: asyncio.TimerHandle

        def look() -> None:
            nonlocal timer, told
            timer = loop.call_later(TELL_EACH, look)
            if (wait := waits.now) is not None and (said := wait.text()) != told:
                told = said
                self.write(p.CallWaits(id=call_id, what=wait.what, total=wait.total, done=wait.done, unit=wait.unit))

        timer = loop.call_later(TELL_EACH, look)
        try:
            yield
        finally:
            timer.cancel()

    def write(self, line: Wire) -> None:
        self._write(codec.encode(line))

    def _write(self, line: bytes) -> None:
        if self._writer.is_closing():
            return
        self._writer.write(line)
        if self._writer.transport.get_write_buffer_size() > MOST_UNREAD:
            logger.warning("a client (process %d) does not read; it is let go", self.client.pid)
            self._writer.transport.abort()

    def give_up(self) -> None:
        """Answer what is still under way."""
        error = SessionCrashed("the session process ended while the call was under way")
        for call_id in self.calls:
            self._write(codec.encode_error(call_id, error))

    def close(self) -> None:
        """When all is sent."""
        self._writer.close()

    async def closed(self) -> None:
        await self._writer.wait_closed()


class Clients:
    """All who are attached."""

    def __init__(self, work: Attachable) -> None:
        self._work = work
        self._attached: list[_Attached] = []
        self._staying: list[_Attached] = []
        """Gone, and waiting for the end of the process."""

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        attached = await self._attach(reader, writer)
        if attached is None:
            writer.close()
            return
        self._attached.append(attached)
        self._work.joined()
        try:
            await attached.serve()
        finally:
            self._attached.remove(attached)
            if self._work.left():
                self._staying.append(attached)
            else:
                attached.close()

    async def _attach(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Attached | None:
        try:
            async with asyncio.timeout(ATTACH_LIMIT):
                attach = codec.decode_attach(await reader.readline())
        except (TimeoutError, OSError, ValueError, ValidationError):
            return None
        answer = self._work.answer(attach)
        writer.write(codec.encode(answer))
        if isinstance(answer, Refused):
            return None
        attached = _Attached(attach.client, reader, writer, self._work)
        for notice in self._work.standing():
            attached.write(notice)
        return attached

    def __iter__(self) -> Iterator[AttachedClient]:
        return (each.client for each in self._attached)

    @property
    def are_full(self) -> bool:
        return len(self._attached) >= MOST_CLIENTS

    @property
    def keep_alive(self) -> bool:
        """Whether somebody is there for whom the process goes on: a server, or a command that waits for an answer."""
        return any(each.client.kind != "command" or each.calls for each in self._attached)

    def end(self, ended: Ended) -> None:
        """The last line to all. Whoever has no answer by then can ask the next process, for nothing was done."""
        for each in self._attached:
            each.give_up()
        self.tell(ended)

    def tell(self, notice: Notice) -> None:
        """To all."""
        for each in (*self._attached, *self._staying):
            each.write(notice)

    async def answered(self, timeout: float, *, connected_only: bool = False) -> None:
        """Wait until no call is under way, or so many seconds.

        Args:
            connected_only: only those that need the connection to WhatsApp.
        """
        calls = (call for each in self._attached for call in each.calls.values())
        under_way = [call.task for call in calls if call.connected or not connected_only]
        if under_way:
            await asyncio.wait(under_way, timeout=timeout)

    async def dismiss(self, timeout: float) -> None:
        """Close all connections when what was said has been sent, or after so many seconds."""
        leaving = (*self._attached, *self._staying)
        for each in leaving:
            each.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                for each in leaving:
                    with contextlib.suppress(OSError):
                        await each.closed()
