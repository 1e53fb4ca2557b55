"""A server's connection to the session process of its account."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from whatsapp_mcp.errors import SessionCrashed, SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe import lines as p
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.control import Ping
from whatsapp_mcp.pipe.pieces import MAX_LINE, Pieces, in_pieces
from whatsapp_mcp.platform.endpoint import connect
from whatsapp_mcp.platform.processes import end_now
from whatsapp_mcp.waiting import Wait, waits_for

logger = logging.getLogger(__name__)

ATTACH_LIMIT: Final = 20.0
"""Seconds until somebody who listens has to answer; loading neonize may take a while."""
ANSWER_GRACE: Final = 3.0
"""Seconds beyond a call's own timeout after which the process itself may be stuck."""
PING_LIMIT: Final = 4.0
ANSWER: Final = "WhatsApp to answer"
STOP_GRACE: Final = 20.0
"""Seconds an orderly end may take: calls under way 5, drain 5, commit 5."""

R = TypeVar("R")


class _Call:
    """One call that is under way."""

    def __init__(self, command: Command[Any], patience: float) -> None:
        """``patience``: seconds until the next part of the answer has to be here."""
        self._command = command
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self.reply: asyncio.Future[codec.Json] = self._loop.create_future()
        self.deadline = asyncio.timeout(patience)
        self.rows: list[Any] = []
        """Of a long answer, those that are here."""
        self.wait = Wait(ANSWER)

    def take(self, part: codec.Json) -> None:
        try:
            self.rows += codec.rows_in(part, self._command)
        except (ValidationError, KeyError):
            logger.error("unreadable part of an answer from the session process")
            if not self.reply.done():
                self.reply.set_exception(WhatsAppMcpError("the session process answered what cannot be read"))
        if not self.reply.done() and not self.deadline.expired():
            self.deadline.reschedule(self._loop.time() + self._patience)

    def note(self, waits: codec.Json) -> None:
        """What the session process waits for, for this call."""
        self.wait.what, self.wait.total, self.wait.done = waits["what"], waits["total"], waits["done"]
        self.wait.unit = waits.get("unit", "")


class Link:
    """One connection to one session process."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, welcome: p.Welcome, *, remote: bool = False
    ) -> None:
        self.is_remote = remote
        """Whether it leads to another machine."""
        self._reader = reader
        self._writer = writer
        self._calls: dict[int, _Call] = {}
        self._pieces = Pieces()
        self._next_id = 0
        self._gone = False
        self.welcome = welcome
        self.ended: p.Ended | None = None
        """Why the process ended by itself; None after a crash. Then it has answered all that it began."""

    @classmethod
    async def attach(cls, folder: Path, attach: p.Attach) -> Link | p.Refused | None:
        """Attach to the session process that listens for the account in ``folder``; None when there is none.

        Raises:
            TimeoutError: somebody listens and does not answer.
        """
        streams = await connect(folder, limit=MAX_LINE)
        return await cls.attach_over(streams, attach) if streams is not None else None

    @classmethod
    async def attach_over(
        cls, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], attach: p.Attach, *, remote: bool = False
    ) -> Link | p.Refused | None:
        """Attach over these streams, which may lead to another machine; None when there is nobody any more.

        Raises:
            TimeoutError: somebody listens and does not answer.
        """
        reader, writer = streams
        try:
            async with asyncio.timeout(ATTACH_LIMIT):
                writer.write(codec.encode(attach))
                answer = codec.decode_answer(await reader.readline())
        except (OSError, ValueError):  # it has just ended
            answer = None
        except BaseException:
            writer.transport.abort()
            raise
        if isinstance(answer, p.Welcome):
            return cls(reader, writer, answer, remote=remote)
        writer.transport.abort()
        return answer

    @property
    def gone(self) -> bool:
        """Nothing can be asked any more."""
        return self._gone

    async def notices(self) -> AsyncIterator[p.Notice]:
        """What the process tells by itself, until it ends; replies go to their callers."""
        try:
            while received := await self._read_line():
                try:
                    if (line := self._pieces.whole(received)) is None:
                        continue
                    notice = codec.decode_from_session(line)
                except ValueError:
                    logger.error("unreadable line from the session process: %.200r", received)
                    continue
                if isinstance(notice, dict):
                    self._answered(notice)
                    # Of a long answer much may be there already: whoever else waits for the loop comes in between.
                    await asyncio.sleep(0)
                    continue
                if isinstance(notice, p.Ended):
                    self.ended = notice
                    break
                yield notice
        finally:
            self._gone = True
            self._fail_calls()
        self._writer.close()

    def _answered(self, answer: codec.Json) -> None:
        call = self._calls.get(answer["id"])
        if call is None:
            return
        if answer["type"] == "part":
            call.take(answer)
        elif answer["type"] == "waits":
            call.note(answer)
        elif not call.reply.done():
            call.reply.set_result(answer)

    async def _read_line(self) -> bytes:
        while True:
            try:
                return await self._reader.readline()
            except ValueError:
                logger.error("a line from the session process is longer than %d bytes; it is left out", MAX_LINE)
            except OSError:
                return b""

    async def call(self, command: Command[R], timeout: float) -> R:
        """Run one command.

        Raises:
            SessionCrashed: the process ended before it answered.
            SessionTimeout: no answer in time.
            Moving: nothing was done; the next process can be asked.
            WhatsAppMcpError: what the session process answered.
        """
        try:
            return await self._ask(command, timeout)
        except TimeoutError:
            if await self._answers():
                raise SessionTimeout("the session process did not answer") from None
            if self.is_remote:  # its lease ends it, if it is not only the way to it
                logger.error("the session process of another node does not answer; it is left")
                self.let_go()
                raise SessionTimeout("the session process did not answer; it is looked for again") from None
            logger.error("the session process does not answer; it is ended")
            with contextlib.suppress(OSError):
                end_now(self.welcome.pid)
            raise SessionTimeout("the session process did not answer; it is started again") from None

    async def _ask(self, command: Command[R], timeout: float) -> R:
        self._next_id += 1
        call_id = self._next_id
        self._calls[call_id] = call = _Call(command, timeout + ANSWER_GRACE)
        try:
            for piece in in_pieces(codec.encode_call(call_id, command, timeout), call_id):
                self._send(piece)
            async with call.deadline:
                with waits_for(ANSWER) as call.wait:
                    reply = await call.reply
        except asyncio.CancelledError:
            with contextlib.suppress(SessionCrashed):
                self._send(codec.encode_given_up(call_id))
            raise
        finally:
            self._calls.pop(call_id, None)
        return codec.result_in(reply, command, call.rows)

    async def _answers(self) -> bool:
        """Whether it was this one answer that did not come; a computer that slept makes all of them late."""
        try:
            await self._ask(Ping(), PING_LIMIT - ANSWER_GRACE)
        except TimeoutError:
            return False
        except (WhatsAppMcpError, codec.Moving):
            return True
        return True

    def let_go(self) -> None:
        """End the connection, and wait for nothing."""
        self._gone = True
        self._fail_calls()
        self._writer.close()

    async def leave(self) -> None:
        """Say that nothing more will be asked. A process that ends with its last server does so before this returns."""
        self._gone = True
        self._fail_calls()
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            self._writer.write_eof()
            async with asyncio.timeout(STOP_GRACE):
                while await self._reader.read(65536):
                    pass
        self._writer.close()

    def _send(self, line: bytes) -> None:
        if self._gone or self._writer.is_closing():
            raise codec.Moving if self.ended is not None else SessionCrashed("the session process is gone")
        self._writer.write(line)

    def _fail_calls(self) -> None:
        for call in self._calls.values():
            if not call.reply.done():
                call.reply.set_exception(
                    codec.Moving()
                    if self.ended is not None
                    else SessionCrashed("the session process ended while the call was under way")
                )
        self._calls.clear()
