"""A person is one, whichever address is used: mappings that come late, change, or are about us."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.store.build import (
    ANA,
    ANA_LID,
    BORIS,
    BORIS_LID,
    GROUP,
    ME,
    MY_LID,
    PHOTO,
    Store,
    edit,
    message,
    ms,
    reaction,
    receipt,
)
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged, ChatCleared
from whatsapp_mcp.models.changes import ContactSeen, IdentityLearned, NumberChanged, NumberSpelled, ReceiptReceived
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind

LEARN = IdentityLearned(ANA_LID, ANA)


def chats(store: Store) -> list[Jid]:
    return [chat.jid for chat in store.reader.chats(limit=10, offset=0).rows]


def test_a_mapping_that_comes_late_renames_the_chat(store: Store) -> None:
    store.apply([message("M1", 5, "hi", chat=ANA_LID)])
    assert chats(store) == [ANA_LID]
    assert store.reader.number_of(ANA_LID) is None
    store.apply([LEARN])
    assert chats(store) == [ANA]
    assert (store.reader.number_of(ANA_LID), store.lid_of(ANA)) == (ANA, ANA_LID)
    seen = store.reader.messages(ANA_LID, limit=1, offset=0).rows[0]
    assert (seen.chat, seen.sender, seen.wire_chat, seen.wire_sender) == (ANA, ANA, ANA_LID, ANA_LID)


@pytest.mark.parametrize("more_under_the_lid", [True, False])
def test_two_chats_become_one(store: Store, more_under_the_lid: bool) -> None:
    one, other = (ANA_LID, ANA) if more_under_the_lid else (ANA, ANA_LID)
    store.apply(
        [
            message("M1", 1, "old", chat=one),
            message("M2", 2, "twice", chat=one),
            message("M3", 3, "mine", chat=one, from_me=True, from_history=True),
            message("M4", 9, "new", chat=other),
            message("M2", 2, "twice", chat=other),
            message("M5", 5, chat=other, kind=MessageKind.UNDECRYPTABLE),
            message("M5", 5, "readable", chat=one),
            message("M6", 6, chat=one, kind=MessageKind.UNDECRYPTABLE),
            message("M6", 6, "readable too", chat=other, media=PHOTO),
            message("M7", 7, "photo", chat=one, media=PHOTO),
            message("M7", 7, "photo", chat=other, media=PHOTO),
            reaction("M1", 6, "👍", chat=one, sender=ME),
            reaction("M1", 7, "❤", chat=other, sender=ME),
            edit("M1", 8, "older", chat=other),
            receipt(ReceiptKind.READ, 8, "M3", chat=other),
            ContactSeen(ANA, full_name="Ana Souza"),
            ContactSeen(ANA_LID, push_name="aninha"),
            ChatChanged(ANA_LID, archived=True),
        ]
    )
    assert len(chats(store)) == 2
    before = store.reader.newest_arrival()
    assert store.apply([LEARN]) == before
    assert chats(store) == [ANA]
    page = store.reader.messages(ANA, limit=10, offset=0)
    assert [row.text for row in page.rows] == ["new", "photo", "readable too", "readable", "mine", "twice", "older"]
    assert page.total == 7
    assert store.reader.messages(ANA, limit=10, offset=0, media_only=True).total == 2
    assert [[(r.sender, r.emoji) for r in row.reactions] for row in page.rows if row.reactions] == [[(ME, "❤")]]
    assert page.rows[4].status is DeliveryStatus.READ
    assert {row.sender_name for row in page.rows if not row.from_me} == {"Ana Souza"}
    assert store.texts(ANA, "older") == ["older"]
    assert store.texts(ANA, "old") == ["older"]  # the beginning of a word; the word itself is gone
    assert store.texts(ANA_LID, "twice") == ["twice"]
    assert store.unread(ANA) == 6
    chat = store.reader.chat(ANA_LID)
    assert chat is not None
    assert (chat.lid, chat.archived, chat.name) == (ANA_LID, True, "Ana Souza")
    (contact,) = store.reader.contacts()
    assert (contact.jid, contact.full_name, contact.push_name) == (ANA, "Ana Souza", "aninha")


def test_authors_in_groups_are_one(store: Store) -> None:
    store.apply(
        [
            message("M1", 1, "a", chat=GROUP, sender=ANA_LID),
            message("M2", 2, "b", chat=GROUP, sender=ANA),
            reaction("M2", 3, "👍", chat=GROUP, sender=BORIS_LID),
            reaction("M2", 4, "", chat=GROUP, sender=BORIS),
            edit("M1", 5, "edited", chat=GROUP, sender=ANA),
        ]
    )
    assert store.texts(GROUP) == ["b", "a"]
    store.apply([LEARN, IdentityLearned(BORIS_LID, BORIS)])
    page = store.reader.messages(GROUP, limit=5, offset=0)
    assert [(row.text, row.sender, row.wire_sender) for row in page.rows] == [("b", ANA, ANA), ("edited", ANA, ANA_LID)]
    assert page.rows[0].reactions == ()
    assert store.texts(GROUP, "edited") == ["edited"]


def test_any_change_may_tell_the_other_form(store: Store) -> None:
    store.apply([message("M1", 1, chat=ANA_LID), message("M2", 2, chat=ANA)])
    store.apply([ReceiptReceived(ANA_LID, ANA_LID, ("M1",), ReceiptKind.READ, 1, chat_alt=ANA)])
    assert chats(store) == [ANA]
    store.apply([message("G1", 1, chat=GROUP, sender=BORIS_LID, sender_alt=BORIS)])
    assert store.reader.number_of(BORIS_LID) == BORIS


def test_our_own_lid_is_us(store: Store) -> None:
    store.apply([message("M1", 1, "hi", from_me=True), reaction("M1", 2, "👍", sender=MY_LID, from_me=True)])
    seen = store.reader.messages(ANA, limit=1, offset=0).rows[0]
    assert (seen.sender, seen.reactions[0].sender, seen.reactions[0].from_me) == (ME, ME, True)


def test_a_number_that_changes_hands_mixes_nobody_up(store: Store) -> None:
    store.apply([LEARN, message("M1", 1, "from the old number", chat=ANA)])
    store.apply([IdentityLearned(ANA_LID, BORIS), message("M2", 2, "from the new one", chat=ANA_LID)])
    said = f'+{ANA.user} changed the phone number to "+{BORIS.user}"'
    assert sorted(store.texts(ANA)) == sorted([said, "from the old number"])
    assert sorted(store.texts(BORIS)) == sorted([said, "from the new one"])
    assert store.texts(BORIS) == store.texts(ANA_LID)
    assert (store.lid_of(ANA), store.lid_of(BORIS)) == (None, ANA_LID)
    assert (store.unread(ANA), store.unread(BORIS)) == (1, 1), "what is told is nothing to read"
    store.apply([message("M3", 3, "taken over", chat=BORIS_LID), IdentityLearned(BORIS_LID, BORIS)])
    assert sorted(store.texts(BORIS)) == sorted([said, "from the new one", "taken over"])


def test_a_new_number_is_told_once(store: Store) -> None:
    moved = NumberChanged(ANA, BORIS)
    store.apply([moved])
    assert chats(store) == [], "there was no chat"
    store.apply([LEARN, message("M1", 1, "hi", chat=ANA), moved])
    store.now += 5000
    store.apply([moved, IdentityLearned(ANA_LID, BORIS), NumberChanged(ME, ANA), NumberChanged(ANA, ANA)])
    assert [len(store.texts(chat)) for chat in (ANA, BORIS)] == [2, 1]


def test_mappings_that_are_none(store: Store) -> None:
    store.apply([IdentityLearned(ANA, BORIS), IdentityLearned(ANA_LID, BORIS_LID), IdentityLearned(GROUP, ANA)])
    store.apply([IdentityLearned(ANA, ANA_LID)])  # the wrong way round, but clear
    assert store.reader.number_of(ANA_LID) == ANA
    assert store.lid_of(BORIS) is None


def test_device_numbers_do_not_matter(store: Store) -> None:
    store.apply([message("M1", 1, "hi", chat=ANA, sender=replace(ANA, device=7))])
    seen = store.reader.messages(replace(ANA, device=3), limit=1, offset=0).rows[0]
    assert (seen.sender, seen.wire_sender) == (ANA, ANA)
    store.apply([IdentityLearned(replace(ANA_LID, device=2), replace(ANA, device=9))])
    assert store.reader.number_of(ANA_LID) == ANA


def test_the_owner_is_remembered(store: Store) -> None:
    assert store.writer.owner == ME
    assert store.reader.owner() == (ME, MY_LID)
    store.writer.set_owner(replace(ME, device=4), None)
    assert store.reader.owner() == (ME, MY_LID)
    new_number = Jid.parse("491711111111@s.whatsapp.net")
    store.writer.set_owner(new_number, MY_LID)
    assert store.reader.owner() == (new_number, MY_LID)


def test_another_account_does_not_write_into_this_store(store: Store) -> None:
    with pytest.raises(StoreError, match="belongs to the account"):
        store.writer.set_owner(BORIS, BORIS_LID)
    with pytest.raises(StoreError):
        store.writer.set_owner(BORIS, None)
    assert store.writer.owner == ME


def test_a_message_under_both_addresses_of_which_one_was_cleared(store: Store) -> None:
    store.apply(
        [
            message("M1", 2, "twice", chat=BORIS_LID),
            ChatCleared(BORIS_LID, keeps_starred=False, timestamp=ms(5)),
            message("M1", 2, "twice", chat=BORIS),
        ]
    )
    store.apply([IdentityLearned(BORIS_LID, BORIS)])
    (chat,) = store.reader.chats(limit=9, offset=0).rows
    assert (chat.jid, chat.last_message_time, store.texts(BORIS)) == (BORIS, None, [])


def test_many_unions_in_one_batch(store: Store) -> None:
    people = [(Jid(str(700 + i), "lid"), Jid(str(300 + i), "s.whatsapp.net")) for i in range(50)]
    store.apply(
        [
            change
            for i, (lid, number) in enumerate(people)
            for change in (message(f"L{i}", i, f"lid{i}", chat=lid), message(f"N{i}", i, f"number{i}", chat=number))
        ]
    )
    store.apply([IdentityLearned(lid, number) for lid, number in people])
    page = store.reader.chats(limit=100, offset=0)
    assert {chat.jid for chat in page.rows} == {number for _, number in people}
    assert page.total == 50
    assert all(store.texts(lid, f"number{i}") == [f"number{i}"] for i, (lid, _) in enumerate(people))
    assert all(len(store.texts(number)) == 2 for _, number in people)


WRITTEN, NUMBER = Jid("5511955550111", "s.whatsapp.net"), Jid("551155550111", "s.whatsapp.net")
"""The ninth digit of Brazil: WhatsApp knows many numbers without it."""


def test_a_number_that_people_write_is_one_of_the_person(store: Store) -> None:
    lid = Jid("1", "lid")
    store.apply([IdentityLearned(lid=lid, number=NUMBER), NumberSpelled(WRITTEN, NUMBER)])
    assert store.reader.number_of(WRITTEN) == NUMBER
    store.apply([message("M1", 1, "one", chat=lid), message("M2", 2, "two", chat=WRITTEN)])
    assert chats(store) == [NUMBER]
    assert store.texts(WRITTEN) == ["two", "one"]


def test_what_was_stored_under_both_spellings_becomes_one_chat(store: Store) -> None:
    store.apply([message(f"M{n}", n, str(n), chat=chat) for n, chat in enumerate((WRITTEN, WRITTEN, NUMBER))])
    store.apply([NumberSpelled(WRITTEN, NUMBER)])
    assert chats(store) == [NUMBER]
    assert store.texts(NUMBER) == ["2", "1", "0"]


def test_a_number_of_somebody_else_stays_theirs(store: Store) -> None:
    one, other = (
        IdentityLearned(lid=Jid("1", "lid"), number=WRITTEN),
        IdentityLearned(lid=Jid("2", "lid"), number=NUMBER),
    )
    store.apply([one, other, NumberSpelled(WRITTEN, NUMBER)])
    assert store.reader.number_of(WRITTEN) == WRITTEN
