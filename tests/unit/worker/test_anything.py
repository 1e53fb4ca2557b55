"""Whatever an event holds is taken in, stored, found and shown; nothing of it fails, and no message is lost."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError

from tests.anything import anything, mutated, of_length
from tests.unit.whatsapp.fake_client import FakeClient
from tests.unit.whatsapp.received import ANA, ANA_LID, ME, TEAM, empty_jid, info, message_event, source, text
from whatsapp_mcp.clock import time_text
from whatsapp_mcp.errors import WhatsAppRefused
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.models.render import chat_json, contact_json, message_json
from whatsapp_mcp.pipe.lines import Ended, Notice
from whatsapp_mcp.store.journal import Journal
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.wire.protos import e2e, neonize_pb2
from whatsapp_mcp.worker.lost import Losses
from whatsapp_mcp.worker.open_store import OpenStore
from whatsapp_mcp.worker.translation import Translation

ROUNDS = 10
EVENTS = 25


class World:
    """A store, and the translation that fills it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "messages.db"
        self.told: list[Notice] = []
        self.store = OpenStore(self.path, Journal(folder / "incoming"), self.told.append)
        self.store.set_owner(ME, None)
        self._translation = Translation(self.store, Account(FakeClient()), Losses(0, self.store))

    def take(self, code: int, payload: bytes) -> list[MessageReceived]:
        """Translate and store; what of it are messages."""
        changes = [one for one in self._translation.translate(code, payload) if not isinstance(one, Notice)]
        self._check(changes)
        self.store.collect(changes)
        assert self.store.flush()
        return [one for one in changes if isinstance(one, MessageReceived)]

    def _check(self, changes: list[Change]) -> None:
        for change in changes:
            repr(change).encode()

    def show(self) -> None:
        """All that there is, as a host gets it."""
        reader = StoreReader(self.path)
        for chat in reader.chats(limit=100, offset=0).rows:
            json.dumps(chat_json(chat, full=True), allow_nan=False, default=time_text).encode()
            for message in reader.messages(chat.jid, limit=1000, offset=0).rows:
                json.dumps(message_json(message, full=True), allow_nan=False, default=time_text).encode()
        for contact in reader.contacts():
            json.dumps(contact_json(contact), allow_nan=False).encode()
        assert not [notice for notice in self.told if isinstance(notice, Ended)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    found.show()
    found.store.close()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_any_message(world: World, seed: int) -> None:
    rng = random.Random(seed)
    for number in range(EVENTS):
        content = anything(rng, e2e.Message.DESCRIPTOR)
        where = rng.choice((source(ANA, ANA), source(TEAM, ANA_LID), source(ANA, ME, from_me=True)))
        envelope = message_event(e2e.Message(), where, message_id=f"A{number}", edit=rng.random() < 0.1)
        world.take(EventCode.MESSAGE, put_in(envelope, content))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_broken_message_keeps_its_place(world: World, seed: int) -> None:
    rng = random.Random(seed)
    whole = text("a text that somebody wrote").SerializeToString()
    for number in range(EVENTS):
        content = mutated(rng, whole)
        try:
            e2e.Message.FromString(content)
        except DecodeError:
            continue  # whatsmeow does not hand it on
        envelope = message_event(e2e.Message(), source(ANA, ANA), message_id=f"A{number}")
        world.take(EventCode.MESSAGE, put_in(envelope, content))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_any_history(world: World, seed: int) -> None:
    rng = random.Random(seed)
    data = anything(rng, neonize_pb2.HistorySync.DESCRIPTOR.fields_by_name["Data"].message_type, fields=20)
    sent = neonize_pb2.HistorySync()
    conversation = sent.Data.conversations.add(ID=str(ANA))
    sent.Data.syncType = sent.Data.RECENT
    for number in range(3):
        one = conversation.messages.add().message
        one.key.ID, one.key.fromMe, one.messageTimestamp = f"A{number}", False, 1_700_000_000 + number
        one.message.conversation = f"innocent {number}"
        one.MergeFromString(anything(rng, one.DESCRIPTOR)) if number == 1 else None
    whole = sent.Data.SerializePartialToString() + data
    field = neonize_pb2.HistorySync.DESCRIPTOR.fields_by_name["Data"].number
    found = world.take(EventCode.HISTORY_SYNC, of_length(field, whole))
    texts = [one.content.text for one in found]
    assert "innocent 0" in texts
    assert "innocent 2" in texts


@pytest.mark.parametrize("seed", range(ROUNDS))
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (EventCode.RECEIPT, neonize_pb2.Receipt),
        (EventCode.CALL_OFFER, neonize_pb2.CallOffer),
        (EventCode.GROUP_INFO, neonize_pb2.GroupInfoEvent),
        (EventCode.JOINED_GROUP, neonize_pb2.JoinedGroup),
        (EventCode.UNDECRYPTABLE, neonize_pb2.UndecryptableMessage),
    ],
)
def test_any_other_event(world: World, code: int, kind: type[neonize_pb2.Receipt], seed: int) -> None:
    payload = anything(random.Random(seed), kind.DESCRIPTOR, fields=12)
    with suppress(WhatsAppRefused):  # nobody is named that it could be about; the store thread goes on
        world.take(code, complete(kind, payload))


def complete(kind: type[neonize_pb2.Receipt], payload: bytes) -> bytes:
    """With the required fields, which Go always writes."""
    base = kind()
    for field in base.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.name == "MessageSource":
            getattr(base, field.name).CopyFrom(source(TEAM, ANA_LID))
        if field.message_type is not None and field.message_type.name == "MessageInfo":
            getattr(base, field.name).CopyFrom(info(source(TEAM, ANA_LID)))
        if field.message_type is not None and field.message_type.name == "JID" and not field.is_repeated:
            getattr(base, field.name).CopyFrom(empty_jid())
    return base.SerializePartialToString() + payload


def put_in(envelope: bytes, content: bytes) -> bytes:
    """An event of neonize with this as its message."""
    number = neonize_pb2.Message.DESCRIPTOR.fields_by_name["Message"].number
    return envelope + of_length(number, content)
