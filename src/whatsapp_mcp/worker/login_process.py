"""The session process's end of the process of one side login: start it, give it calls, end it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol, Self

from whatsapp_mcp.errors import NotConnected
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe import side_login as p
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.pieces import MAX_LINE, Pieces, in_pieces

logger = logging.getLogger(__name__)

COMMAND: Final = (sys.executable, "-P", "-m", "whatsapp_mcp.side_login.process")
_END_SECONDS: Final = 2.0
"""It ends with its standard input; after that it is killed."""
_NO_TIMEOUT: Final = 0.0
"""Of a call: all calls of a login have one deadline together."""


class Login(Protocol):
    """One login that is being prepared or under way; `LoginProcess` is the real one."""

    def put(self, call_id: int, command: Command[Any]) -> None:
        """Have a command carried out; also while the login is under way."""

    def withdraw(self, call_id: int) -> None:
        """Nobody waits for it any more."""

    def go(self) -> None:
        """The device is free: log in."""

    def lines(self) -> AsyncIterator[p.LoginLine | codec.Json]:
        """What it says, and replies to calls; until it has nothing more to say."""

    async def end(self) -> None:
        """Returns when the process is gone."""


class LoginProcess:
    """One process, see `side_login.process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, begins: p.LoginBegins) -> Self:
        """Raises NotConnected: the system starts no process."""
        try:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MAX_LINE
            )
        except OSError as error:
            raise NotConnected(f"the process for a short login cannot be started: {error.strerror}") from error
        login = cls(process)
        login._send(codec.encode(begins))
        return login

    def put(self, call_id: int, command: Command[Any]) -> None:
        self._send(codec.encode_call(call_id, command, _NO_TIMEOUT))

    def withdraw(self, call_id: int) -> None:
        self._send(codec.encode(p.Withdrawn(id=call_id)))

    def go(self) -> None:
        self._send(codec.encode(p.LoginGoes()))

    async def lines(self) -> AsyncIterator[p.LoginLine | codec.Json]:
        assert self._process.stdout is not None
        pieces = Pieces()
        while received := await self._process.stdout.readline():
            if (line := pieces.whole(received)) is None:
                continue
            found = p.decode_login_line(line) or codec.decode_reply(line)
            yield found
            if isinstance(found, p.LoginDone):
                return

    async def end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            logger.warning("the process of a side login did not end in time; it is killed")
        finally:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            for piece in in_pieces(line, 0):
                self._process.stdin.write(piece)
