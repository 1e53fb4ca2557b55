"""Which messages are lost, by the traces that they leave: nothing that came is taken for lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.whatsapp.received import ANA, ANA_LID, ME, ME_LID, SECOND, TEAM, message_event, source, text
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.content import LOST, Content, MessageKind
from whatsapp_mcp.models.session import Decrypted
from whatsapp_mcp.models.views import StoredMessage
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.events import MessageEvent
from whatsapp_mcp.wire.protos import e2e, neonize_pb2
from whatsapp_mcp.worker.lost import Losses

WHEN = SECOND * 1000
WHY = ": failed to decrypt normal message: received message with old counter (index: 7, count: 3)"
IN_TEAM = f"Ignoring message A1 from {replace(ANA_LID, device=3)} in {TEAM}" + WHY
PRIVATE = f"Ignoring message A1 from {replace(ANA, device=3)} in {ANA}" + WHY
FROM_PHONE = f"Ignoring message A1 from {ANA}" + WHY


class Store:
    """Knows which messages are stored, by id and chat."""

    def __init__(self) -> None:
        self.messages: set[tuple[str, Jid]] = set()
        self.placeholders: set[str] = set()
        self.own = (ME, ME_LID)

    def find(self, message_id: str, chat: Jid, author: Jid | None = None) -> StoredMessage | None:
        if (message_id, chat) not in self.messages:
            return None
        is_placeholder = message_id in self.placeholders
        return StoredMessage(message_id, chat, chat, False, "", b"", has_media=False, is_placeholder=is_placeholder)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def losses(store: Store) -> Losses:
    return Losses(WHEN, store)


def lost(message_id: str, chat: Jid, sender: Jid, *, from_me: bool = False) -> MessageReceived:
    content = Content(MessageKind.UNDECRYPTABLE, extra={LOST: True})
    return MessageReceived(message_id, chat, sender, WHEN, content, from_me)


# ---- parts of a history ---------------------------------------------------------------------------------------------


def announced(path: str) -> MessageEvent:
    message = e2e.Message()
    message.protocolMessage.type = e2e.ProtocolMessage.HISTORY_SYNC_NOTIFICATION
    message.protocolMessage.historySyncNotification.directPath = path
    return MessageEvent(message_event(message, source(ME, ME, from_me=True), message_id=f"H{path}"))


def test_the_part_that_could_not_be_read_is_the_next_one_that_was_announced(losses: Losses) -> None:
    def unread() -> str | None:
        part = losses.unread_history()
        return part.directPath if part is not None else None

    losses.heard(announced("of the process before"))
    losses.begin()
    assert unread() is None
    for path in "1234":
        losses.heard(announced(path))
    losses.history_came()
    assert unread() == "2"
    losses.history_came()  # it, or the third
    losses.history_came()
    assert unread() == "4"
    assert unread() is None


# ---- repetitions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (IN_TEAM, lost("A1", TEAM, ANA_LID)),
        (PRIVATE, lost("A1", ANA, ANA)),
        (FROM_PHONE, lost("A1", ANA, ANA)),
        (f"Ignoring message A1 from {ME} in {ANA}" + WHY, lost("A1", ANA, ME, from_me=True)),
    ],
)
def test_a_lost_message(losses: Losses, line: str, expected: MessageReceived) -> None:
    assert losses.repeated(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Ignoring message A1",
        f"Ignoring message A1 from {ANA}: event was already processed",
        f"Error decrypting message A1 from {ANA}: received message with old counter",
        f"Failed to send receipt for A1 from {ANA}: old counter",
    ],
)
def test_other_lines(losses: Losses, line: str) -> None:
    assert losses.repeated(line) is None


def test_what_is_stored_is_not_lost(losses: Losses, store: Store) -> None:
    store.messages.add(("A1", TEAM))
    assert losses.repeated(IN_TEAM) is None
    assert losses.repeated(PRIVATE) is not None, "in another chat"


def test_what_could_not_be_decrypted_is_lost_when_its_repetition_was(losses: Losses, store: Store) -> None:
    store.messages.add(("A1", TEAM))
    store.placeholders.add("A1")
    assert losses.repeated(IN_TEAM) == lost("A1", TEAM, ANA_LID)


def test_what_came_is_not_lost_though_the_store_has_no_row_for_it(losses: Losses) -> None:
    reaction = e2e.Message()
    reaction.reactionMessage.text = "👍"
    losses.heard(MessageEvent(message_event(reaction, source(ANA, ANA), message_id="A1")))
    assert losses.repeated(PRIVATE) is None


def test_the_key_of_a_group_is_not_the_message(losses: Losses) -> None:
    """It comes under the id of the message, in an event of its own."""
    key = e2e.Message()
    key.senderKeyDistributionMessage.groupID = str(TEAM)
    losses.heard(MessageEvent(message_event(key, source(TEAM, ANA_LID), message_id="A1")))
    assert losses.repeated(IN_TEAM) is not None
    key.conversation = "and the message"
    losses.heard(MessageEvent(message_event(key, source(TEAM, ANA_LID), message_id="A1")))
    assert losses.repeated(IN_TEAM) is None


def test_what_our_own_devices_tell_each_other_is_no_message(losses: Losses) -> None:
    assert losses.repeated(f"Ignoring message A1 from {replace(ME, device=1)} in {ME}" + WHY) is None
    assert losses.repeated(f"Ignoring message A1 from {ME_LID}" + WHY) is None


def test_an_event_that_cannot_be_read(losses: Losses) -> None:
    losses.remember(EventCode.MESSAGE, b"\xff\xff")
    losses.remember(EventCode.RECEIPT, b"\xff\xff")
    assert losses.repeated(PRIVATE) is not None


# ---- secrets --------------------------------------------------------------------------------------------------------


def decrypted(*ids: str, sender: Jid = ANA_LID) -> list[Decrypted]:
    return [Decrypted(message_id, str(sender), str(sender)) for message_id in ids]


def test_what_was_decrypted_after_the_last_that_came(losses: Losses) -> None:
    losses.remember(EventCode.MESSAGE, message_event(text(), source(ANA, ANA), message_id="A2"))
    found = losses.never_came(decrypted("A4", "A3", "A2", "A1"), [])
    assert found == [lost("A3", ANA_LID, ANA_LID), lost("A4", ANA_LID, ANA_LID)]


def test_what_is_stored_came(losses: Losses, store: Store) -> None:
    losses.remember(EventCode.MESSAGE, message_event(text(), source(ANA, ANA), message_id="A1"))
    store.messages.add(("A2", ANA_LID))
    assert losses.never_came(decrypted("A3", "A2", "A1"), []) == [lost("A3", ANA_LID, ANA_LID)]


def test_nothing_to_go_by(losses: Losses) -> None:
    """Before anything came, or when secrets of a history fill the list."""
    assert losses.never_came([], []) == []
    assert losses.never_came(decrypted("A2", "A1"), []) == []


def test_what_came_with_a_history_is_not_lost(losses: Losses) -> None:
    losses.remember(EventCode.MESSAGE, message_event(text(), source(ANA, ANA), message_id="A1"))
    history = neonize_pb2.HistorySync()
    conversation = history.Data.conversations.add(ID=str(ANA))
    conversation.messages.add().message.key.ID = "H1"
    histories = [b"\xff\xff", history.SerializePartialToString()]
    assert losses.never_came(decrypted("A2", "H1", "A1"), histories) == [lost("A2", ANA_LID, ANA_LID)]


def test_histories_are_gone_through_only_where_it_matters(losses: Losses) -> None:
    losses.remember(EventCode.MESSAGE, message_event(text(), source(ANA, ANA), message_id="A1"))
    histories = iter([b"of a million messages"])
    assert losses.never_came(decrypted("A1"), histories) == []
    assert list(histories) == [b"of a million messages"]


def announcement(order: int, sender: Jid, **where: Any) -> bytes:
    message = e2e.Message()
    message.protocolMessage.historySyncNotification.chunkOrder = order
    return message_event(message, source(sender, sender, **where), message_id=f"N{order}")


def test_parts_of_a_history_that_were_announced_and_did_not_come(losses: Losses) -> None:
    history = neonize_pb2.HistorySync().SerializePartialToString()
    losses.remember(EventCode.HISTORY_SYNC, history)
    for order in (1, 2):
        losses.remember(EventCode.MESSAGE, announcement(order, ME, from_me=True))
    losses.remember(EventCode.HISTORY_SYNC, history)
    losses.remember(EventCode.MESSAGE, announcement(3, ME, from_me=True))
    assert [one.chunkOrder for one in losses.announced] == [2, 3]


def test_only_our_phone_announces_a_history(losses: Losses) -> None:
    losses.remember(EventCode.MESSAGE, announcement(1, ANA))
    assert losses.announced == []


def test_what_was_written_on_the_phone_is_ours(losses: Losses) -> None:
    losses.remember(EventCode.MESSAGE, message_event(text(), source(ANA, ANA), message_id="A1"))
    rows = [Decrypted("A5FF", str(ANA), str(ME)), *decrypted("A1")]
    assert losses.never_came(rows, []) == [lost("A5FF", ANA, ME, from_me=True)]


def test_addresses_that_are_none(losses: Losses) -> None:
    losses.remember(EventCode.MESSAGE, message_event(text(), source(ANA, ANA), message_id="A1"))
    assert losses.never_came([Decrypted("A2", "", "a b@c"), *decrypted("A1")], []) == []
    assert losses.repeated("Ignoring message A2 from a@b@c: received message with old counter") is None
