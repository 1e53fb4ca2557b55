"""Pins, archive and mutes as neonize's database tells them, beside what side logins tell."""

from __future__ import annotations

from typing import Any

from tests.unit.store.build import ANA, ANA_LID, BORIS, Store, message
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import (
    MUTED_FOR_EVER,
    ChatChanged,
    ChatMarks,
    ChatMarksRead,
    ChatMarksSeen,
)
from whatsapp_mcp.models.changes import IdentityLearned

LATER = 4_000_000_000_000


def seen(*chats: ChatMarks, low: int = 1, high: int = 1, device: str = "me:1") -> ChatMarksSeen:
    return ChatMarksSeen(device, {"regular_low": low, "regular_high": high}, chats)


def marks(store: Store, chat: Jid = ANA) -> tuple[Any, ...]:
    found = store.reader.chat(chat)
    assert found is not None
    return found.pinned, found.archived, found.muted_until is not None


def test_what_neonize_has_is_taken_over(store: Store) -> None:
    store.apply([message("A", 1), seen(ChatMarks(ANA, pinned=True, archived=True, muted_until=MUTED_FOR_EVER))])
    assert marks(store) == (True, True, True)
    store.apply([seen(ChatMarks(ANA), low=2, high=2)])
    assert marks(store) == (False, False, False)


def test_a_mute_that_is_over_is_none(store: Store) -> None:
    store.apply([message("A", 1), seen(ChatMarks(ANA, muted_until=1000), ChatMarks(BORIS, muted_until=1000))])
    assert marks(store) == (False, False, False)
    assert store.reader.chat(BORIS) is None, "nobody wrote there"
    store.apply([seen(ChatMarks(ANA, muted_until=LATER), high=2)])
    assert marks(store) == (False, False, True)


def test_a_side_login_is_ahead_of_neonize_in_its_collections(store: Store) -> None:
    store.apply([message("A", 1), seen()])
    pinned = ChatChanged(ANA, pinned=True)
    store.apply([pinned, ChatMarksRead("me:1", {"regular_low": 1}, {"regular_low": 3}, (pinned,))])
    store.apply([seen(ChatMarks(ANA, muted_until=LATER), low=2, high=2)])
    assert marks(store) == (True, False, True), "neonize does not know of the pin yet"
    store.apply([seen(ChatMarks(ANA, muted_until=LATER), low=4, high=2)])
    assert marks(store) == (False, False, True), "the phone has taken it off"


def test_a_side_login_may_be_the_first_to_know(store: Store) -> None:
    archived = ChatChanged(ANA, archived=True)
    store.apply([message("A", 1), archived, ChatMarksRead("me:1", {"regular_low": 0}, {"regular_low": 1}, (archived,))])
    store.apply([ChatMarksSeen("me:1", {"critical_block": 1, "regular_high": 1}, ())])
    assert marks(store) == (False, True, False)
    store.apply([seen(ChatMarks(ANA), low=2)])
    assert marks(store) == (False, False, False), "the phone has taken it out"
    assert store.writer.unread_app_state() == {}


def test_only_what_changed_since_counts(store: Store) -> None:
    """A person's two addresses have a row each, and the phone changes only one of them."""
    store.apply([message("A", 1), IdentityLearned(lid=ANA_LID, number=ANA)])
    store.apply([seen(ChatMarks(ANA, pinned=True), ChatMarks(ANA_LID, archived=True))])
    assert marks(store) == (True, True, False)
    store.apply([seen(ChatMarks(ANA, pinned=True), ChatMarks(ANA_LID), low=2)])
    assert marks(store) == (True, False, False)


def test_a_history_that_is_older_does_not_count_any_more(store: Store) -> None:
    store.apply([message("A", 1), seen(ChatMarks(ANA, archived=True))])
    store.apply([ChatChanged(ANA, archived=False, from_history=True)])
    assert marks(store) == (False, True, False)


def test_a_new_device_begins_anew(store: Store) -> None:
    store.apply([message("A", 1), seen(ChatMarks(ANA, pinned=True), low=9)])
    store.apply([ChatChanged(ANA, pinned=False), seen(ChatMarks(ANA, pinned=True), low=2, device="me:2")])
    assert marks(store) == (True, False, False)


def test_what_is_no_news_changes_nothing(store: Store) -> None:
    told = seen(ChatMarks(ANA, pinned=True))
    store.apply([message("A", 1), told])
    before = store.reader.chat(ANA)
    store.now += 1000
    store.apply([told])
    assert store.reader.chat(ANA) == before


def test_what_the_marks_do_not_explain_is_to_be_read(store: Store) -> None:
    store.apply([message("A", 1), seen()])
    assert store.writer.unread_app_state() == {}, "what was before comes with the history"
    store.apply([seen(ChatMarks(ANA, pinned=True), low=2)])
    assert store.writer.unread_app_state() == {}
    store.apply([seen(ChatMarks(ANA, pinned=True), low=3, high=4)])
    assert store.writer.unread_app_state() == {"regular_low": 2, "regular_high": 1}
    store.apply([seen(ChatMarks(ANA, pinned=True, archived=True), low=4, high=4)])
    assert store.writer.unread_app_state() == {"regular_low": 2, "regular_high": 1}, "not what was before"
    store.apply([ChatMarksRead("me:1", {"regular_low": 3}, {"regular_low": 5}, ())])
    assert store.writer.unread_app_state() == {"regular_low": 2, "regular_high": 1}, "something is between"
    store.apply(
        [ChatMarksRead("me:1", {"regular_low": 2, "regular_high": 1}, {"regular_low": 5, "regular_high": 3}, ())]
    )
    assert store.writer.unread_app_state() == {}, "there is no more to be had"
