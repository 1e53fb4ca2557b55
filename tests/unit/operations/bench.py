"""Operations on a real store, with a session that notes commands: no process, no WhatsApp, no MCP."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from mcp.types import TextContent

from tests.unit.empty_store import provide_empty_store
from tests.unit.operations.fakes import (
    ANA,
    ANA_LID,
    BO,
    ME,
    ME_LID,
    NOW,
    TEAM,
    FakeSession,
    milliseconds,
)
from tests.unit.waiting import WAIT
from whatsapp_mcp.catalog import Catalog, load_catalog
from whatsapp_mcp.catalog.check import ArgumentChecker
from whatsapp_mcp.client.rows import complete
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media import downloads
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import Change, ContactSeen, IdentityLearned, MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.runner import OperationRunner
from whatsapp_mcp.operations.services import Services, Store
from whatsapp_mcp.pipe.account import KeepLook
from whatsapp_mcp.pipe.messages import DownloadMedia
from whatsapp_mcp.policy.caller import Caller
from whatsapp_mcp.policy.gate import Gate
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.private_files import new_private_file
from whatsapp_mcp.server.bodies import is_whole
from whatsapp_mcp.server.results import success
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import Look
from whatsapp_mcp.store.write.writer import StoreWriter


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
        self.settings = Settings(data_dir=folder, policy="open", repeat_seconds=0)
        self.settings.account_dir.mkdir(mode=0o700, parents=True)
        provide_empty_store(self.settings.store_path)
        self.writer = StoreWriter(self.settings.store_path)
        self.writer.set_owner(ME, ME_LID)
        self.session = FakeSession()
        self.session.answers["keep_look"] = self._keep_look
        self.reader = StoreReader(self.settings.store_path)
        self.services = self.services_with(self.settings)
        self.gate = Gate.of(self.settings)
        self.runner = OperationRunner(self.services, self.gate)
        self._checker = ArgumentChecker()
        self.outcome = Outcome("")
        self.caller = Caller()

    def services_with(self, settings: Settings) -> Services:
        return Services(settings, self.session, Store(self.reader))

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    async def run(self, operation: str, **arguments: Any) -> Any:
        """One operation as the server runs it; its ``results``, checked against tools.yaml, with complete rows."""
        known = catalog().by_name[operation]
        checked, problems, _ = self._checker.check(known, arguments)
        if problems:
            raise BadArguments([problem.field for problem in problems])

        async with asyncio.timeout(WAIT):
            self.outcome = await self.runner.run(Passage(known, self.caller), checked)
        assert not self.outcome.untrusted or "untrusted" in known.output_schema["properties"]
        result = success(self.outcome, budget=self.settings.result_budget)
        text = result.content[0]
        assert isinstance(text, TextContent)
        body = json.loads(text.text)
        assert result.structured_content in (body, None)
        if self.outcome.seen is not None and is_whole(result.structured_content or {}):
            await self.outcome.seen()
        jsonschema_rs.Draft202012Validator(known.output_schema, validate_formats=True).validate(body)
        return complete(body.get("results"))

    def _keep_look(self, command: KeepLook) -> None:
        self.writer.keep_look(command.caller, Look(command.arrival, command.looked_at))

    def use(self, settings: Settings) -> None:
        """From now on."""
        self.settings, self.services = settings, self.services_with(settings)
        self.runner = OperationRunner(self.services, self.gate)

    def keep(self, command: DownloadMedia | DownloadedFile, content: bytes) -> None:
        """Keep this as the file that a message has, as the session process does when it was fetched."""
        which = command.file if isinstance(command, DownloadMedia) else command
        draft = downloads.draft(self.settings.media_dir / downloads.TEMPORARY)
        with new_private_file(draft) as file:
            file.write(content)
        self.services.received.keep(draft, which)
        downloads.discard(draft)

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
            ContactSeen(ANA, full_name="Ana"),
            ContactSeen(BO, full_name="Bo"),
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
