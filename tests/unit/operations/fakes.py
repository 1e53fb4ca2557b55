"""What stands in for the session; mypy checks it against the port that handlers know."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast, get_origin

from whatsapp_mcp.errors import NotConnected, NotLoggedIn, SessionError, WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import SentMessage
from whatsapp_mcp.models.session import HandedOver, SessionSnapshot, SessionState
from whatsapp_mcp.models.side_login import Answer
from whatsapp_mcp.operations.services import Session
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.control import PairPhone
from whatsapp_mcp.pipe.lines import TypingSeen

ME = Jid("4915100000009", "s.whatsapp.net")
ME_LID = Jid("100000000000009", "lid")
ANA = Jid("4915100000001", "s.whatsapp.net")
ANA_LID = Jid("100000000000001", "lid")
BO = Jid("4915100000002", "s.whatsapp.net")
TEAM = Jid("120363000000000001", "g.us")
NOW = datetime.now(UTC).replace(microsecond=0)

C = TypeVar("C", bound=Command[Any])
R = TypeVar("R")


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


class FakeSession:
    """In place of the session manager: connected, and every command works unless told otherwise."""

    def __init__(self) -> None:
        self.commands: list[Command[Any]] = []
        self.snapshot = SessionSnapshot(state=SessionState.CONNECTED, since=NOW, own_jid=replace(ME, device=7))
        self.newest_arrival = 0
        self.answers: dict[str, Any] = {}
        """By name of the command: its result, an error, or a function that is given the command."""
        self.login_result: SessionSnapshot | WhatsAppMcpError = self.snapshot
        self.pairing_code: str | WhatsAppMcpError = "ABCD-1234"
        self.logout_confirmed = True
        self.erased = False
        self.restarts = 0
        self.found: HandedOver | None = None
        self.waits = 0
        self.typed: list[TypingSeen] = []
        self._changed = asyncio.Event()

    def unlinked(self) -> None:
        self.snapshot = SessionSnapshot(state=SessionState.UNPAIRED, since=NOW)

    async def ready(self) -> None:
        if self.snapshot.state is not SessionState.CONNECTED:
            raise NotLoggedIn("no WhatsApp account is linked")

    async def call(self, command: Command[R], *, timeout: float | None = None) -> R:
        await self.ready()
        self.commands.append(command)
        if command.name in self.answers:
            answer = self.answers[command.name]
            if isinstance(answer, WhatsAppMcpError):
                raise answer
            result: R = answer(command) if callable(answer) else answer
            return result
        return cast("R", _done(command))

    def last(self, kind: type[C]) -> C:
        command = self.commands[-1]
        assert isinstance(command, kind), command
        return command

    def announce(self, arrival: int) -> None:
        self.newest_arrival = arrival
        self._changed.set()
        self._changed = asyncio.Event()

    def typing_after(self, mark: int | None) -> tuple[int, tuple[TypingSeen, ...]]:
        return len(self.typed), tuple(self.typed[mark:]) if mark is not None else ()

    def type(self, seen: TypingSeen) -> None:
        self.typed.append(seen)
        self.announce(self.newest_arrival)

    async def wait_change(self, timeout: float) -> bool:
        changed = self._changed
        self.waits += 1
        try:
            async with asyncio.timeout(timeout):
                await changed.wait()
        except TimeoutError:
            return False
        return True

    async def login(self) -> SessionSnapshot:
        if isinstance(self.login_result, WhatsAppMcpError):
            raise self.login_result
        return self.login_result

    async def login_with_code(self, digits: str) -> str:
        self.commands.append(PairPhone(digits=digits))
        if isinstance(self.pairing_code, WhatsAppMcpError):
            raise self.pairing_code
        return self.pairing_code

    async def logout(self, *, erase_messages: bool = False) -> bool:
        self.erased = erase_messages
        await self.ready()
        return self.logout_confirmed

    async def handed_over(self, message: bytes) -> HandedOver | None:
        return self.found if message else None

    async def restart(self) -> None:
        self.restarts += 1

    def problem(self) -> SessionError:
        return NotConnected(f"the session is {self.snapshot.state.value}")


def _done(command: Command[Any]) -> SentMessage | Answer[None] | None:
    """A side login takes 0.3 s."""
    if command.result is SentMessage:
        return _sent(command)
    return Answer(None, 0.3) if get_origin(command.result) is Answer else None


def _sent(command: Command[Any]) -> SentMessage:
    chat = getattr(command, "chat", None) or command.target.chat  # type: ignore[attr-defined]
    return SentMessage(message_id="S1", chat=chat, timestamp=milliseconds(NOW))


_session: type[Session] = FakeSession
