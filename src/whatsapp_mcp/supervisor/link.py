"""The server's end of one session process: spawn it, talk to it, end it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import SessionCrashed, SessionTimeout, SetupError, WhatsAppMcpError
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe import lines as p
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.pieces import MAX_LINE, Pieces, in_pieces
from whatsapp_mcp.session_db.database import last_decrypted
from whatsapp_mcp.settings import Settings

logger = logging.getLogger(__name__)

SESSION_COMMAND: Final = (sys.executable, "-P", "-m", "whatsapp_mcp.worker.process")
"""``-P``: never import from the folder that the host happened to start us in."""
ANSWER_GRACE: Final = 3.0
"""Seconds beyond a call's own timeout after which the process itself counts as stuck."""
STOP_GRACE: Final = 14.0
"""Seconds an orderly end may take: drain up to 5, commit up to 5."""

_EXEC_ENVIRONMENT: Final = {"NEONIZE_BOT_TAG": "off"}
"""Must exist at exec time: otherwise neonize 0.5.2 marks every private message as sent by a business bot."""

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

    def take(self, part: codec.Json) -> None:
        try:
            self.rows += codec.rows_in(part, self._command)
        except (ValidationError, KeyError):
            logger.error("unreadable part of an answer from the session process")
            if not self.reply.done():
                self.reply.set_exception(WhatsAppMcpError("the session process answered what cannot be read"))
        if not self.reply.done() and not self.deadline.expired():
            self.deadline.reschedule(self._loop.time() + self._patience)


class Link:
    """One running session process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._calls: dict[int, _Call] = {}
        self._pieces = Pieces()
        self._idle = asyncio.Event()
        self._idle.set()
        self._next_id = 0
        self._gone = False
        self.ended: p.Ended | None = None
        """Why the process ended by itself; None after a crash."""

    @classmethod
    async def spawn(cls, settings: Settings, lock_descriptor: int, *, command: Sequence[str] = SESSION_COMMAND) -> Link:
        """Start a session process on the account folder of ``settings``.

        Raises:
            SetupError: bad endpoint file, or the system starts no process.
        """
        environment = dict(os.environ) | _EXEC_ENVIRONMENT
        endpoint = Endpoint.read(settings.endpoint) if settings.endpoint else None
        if endpoint is not None:
            environment = endpoint.environment(environment)
        decrypted = await asyncio.to_thread(last_decrypted, settings.session_db)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
                pass_fds=(lock_descriptor,),
                limit=MAX_LINE,
            )
        except OSError as error:
            raise SetupError(
                f"the session process cannot be started: {error.strerror}",
                next_step="Call appReconnect (or appLogin) when the cause is gone.",
            ) from error
        link = cls(process)
        hello = p.Hello(
            session_db=str(settings.session_db.absolute()),
            store_path=str(settings.store_path.absolute()),
            media_dir=str(settings.media_dir.absolute()),
            retention_days=settings.retention_days,
            decrypted=decrypted,
            endpoint=endpoint,
            require_endpoint=settings.require_endpoint,
            side_login_distance=settings.side_login_distance,
            side_login_per_day=settings.side_login_per_day,
            log_level=settings.log_level,
        )
        link._send(codec.encode(hello))
        return link

    @property
    def gone(self) -> bool:
        """Nothing can be asked any more."""
        return self._gone

    async def notices(self) -> AsyncIterator[p.Notice]:
        """What the process tells by itself, until it ends; replies go to their callers."""
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
            yield notice
            if isinstance(notice, p.Ended):
                self.ended = notice
                break
        self._gone = True
        self._fail_calls()
        await self._wait_or_kill()

    def _answered(self, answer: codec.Json) -> None:
        call = self._calls.get(answer["id"])
        if call is None:
            return
        if answer["type"] == "part":
            call.take(answer)
        elif not call.reply.done():
            call.reply.set_result(answer)

    async def _read_line(self) -> bytes:
        assert self._process.stdout is not None
        while True:
            try:
                return await self._process.stdout.readline()
            except ValueError:
                logger.error("a line from the session process is longer than %d bytes; it is left out", MAX_LINE)

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode

    async def call(self, command: Command[R], timeout: float) -> R:
        """Run one command.

        Raises:
            SessionCrashed: the process ended before it answered.
            SessionTimeout: no answer in time.
            WhatsAppMcpError: what the session process answered.
        """
        self._next_id += 1
        call_id = self._next_id
        self._calls[call_id] = call = _Call(command, timeout + ANSWER_GRACE)
        self._idle.clear()
        try:
            for piece in in_pieces(codec.encode_call(call_id, command, timeout), call_id):
                self._send(piece)
            async with call.deadline:
                reply = await call.reply
        except TimeoutError:
            logger.error("the session process does not answer; it is ended")
            self.kill()
            raise SessionTimeout("the session process did not answer; it is started again") from None
        finally:
            self._calls.pop(call_id, None)
            if not self._calls:
                self._idle.set()
        return codec.result_in(reply, command, call.rows)

    async def wait_idle(self, timeout: float) -> bool:
        """Wait until no call is under way; False when ``timeout`` seconds passed first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        return self._idle.is_set()

    async def stop(self) -> None:
        """Orderly end: the process drains, commits and leaves; killed when that takes too long."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._wait_or_kill()

    async def _wait_or_kill(self) -> None:
        try:
            async with asyncio.timeout(STOP_GRACE):
                await self._process.wait()
        except TimeoutError:
            logger.error("the session process did not end in time; it is killed")
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        if self._gone or self._process.stdin.is_closing():
            raise SessionCrashed("the session process is gone")
        self._process.stdin.write(line)

    def _fail_calls(self) -> None:
        for call in self._calls.values():
            if not call.reply.done():
                call.reply.set_exception(SessionCrashed("the session process ended while the call was under way"))
        self._calls.clear()
