"""The process of one side login: started before the session pauses, and gone when the pause is over.

    python -P -m whatsapp_mcp.side_login.process        (stdin and stdout: see pipe.side_login)

Why a process of its own: Python's SQLite must never open neonize's database in the process that runs neonize, because
POSIX drops a process's locks on a file as soon as any part of the process closes it. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from whatsapp_mcp.errors import AppStateKeysMissing, InvalidArgument, NotConnected, WhatsAppMcpError
from whatsapp_mcp.log_lines import start_logging
from whatsapp_mcp.models.app_state import AppStateChange
from whatsapp_mcp.models.side_login import Answer
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe import side_login as p
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.pieces import Pieces, in_pieces
from whatsapp_mcp.session_db.device import SessionDatabase
from whatsapp_mcp.side_login.batch import Batch
from whatsapp_mcp.side_login.encoding import mutations
from whatsapp_mcp.side_login.login import load
from whatsapp_mcp.side_login.payload import announced_version
from whatsapp_mcp.side_login.queries import (
    BusinessProfileQuery,
    GroupPictureRemoval,
    JoinRequestsAnswer,
    SideLoginQuery,
)
from whatsapp_mcp.side_login.request import ReadSince, Request
from whatsapp_mcp.side_login.service import Service
from whatsapp_mcp.whereabouts import whereabouts_of
from whatsapp_mcp.wire.shape_record import ShapeRecord

logger = logging.getLogger("whatsapp_mcp.side_login")


class SideLogin:
    """Takes calls from the start, answers what can be told without a login, and carries the rest out in one batch."""

    def __init__(self, begins: p.LoginBegins, write: Callable[[bytes], None]) -> None:
        """
        Args:
            write: takes one line.
        """
        self._begins = begins
        self._write = write
        self._database = SessionDatabase(whereabouts_of(begins.keys))
        self._unusable: WhatsAppMcpError | None = None
        try:
            self._service = Service.choose(begins.endpoint, os.environ, require_endpoint=begins.require_endpoint)
            self._version = announced_version()
        except WhatsAppMcpError as error:
            self._unusable = error
        self._commands: dict[int, Command[Any]] = {}
        self._requests: dict[int, Request] = {}
        self._fresh: list[Request] = []
        self._awaited = asyncio.Event()
        """A login will come."""
        self._free = asyncio.Event()

    async def run(self) -> None:
        """From the first call that can be carried out until everything is answered."""
        await self._awaited.wait()
        await asyncio.to_thread(load, self._service)  # while the session disconnects and drains
        await self._free.wait()
        batch = Batch(
            self._database,
            self._service,
            self._version,
            self._take,
            record=ShapeRecord(Path(self._begins.record_stanzas)) if self._begins.record_stanzas else None,
            total_seconds=self._begins.total_seconds,
            answer_seconds=self._begins.answer_seconds,
        )
        await batch.run()
        changes = batch.changes
        logger.info("a side login for %d requests; %d changes were read", len(batch.requests), len(changes))
        if (read := batch.read) is not None and read.up_to:
            learned = p.Learned(changes=tuple(changes), device=read.device, since=read.since, versions=read.up_to)
            self._write(codec.encode(learned))
        for call_id, request in self._requests.items():
            if request in batch.requests:
                self._answer(call_id, request)
        self._write(codec.encode(p.LoginDone()))

    def _answer(self, call_id: int, request: Request) -> None:
        if request.error is not None or not request.done:
            error = request.error or NotConnected("the request was not carried out")
            self._write(codec.encode_error(call_id, error))
            return
        for line in codec.encode_result(call_id, self._commands[call_id], Answer(request.result)):
            self._write(line)

    def _take(self) -> Sequence[Request]:
        taken, self._fresh = self._fresh, []
        return [request for request in taken if not request.done]

    # -- lines --------------------------------------------------------------------------------------------------------

    def read(self, line: bytes) -> Callable[[], None]:
        """What a line means, to be done in the event loop; looks into the database. Raises ValueError."""
        match p.decode_login_line(line):
            case p.Withdrawn(id=call_id):
                return lambda: self._withdraw(call_id)
            case p.LoginGoes():
                return self._go
            case None:
                call_id, _, command = codec.decode_call(line)
                return self._check(call_id, command)
            case _:
                raise ValueError("not a line to this process")

    def _check(self, call_id: int, command: Command[Any] | WhatsAppMcpError) -> Callable[[], None]:
        """What needs no login: whether there is anything to do, and whether it could be done."""
        try:
            if self._unusable is not None:
                raise self._unusable
            if isinstance(command, WhatsAppMcpError):
                raise command
            request = Request(_work_of(command))
            device = self._database.device()
            if isinstance(request.work, tuple | ReadSince) and self._database.keys(device).newest is None:
                raise AppStateKeysMissing("the phone has not sent the app-state keys yet")
        except WhatsAppMcpError as error:
            answer = codec.encode_error(call_id, error)
            return lambda: self._write(answer)
        return lambda: self._accept(call_id, command, request)

    def _accept(self, call_id: int, command: Command[Any], request: Request) -> None:
        self._commands[call_id], self._requests[call_id] = command, request
        self._fresh.append(request)
        self._write(codec.encode(p.Accepted(id=call_id)))

        self._awaited.set()

    def _go(self) -> None:
        self._awaited.set()
        self._free.set()

    def _withdraw(self, call_id: int) -> None:
        if (request := self._requests.get(call_id)) is not None:
            request.fail(WhatsAppMcpError("nobody waits for it any more"))


def _work_of(command: Command[Any]) -> tuple[AppStateChange, ...] | ReadSince | SideLoginQuery[Any]:
    match command:
        case p.ChangeAppState(changes=changes):
            if not changes or not all(mutations(change, 0) for change in changes):
                raise InvalidArgument("nothing to change")
            return changes
        case p.ReadAppState(since=since):
            return ReadSince(since)
        case p.GetBusinessProfile():
            return BusinessProfileQuery(command.jid)
        case p.AnswerJoinRequests():
            return JoinRequestsAnswer(command.group, command.people, command.action)
        case p.RemoveGroupPicture():
            return GroupPictureRemoval(command.group)
        case _:
            raise WhatsAppMcpError("a side login does not know this command")


# ---- the process -----------------------------------------------------------------------------------------------------


async def _serve() -> None:
    """Ends the process itself: the thread that listens is still waiting, which holds up an orderly end."""
    begins = p.decode_login_line(sys.stdin.buffer.readline())
    if not isinstance(begins, p.LoginBegins):
        raise ValueError("this process is started by the session process, not by hand")
    logging.getLogger("whatsapp_mcp").setLevel(begins.log_level)
    login = SideLogin(begins, _write)
    threading.Thread(target=_listen, args=(login, asyncio.get_running_loop()), daemon=True).start()
    await login.run()
    _end(0)


def _listen(login: SideLogin, loop: asyncio.AbstractEventLoop) -> None:
    pieces = Pieces()
    try:
        for received in sys.stdin.buffer:
            if (line := pieces.whole(received)) is not None:
                loop.call_soon_threadsafe(login.read(line))
    except Exception:
        logger.exception("a line to the side login cannot be read")
    _end(1)  # nobody is left to log in for


def _write(line: bytes) -> None:
    for piece in in_pieces(line, 0):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _end(code: int) -> None:
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Entry point."""
    os.umask(0o077)
    start_logging()
    try:
        asyncio.run(_serve())
    except Exception:
        logger.exception("the side login failed")
    _end(1)


if __name__ == "__main__":
    main()
