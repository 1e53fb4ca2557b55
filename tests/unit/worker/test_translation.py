"""What an event means for the store and for the server; the state of one process, nothing done by the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.whatsapp.fake_client import DEVICE, FakeClient
from tests.unit.whatsapp.received import ANA, ME, ME_LID, SECOND, message_event, source, text
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, MessageReceived, PlaceholderRedeemed, ReactionChanged
from whatsapp_mcp.models.content import LOST
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.pipe.lines import Ended, Notice, StateChanged
from whatsapp_mcp.store.journal import Journal
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.events import MessageEvent
from whatsapp_mcp.whatsapp.typing_states import typing_state
from whatsapp_mcp.wire.protos import common, e2e, neonize_pb2
from whatsapp_mcp.worker import translation as module
from whatsapp_mcp.worker.lost import Losses
from whatsapp_mcp.worker.open_store import OpenStore
from whatsapp_mcp.worker.translation import REPEATED, SUSPECTED, Translation

CONNECTED = StateChanged(
    state=SessionState.CONNECTED,
    own_jid=replace(ME, device=7),
    own_lid=replace(ME_LID, device=7),
    push_name="Me",
    platform="android",
)
SILENT = StateChanged(state=SessionState.RECONNECTING, detail="WhatsApp has not answered for half a minute")
HEARD = message_event(text("hello"), source(ANA, ANA), message_id="A1")
WHY = "failed to decrypt normal message: received message with old counter (index: 7, count: 3)"
REPETITION = f"Ignoring message A1 from {ANA}: {WHY}".encode()


class Process:
    """What a translation works with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.client = FakeClient()
        self.told: list[Notice] = []
        self.journal = Journal(folder / "incoming")
        self.store = OpenStore(folder / "messages.db", self.journal, self.told.append)
        losses = Losses(SECOND * 1000, self.store)
        self._translation = Translation(self.store, Account(self.client), losses)

    def means(self, code: int, payload: bytes = b"") -> list[Change | Notice]:
        return list(self._translation.translate(code, payload))

    def notices(self, code: int, payload: bytes = b"") -> list[Notice]:
        return [one for one in self.means(code, payload) if isinstance(one, Notice)]


@pytest.fixture
def process(tmp_path: Path) -> Process:
    return Process(tmp_path)


def test_a_message(process: Process) -> None:
    meaning = process.means(EventCode.MESSAGE, HEARD)
    (change,) = [one for one in meaning if isinstance(one, MessageReceived)]
    assert change.content.text == "hello"
    assert not any(isinstance(one, Notice) for one in meaning)
    assert process.told == [], "to be stored and told by others"


def test_a_message_is_parsed_once(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []

    class Counting(MessageEvent):
        def __init__(self, payload: bytes) -> None:
            parsed.append(payload)
            super().__init__(payload)

    monkeypatch.setattr(module, "MessageEvent", Counting)
    process.means(EventCode.MESSAGE, HEARD)
    assert parsed == [HEARD]


def test_connected(process: Process) -> None:
    assert process.notices(EventCode.CONNECTED) == [CONNECTED]
    assert process.store.own == (ME, ME_LID)


def test_a_drop(process: Process) -> None:
    assert process.notices(EventCode.DISCONNECTED) == [StateChanged(state=SessionState.RECONNECTING)]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (EventCode.LOGGED_OUT, "logged_out"),
        (EventCode.STREAM_REPLACED, "replaced"),
        (EventCode.CLIENT_OUTDATED, "outdated"),
    ],
)
def test_ends(process: Process, code: int, reason: str) -> None:
    (ended,) = process.notices(code)
    assert isinstance(ended, Ended)
    assert ended.reason == reason


def test_silence_is_told_once_and_ends_with_whatever_is_heard(process: Process) -> None:
    assert process.notices(EventCode.KEEP_ALIVE_TIMEOUT) == [SILENT]
    assert process.notices(EventCode.KEEP_ALIVE_TIMEOUT) == []
    assert process.notices(SUSPECTED, REPETITION) == [], "nothing was heard, time went by"
    first, *changes = process.means(EventCode.MESSAGE, HEARD)
    assert first == CONNECTED
    assert changes
    assert process.notices(EventCode.MESSAGE, HEARD) == []


def test_a_message_that_was_lost(process: Process) -> None:
    assert process.means(REPEATED, REPETITION) == []
    (placeholder,) = process.means(SUSPECTED, REPETITION)
    assert isinstance(placeholder, MessageReceived)
    assert placeholder.content.extra == {LOST: True}
    process.means(EventCode.MESSAGE, HEARD)
    assert process.means(SUSPECTED, REPETITION) == []


def test_what_is_no_message_redeems_its_placeholder(process: Process) -> None:
    thumb = e2e.Message(reactionMessage=e2e.ReactionMessage(key=common.MessageKey(ID="A0"), text="👍"))
    *_, reaction, redeemed = process.means(EventCode.MESSAGE, message_event(thumb, source(ANA, ANA), message_id="A1"))
    assert isinstance(reaction, ReactionChanged)
    assert redeemed == PlaceholderRedeemed(ANA, "A1", ANA)
    changes = process.means(EventCode.MESSAGE, HEARD)
    assert not any(isinstance(one, PlaceholderRedeemed) for one in changes), "a message replaces it"


def test_another_account(process: Process) -> None:
    other = Jid("4915100000077", "s.whatsapp.net")
    process.store.set_owner(other, None)
    process.journal.append(EventCode.MESSAGE, HEARD)
    assert process.notices(EventCode.DEVICE) == []
    assert process.store.owner == ME
    assert process.journal.waiting() == [], "it was the other account's"
    assert list(process.folder.glob("messages.db*77*"))


def test_the_same_account(process: Process) -> None:
    process.client.answers["GetMe"] = DEVICE.SerializeToString()
    process.store.set_owner(ME, ME_LID)
    process.journal.append(EventCode.MESSAGE, HEARD)
    process.means(EventCode.DEVICE)
    assert len(process.journal.waiting()) == 1


def test_no_account(process: Process) -> None:
    process.client.answers["GetMe"] = b""
    assert process.notices(EventCode.DEVICE) == []
    assert process.notices(EventCode.CONNECTED) == [StateChanged(state=SessionState.CONNECTED)]
    assert process.store.owner is None


@pytest.mark.parametrize("code", [2, 5, 99])
def test_what_means_nothing(process: Process, code: int) -> None:
    assert process.means(code, b"\xff") == []


def test_who_is_typing_is_a_notice_and_nothing_for_the_store() -> None:
    event = neonize_pb2.ChatPresence()
    for field in ("Chat", "Sender"):
        jid = getattr(event.MessageSource, field)
        jid.User, jid.Server = "4915100000001", "s.whatsapp.net"
    states = ((event.COMPOSING, event.TEXT, "composing"), (event.COMPOSING, event.AUDIO, "recording"))
    for state, media, said in (*states, (event.PAUSED, event.TEXT, "paused")):
        event.State, event.Media = state, media
        assert typing_state(event.SerializePartialToString()).state == said
