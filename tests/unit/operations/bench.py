"""Operations on a real store, with a session that notes commands: no process, no WhatsApp, no MCP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import jsonschema_rs

from whatsapp_mcp.catalog import Catalog, load_catalog
from whatsapp_mcp.catalog.check import ArgumentChecker
from whatsapp_mcp.errors import NotLoggedIn, WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import (
    Change,
    ChatChanged,
    ContactSeen,
    Content,
    DeliveryStatus,
    IdentityLearned,
    MessageKind,
    MessageReceived,
)
from whatsapp_mcp.models.session import HandedOver, SessionSnapshot, SessionState
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.runner import OperationRunner
from whatsapp_mcp.operations.services import Services, Store
from whatsapp_mcp.pipe.account import PairPhone
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.messages import SentMessage
from whatsapp_mcp.server.results import success
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.side_login.queue import SideLoginQueue
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.supervisor.manager import SessionManager

ME = Jid("4915100000009", "s.whatsapp.net")
ME_LID = Jid("100000000000009", "lid")
ANA = Jid("4915100000001", "s.whatsapp.net")
ANA_LID = Jid("100000000000001", "lid")
BO = Jid("4915100000002", "s.whatsapp.net")
TEAM = Jid("120363000000000001", "g.us")
NOW = datetime.now(UTC).replace(microsecond=0)
WAIT = 10.0

C = TypeVar("C", bound=Command[Any])


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


class FakeSession:
    """In place of the session manager: connected, and every command works unless told otherwise."""

    def __init__(self) -> None:
        self.commands: list[Command[Any]] = []
        self.snapshot = SessionSnapshot(state=SessionState.CONNECTED, since=NOW, own_jid=ME.with_device(7))
        self.newest_arrival = 0
        self.answers: dict[str, Any] = {}
        """By name of the command: its result, an error, or a function that is given the command."""
        self.login_result: SessionSnapshot | WhatsAppMcpError = self.snapshot
        self.pairing_code: str | WhatsAppMcpError = "ABCD-1234"
        self.logout_confirmed = True
        self.restarts = 0
        self.found: HandedOver | None = None
        self.waits = 0
        self._changed = asyncio.Event()

    def unlinked(self) -> None:
        self.snapshot = SessionSnapshot(state=SessionState.UNPAIRED, since=NOW)

    async def ready(self) -> None:
        if self.snapshot.state is not SessionState.CONNECTED:
            raise NotLoggedIn("no WhatsApp account is linked")

    async def call(self, command: Command[Any], *, timeout: float | None = None) -> Any:
        await self.ready()
        self.commands.append(command)
        if command.name in self.answers:
            answer = self.answers[command.name]
            if isinstance(answer, WhatsAppMcpError):
                raise answer
            return answer(command) if callable(answer) else answer
        if command.result is SentMessage:
            target = getattr(command, "target", None)
            chat = getattr(command, "chat", None) or target.chat  # type: ignore[union-attr]
            return SentMessage(message_id="S1", chat=chat, timestamp=milliseconds(NOW))
        return None

    def last(self, kind: type[C]) -> C:
        command = self.commands[-1]
        assert isinstance(command, kind), command
        return command

    def announce(self, arrival: int) -> None:
        self.newest_arrival = arrival
        self._changed.set()
        self._changed = asyncio.Event()

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

    async def logout(self) -> bool:
        await self.ready()
        return self.logout_confirmed

    async def handed_over(self, message: bytes) -> HandedOver | None:
        return self.found if message else None

    async def restart(self) -> None:
        self.restarts += 1


@cache
def catalog() -> Catalog:
    return load_catalog()


class BadArguments(Exception):
    """The schema refused the arguments before any handler saw them."""

    def __init__(self, fields: list[str]) -> None:
        super().__init__(f"wrong arguments: {fields}")
        self.fields = fields


class Bench:
    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder)
        self.settings.account_dir.mkdir(mode=0o700, parents=True)
        self.writer = StoreWriter(self.settings.store_path)
        self.writer.set_owner(ME, ME_LID)
        self.session = FakeSession()
        self.reader = StoreReader(self.settings.store_path)
        session, no_side_login = cast(SessionManager, self.session), cast(SideLoginQueue, None)
        self.services = Services(self.settings, session, no_side_login, Store(self.reader))
        self._runner = OperationRunner(self.services)
        self._checker = ArgumentChecker()
        self.outcome = Outcome("")

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    async def run(self, operation: str, **arguments: Any) -> Any:
        """One operation as the server runs it; its ``results``, checked against tools.yaml."""
        known = catalog().by_name[operation]
        checked, problems = self._checker.check(known, arguments)
        if problems:
            raise BadArguments([problem.field for problem in problems])

        async def progress(_done: float, _total: float | None, _message: str) -> None: ...

        async with asyncio.timeout(WAIT):
            self.outcome = await self._runner.run(operation, checked, progress)
        body = success(self.outcome, budget=self.settings.result_budget).structured_content
        assert body is not None
        jsonschema_rs.Draft202012Validator(known.output_schema, validate_formats=True).validate(body)
        return body.get("results")

    # -- what the store knows -----------------------------------------------------------------------------------------

    def learn(self, *changes: Change) -> None:
        self.session.announce(self.writer.apply(changes))

    def receive(self, message_id: str, text: str = "hi", **more: Any) -> None:
        """A message from Ana (unless told otherwise)."""
        self.learn(message(message_id, text, **more))

    def send(self, message_id: str, text: str = "hello", *, chat: Jid = ANA, **more: Any) -> None:
        more = {"from_me": True, "sender": ME, "status": DeliveryStatus.SENT} | more
        self.learn(message(message_id, text, chat=chat, **more))

    def people(self) -> None:
        self.learn(
            IdentityLearned(lid=ANA_LID, number=ANA),
            ContactSeen(ANA, push_name="Ana"),
            ContactSeen(BO, push_name="Bo"),
            ChatChanged(TEAM, name="Team"),
        )


def message(message_id: str, text: str = "hi", **more: Any) -> MessageReceived:
    fields: dict[str, Any] = {
        "id": message_id,
        "chat": ANA,
        "sender": more.get("chat", ANA) if more.get("chat", ANA).is_person else ANA,
        "timestamp": milliseconds(NOW - timedelta(minutes=1)),
        "content": Content(MessageKind.TEXT, text),
    }
    return MessageReceived(**(fields | more))
