"""What is read is a place in our order, not a second; the phone's count is exactly the newest messages of others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.store.build import ANA, ANA_LID, BORIS, GROUP, ME, Store, message, ms, receipt
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged, ChatMarkedRead, LastMessage
from whatsapp_mcp.models.changes import Change, IdentityLearned, MessageReceived
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.delivery import ReceiptKind

CHANNEL = Jid("120363000000000099", "newsletter")


def unread(store: Store) -> list[str]:
    """Ids, in order of arrival; the count of every chat says as many."""
    found = store.reader.unread(limit=100)
    assert len(found.messages) == found.total
    counted = [chat.unread_count for chat in store.reader.chats(limit=100, offset=0).rows if chat.kind != "newsletter"]
    assert (sum(counted), sum(count > 0 for count in counted)) == (found.total, found.chats)
    return [row.id for row in found.messages]


def history(*messages: MessageReceived, count: int | None, until: int | None = None) -> list[Change]:
    newest = max(one.timestamp for one in messages) if until is None else ms(until)
    told = [replace(one, from_history=True) for one in messages]
    return [*told, ChatChanged(messages[0].chat, unread_count=count, counted_until=newest)]


def test_an_answer_in_the_second_in_which_we_wrote_is_unread(store: Store) -> None:
    store.apply([message("A1", 5), message("M1", 5, from_me=True), message("A2", 5), message("A3", 5)])
    assert unread(store) == ["A2", "A3"]
    store.apply([message("M2", 5, from_me=True)])
    assert unread(store) == []


def test_a_receipt_of_our_own_reading_reads_up_to_the_message_it_names(store: Store) -> None:
    store.apply([message("A1", 5), message("A2", 5), message("A3", 5)])
    store.apply([receipt(ReceiptKind.READ, 5, "A2", sender=ME, from_me=True)])
    assert unread(store) == ["A3"]
    store.apply([receipt(ReceiptKind.READ, 5, "A4", sender=ME, from_me=True), message("A4", 5), message("A5", 5)])
    assert unread(store) == ["A5"]


def test_a_mark_reads_up_to_the_messages_it_names(store: Store) -> None:
    def mark(*ids: str, second: int = 5) -> ChatMarkedRead:
        last = LastMessage(ids[0], from_me=False, timestamp=ms(second), others=ids[1:])
        return ChatMarkedRead(ANA, read=True, timestamp=ms(50), last=last)

    store.apply([message(f"A{i}", 5) for i in range(1, 5)])
    store.apply([mark("A1", "A2")])
    assert unread(store) == ["A3", "A4"], "what came after it is unread, though the mark was made later"
    store.apply([mark("A9", second=6)])
    assert unread(store) == [], "all before its second"
    store.apply([message("A8", 6), message("A9", 6), message("B1", 6)])
    assert unread(store) == ["B1"], "it came later than the mark"
    store.apply([mark("A3"), mark("A1")])
    assert unread(store) == ["B1"], "reading never goes back"


def test_a_mark_that_names_nothing_reads_what_is_here(store: Store) -> None:
    store.apply([message("A1", 5), ChatMarkedRead(ANA, read=True, timestamp=ms(5) + 700), message("A2", 5)])
    assert unread(store) == ["A2"]
    store.apply([message("A0", 4)])
    assert unread(store) == ["A2"], "late, and from before the mark"


def test_a_chat_that_the_history_calls_read_is_read(store: Store) -> None:
    store.apply(history(message("A1", 1), message("A2", 2), message("M1", 2, from_me=True), count=0))
    assert unread(store) == []
    store.apply([message("A0", 1, "late")])
    assert unread(store) == []
    store.apply([message("A3", 3)])
    assert unread(store) == ["A3"]


def test_exactly_the_newest_are_unread_however_many_are_of_one_second(store: Store) -> None:
    told = [message(f"A{i}", 5, from_me=i in (3, 6)) for i in range(1, 9)]
    store.apply(history(*told, count=3))
    assert unread(store) == ["A5", "A7", "A8"]


def test_a_history_that_tells_no_count_leaves_its_messages_read(store: Store) -> None:
    store.apply([message("A5", 5), *history(message("A1", 1), message("A9", 9), count=None)])
    assert unread(store) == ["A5"]


def test_a_history_in_parts_counts_once(store: Store) -> None:
    """WhatsApp sends the newest messages of all chats first, then older ones, each time with the count."""
    store.apply(history(message("A8", 8), message("A9", 9), count=4))
    assert unread(store) == ["A8", "A9"]
    store.apply([message("A10", 10), *history(*(message(f"A{i}", i) for i in range(1, 8)), count=4)])
    assert sorted(unread(store)) == ["A10", "A6", "A7", "A8", "A9"], "four, and what came since"
    store.apply([message("M1", 11, from_me=True), *history(message("A0", 0), count=4)])
    assert unread(store) == [], "what was read since stays read"


def test_what_came_while_the_phone_made_the_history_counts_once(store: Store) -> None:
    live = message("A3", 3)
    store.apply([live, *history(message("A1", 1), message("A2", 2), live, count=2), message("A4", 4)])
    assert sorted(unread(store)) == ["A2", "A3", "A4"]


def test_a_late_history_of_the_second_in_which_we_wrote(store: Store) -> None:
    store.apply([message("M1", 5, from_me=True), message("A2", 5), *history(message("A1", 5), count=None)])
    assert unread(store) == ["A2"]


def test_a_placeholder_that_was_read_stays_read_when_its_content_comes(store: Store) -> None:
    store.apply([message("A1", 5, kind=MessageKind.UNDECRYPTABLE), message("M1", 5, from_me=True)])
    store.apply([message("A1", 5, "at last")])
    assert unread(store) == []
    store.apply([message("A2", 5, kind=MessageKind.UNDECRYPTABLE)])
    assert unread(store) == ["A2"]
    store.apply([message("A2", 5, "at last too")])
    assert unread(store) == ["A2"]


def test_two_forms_of_a_person_become_one_chat_with_one_count(store: Store) -> None:
    store.apply([message("L1", 1, chat=ANA_LID), message("L2", 3, chat=ANA_LID), message("A1", 1), message("A2", 4)])
    store.apply([message("M1", 2, from_me=True), message("A1", 1, chat=ANA_LID), IdentityLearned(ANA_LID, ANA)])
    assert sorted(unread(store)) == ["A2", "L2"]


def test_a_post_of_a_channel_is_no_message_from_a_person(store: Store) -> None:
    store.apply([message("A1", 1), message("N1", 2, chat=CHANNEL), message("G1", 3, chat=GROUP, sender=BORIS)])
    assert unread(store) == store.incoming() == ["A1", "G1"]
    assert [row.id for row in store.reader.unread(limit=9, channels=True).messages] == ["N1"]
    new = store.reader.news(0, limit=1)
    assert ([row.id for row in new.messages], new.total, new.chats) == (["A1"], 2, 2)
    assert [row.id for row in store.reader.news(0, limit=9, channels=True).messages] == ["N1"]
    assert [row.id for row in store.reader.incoming_after(0, chat=CHANNEL)] == ["N1"], "who asks for it gets it"


@pytest.mark.parametrize("from_history", [False, True])
def test_the_search_index_and_the_counts_hold_after_it_all(store: Store, *, from_history: bool) -> None:
    store.apply([message("A1", 1, from_history=from_history), ChatChanged(ANA, unread_count=1)])
    store.apply([message("A1", 1)])
    assert unread(store) == ["A1"]
    store.check()


def test_what_we_send_to_a_broadcast_list_reads_no_chat(store: Store) -> None:
    """It is in the chats of many, none of which was open when it was written."""
    store.apply([message("A1", 5), message("M1", 6, "sale", from_me=True, extra={"broadcast_list": "17@broadcast"})])
    assert unread(store) == ["A1"]
