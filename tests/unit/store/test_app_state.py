"""What our own devices say: stars, deletions for us alone, cleared and deleted chats, labels, marks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.store.build import (
    ANA,
    ANA_LID,
    BORIS,
    GROUP,
    ME,
    PHOTO,
    Store,
    at,
    edit,
    message,
    ms,
    receipt,
    revoke,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import (
    ChatChanged,
    ChatCleared,
    ChatDeleted,
    ChatLabelled,
    ChatMarkedRead,
    LabelChanged,
    MessageDeletedForMe,
    MessageLabelled,
    MessageStarred,
)
from whatsapp_mcp.models.changes import IdentityLearned
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.models.views import FOR_EVER, Chat, Message


def star(message_id: str, second: int, *, chat: Jid = ANA, starred: bool = True) -> MessageStarred:
    return MessageStarred(chat, message_id, starred, from_me=False, timestamp=ms(second))


def delete(message_id: str, second: int = 90, *, chat: Jid = ANA, from_me: bool = False) -> MessageDeletedForMe:
    return MessageDeletedForMe(chat, message_id, from_me=from_me, timestamp=ms(second))


def clear(second: int, *, chat: Jid = ANA, keeps_starred: bool = False) -> ChatCleared:
    return ChatCleared(chat, keeps_starred, ms(second))


def one(store: Store, message_id: str, chat: Jid = ANA) -> Message:
    found = store.reader.message(message_id, chat)
    assert found is not None
    return found


def chat_of(store: Store, jid: Jid = ANA) -> Chat:
    found = store.reader.chat(jid)
    assert found is not None
    return found


# ---- stars --------------------------------------------------------------------------------------------------------


def test_the_newest_star_counts(store: Store) -> None:
    store.apply([star("M1", 9), message("M1", 1), message("M2", 2)])
    assert {row.id: row.starred for row in store.reader.messages(ANA, limit=9, offset=0).rows} == {
        "M1": True,
        "M2": False,
    }
    store.apply([star("M1", 11, starred=False), star("M1", 10)])
    assert not one(store, "M1").starred


def test_a_star_under_the_other_address(store: Store) -> None:
    store.apply([message("M1", 1), star("M1", 2, chat=ANA_LID), star("M1", 1, starred=False)])
    assert not one(store, "M1").starred
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert one(store, "M1").starred


# ---- deleted for us ----------------------------------------------------------------------------------------------


def test_a_deleted_message_is_nowhere_but_kept(store: Store) -> None:
    store.apply([message("M1", 1, "stays"), message("M2", 2, "secret", media=PHOTO), message("M3", 3, from_me=True)])
    store.apply([delete("M2"), delete("M3", from_me=True)])
    reader = store.reader
    assert store.texts(ANA) == ["stays"]
    assert store.texts(ANA, "secret") == []
    assert reader.search("secret", limit=9, offset=0).total == 0
    assert reader.message("M2", ANA) is reader.message("M2") is None
    assert [row.id for row in reader.incoming_after(0, limit=9)] == ["M1"]
    totals = [
        reader.messages(ANA, limit=9, offset=0, **filters).total
        for filters in ({}, {"media_only": True}, {"from_me": True}, {"from_me": False}, {"end": at(50)})
    ]
    assert totals == [1, 0, 0, 1, 1]
    assert reader.chats(limit=9, offset=0, has_media=True).total == 0
    assert chat_of(store).last_message_time == at(1)
    assert reader.stats().messages == 1
    kept = store.writer.find("M2", ANA)
    assert kept is not None
    assert kept.text == "secret"
    store.writer.rebuild_search()
    assert reader.messages(ANA, limit=9, offset=0, search="secret").total == 0


def test_a_message_deleted_before_it_came_is_not_announced(store: Store) -> None:
    assert store.apply([delete("M1"), message("M1", 1, "never seen"), message("M2", 2)]) == 2
    assert store.incoming() == ["M2"]
    assert store.apply([message("M1", 1, "never seen")]) == 2
    assert [row.id for row in store.reader.messages(ANA, limit=9, offset=0).rows] == ["M2"]
    assert store.unread(ANA) == 1


def test_nothing_brings_a_deleted_message_back(store: Store) -> None:
    store.apply([message("M1", 5, kind=MessageKind.UNDECRYPTABLE), message("M2", 6, "old", from_history=True)])
    store.apply([delete("M1"), delete("M2")])
    store.apply(
        [message("M1", 5, "at last"), message("M2", 6, "old"), edit("M1", 7, "edited"), revoke("M2", 8), star("M1", 9)]
    )
    assert store.incoming() == []
    assert store.texts(ANA) == store.texts(ANA, "edited") == store.texts(ANA, "last") == []
    assert (store.unread(ANA), chat_of(store).last_message_time) == (0, None)


def test_a_deleted_message_of_the_history_that_is_delivered_as_well(store: Store) -> None:
    store.apply([message("M1", 6, "old", from_history=True), delete("M1")])
    store.apply([message("M1", 6, "old")])
    page = store.reader.messages(ANA, limit=9, offset=0)
    assert (page.rows, page.total, store.texts(ANA, "old")) == ((), 0, [])
    assert store.reader.incoming_after(0) == ()


def test_an_unread_message_that_is_deleted_is_not_unread(store: Store) -> None:
    store.apply([message("M1", 1), message("M2", 2), delete("M2")])
    assert store.unread(ANA) == 1


def test_the_count_of_the_phone_is_about_messages_that_are_shown(store: Store) -> None:
    store.apply([message(f"M{i}", i) for i in range(1, 5)])
    store.apply([delete("M4"), ChatChanged(ANA, unread_count=1)])
    assert store.unread(ANA) == 1
    store.apply([receipt(ReceiptKind.READ, 9, "M2", sender=ME, from_me=True)])
    assert store.unread(ANA) == 1
    store.apply([receipt(ReceiptKind.READ, 9, "M3", sender=ME, from_me=True)])
    assert store.unread(ANA) == 0


def test_the_last_message_that_is_shown_to_the_millisecond(store: Store) -> None:
    first = message("M1", 5)
    store.apply([replace(first, id=f"M{i}", timestamp=first.timestamp + i) for i in (500, 250, 900)])
    store.apply([delete("M900")])
    assert chat_of(store).last_message_time == at(5) + timedelta(milliseconds=500)


def test_a_message_that_is_deleted_and_revoked_counts_once(store: Store) -> None:
    store.apply([message("M1", 1, media=PHOTO), message("M2", 2, media=PHOTO), delete("M2"), revoke("M2", 3)])
    assert store.reader.messages(ANA, limit=9, offset=0, media_only=True).total == 1
    store.apply([revoke("M1", 3), delete("M1")])
    assert store.reader.messages(ANA, limit=9, offset=0, media_only=True).total == 0


@pytest.mark.parametrize("form", [ANA, ANA_LID])
def test_a_deletion_under_either_address(store: Store, form: Jid) -> None:
    store.apply([message("M1", 1, "one"), message("M1", 1, "one", chat=ANA_LID), message("M2", 2, "two")])
    store.apply([delete("M1", chat=form)])
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert store.texts(ANA) == ["two"]
    assert chat_of(store).last_message_time == at(2)
    assert store.reader.messages(ANA, limit=9, offset=0).total == 1


# ---- cleared and deleted chats -----------------------------------------------------------------------------------


def test_a_cleared_chat_is_empty_until_somebody_writes(store: Store) -> None:
    store.apply([message("M1", 1, "old"), message("M2", 2, from_me=True, media=PHOTO), clear(2)])
    assert store.texts(ANA) == store.texts(ANA, "old") == []
    chat = chat_of(store)
    assert (chat.last_message_time, chat.unread_count) == (None, 0)
    assert store.reader.chats(limit=9, offset=0).total == 1
    store.apply([message("M0", 1, "history", from_history=True), message("M3", 3, "new")])
    assert store.texts(ANA) == ["new"]
    assert (chat_of(store).last_message_time, store.unread(ANA)) == (at(3), 1)
    assert store.writer.find("M1", ANA) is not None


def test_clearing_can_spare_what_has_a_star(store: Store) -> None:
    store.apply([message(f"M{i}", i, f"text {i}") for i in range(1, 6)])
    store.apply([star("M1", 6), star("M2", 6), star("M2", 7, starred=False), star("M3", 6)])
    store.apply([clear(10, keeps_starred=True)])
    assert store.texts(ANA) == ["text 3", "text 1"]
    assert store.texts(ANA, "text") == ["text 3", "text 1"]
    store.apply([star("M3", 11, starred=False)])  # it was there to take the star off
    assert store.texts(ANA) == ["text 3", "text 1"]
    store.apply([star("M4", 6)])  # told late
    assert store.texts(ANA) == ["text 4", "text 3", "text 1"]
    assert (chat_of(store).last_message_time, store.unread(ANA)) == (at(4), 0)
    store.apply([clear(10)])
    assert store.texts(ANA) == []


def test_a_star_under_the_other_address_spares_as_well(store: Store) -> None:
    store.apply([message("M1", 1, "kept"), message("M2", 2, "gone"), star("M1", 3, chat=ANA_LID)])
    store.apply([clear(5, keeps_starred=True)])
    assert store.texts(ANA) == []
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert store.texts(ANA) == store.texts(ANA, "kept") == ["kept"]


def test_clearing_under_one_address_clears_both(store: Store) -> None:
    store.apply([message("M1", 1, "one"), message("M2", 2, "two", chat=ANA_LID), message("M3", 9, "three")])
    store.apply([clear(5, chat=ANA_LID)])
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert store.texts(ANA) == ["three"]
    assert store.unread(ANA) == 1


def test_a_long_chat_is_cleared_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from whatsapp_mcp.store.write import visibility

    monkeypatch.setattr(visibility, "_CLEARED", visibility._CLEARED.replace("LIMIT 5000", "LIMIT 7"))
    store.apply([message(f"M{i}", i, f"text {i}") for i in range(40)])
    store.apply([star("M3", 50), star("M20", 50), edit("M7", 51, "text edited"), revoke("M8", 52)])
    store.apply([clear(30, keeps_starred=True)])
    assert store.texts(ANA, "text") == store.texts(ANA)
    assert len(store.texts(ANA)) == 9 + 2
    store.check()


def test_a_deleted_chat_is_listed_again_when_somebody_writes(store: Store) -> None:
    store.apply([message("M1", 1, "old"), message("G1", 1, chat=GROUP, sender=ANA), ChatDeleted(ANA, ms(5))])
    assert [chat.jid for chat in store.reader.chats(limit=9, offset=0).rows] == [GROUP]
    assert store.reader.chats(limit=9, offset=0).total == 1
    assert store.reader.chats(limit=9, offset=0, search="5511911112222").total == 0
    assert store.texts(ANA) == []
    store.apply([message("M2", 6, "new")])
    assert store.reader.chats(limit=9, offset=0).total == 2
    assert store.texts(ANA) == ["new"]


def test_a_deletion_of_a_chat_that_is_not_here(store: Store) -> None:
    store.apply([ChatDeleted(ANA, ms(5)), clear(5, chat=BORIS), message("M1", 4, "old", from_history=True)])
    assert [chat.jid for chat in store.reader.chats(limit=9, offset=0).rows] == [BORIS]
    assert store.texts(ANA) == []


def test_a_clearing_without_a_time_hides_nothing(store: Store) -> None:
    store.apply([message("M1", 1, "text"), ChatCleared(ANA, keeps_starred=False), ChatDeleted(ANA)])
    assert store.texts(ANA) == ["text"]


# ---- marks -------------------------------------------------------------------------------------------------------


def test_marked_as_read_or_unread(store: Store) -> None:
    store.apply([message("M1", 1), message("M2", 3), ChatMarkedRead(ANA, read=True, timestamp=ms(2))])
    assert (store.unread(ANA), chat_of(store).marked_unread) == (1, False)
    store.apply([ChatMarkedRead(ANA, read=False, timestamp=ms(9)), ChatMarkedRead(ANA, read=True, timestamp=ms(8))])
    assert (store.unread(ANA), chat_of(store).marked_unread) == (0, True)
    store.apply([ChatMarkedRead(ANA, read=True, timestamp=ms(10))])
    assert not chat_of(store).marked_unread


def test_until_when_a_chat_is_muted(store: Store) -> None:
    for muted_until, expected in ((ms(5), at(5)), (-1, FOR_EVER), (2**62, FOR_EVER), (0, None)):
        store.apply([ChatChanged(ANA, muted_until=muted_until)])
        assert chat_of(store).muted_until == expected


# ---- labels ------------------------------------------------------------------------------------------------------


def test_labels_of_chats_and_messages(store: Store) -> None:
    store.apply(
        [
            ChatLabelled("7", ANA, labelled=True, timestamp=ms(1)),
            MessageLabelled("7", ANA, "M1", labelled=True, timestamp=ms(1)),
            MessageLabelled("8", ANA, "M1", labelled=True, timestamp=ms(1)),
            ChatLabelled("9", ANA, labelled=True, timestamp=ms(1)),
        ]
    )
    assert store.reader.chat(ANA) is None  # a label alone makes no chat
    store.apply([message("M1", 1), message("M2", 2), LabelChanged("8", "Paid", 2, timestamp=ms(1))])
    assert (one(store, "M1").labels, one(store, "M2").labels, chat_of(store).labels) == (("Paid",), (), ())
    store.apply([LabelChanged("7", "New", 1, timestamp=ms(2)), LabelChanged("9", "Old", 1, timestamp=ms(2))])
    assert (one(store, "M1").labels, chat_of(store).labels) == (("New", "Paid"), ("New", "Old"))
    assert store.reader.chats(limit=9, offset=0).rows[0].labels == ("New", "Old")
    store.apply([LabelChanged("7", "Newest", 1, timestamp=ms(4)), LabelChanged("7", "Newer", 1, timestamp=ms(3))])
    store.apply([MessageLabelled("8", ANA, "M1", labelled=False, timestamp=ms(5))])
    assert (one(store, "M1").labels, chat_of(store).labels) == (("Newest",), ("Newest", "Old"))
    store.apply([LabelChanged("7", "Newest", 1, deleted=True, timestamp=ms(6))])
    assert (one(store, "M1").labels, chat_of(store).labels) == ((), ("Old",))


def test_labels_of_both_addresses_are_one(store: Store) -> None:
    store.apply([LabelChanged("7", "New", 1), LabelChanged("8", "Old", 1), message("M1", 1)])
    store.apply(
        [
            ChatLabelled("7", ANA_LID, labelled=True, timestamp=ms(1)),
            ChatLabelled("8", ANA, labelled=True, timestamp=ms(1)),
            ChatLabelled("8", ANA_LID, labelled=False, timestamp=ms(2)),
            MessageLabelled("7", ANA_LID, "M1", labelled=True, timestamp=ms(1)),
        ]
    )
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert (chat_of(store).labels, one(store, "M1").labels) == (("New",), ("New",))


# ---- what comes again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "again",
    [
        lambda: star("M1", 9),
        lambda: delete("M2"),
        lambda: clear(1),
        lambda: ChatDeleted(ANA, ms(1)),
        lambda: ChatMarkedRead(ANA, read=True, timestamp=ms(4)),
        lambda: MessageLabelled("7", ANA, "M1", labelled=True, timestamp=ms(1)),
    ],
)
def test_a_repeated_statement_changes_nothing(store: Store, again: Callable[[], MessageStarred]) -> None:
    """The app state is read as a whole each time."""
    store.apply([message("M1", 5), message("M2", 6), receipt(ReceiptKind.READ, 7, "M1", sender=ME, from_me=True)])
    store.apply([LabelChanged("7", "New", 1, timestamp=ms(1)), again()])
    before = chat_of(store), store.reader.messages(ANA, limit=9, offset=0)
    store.now += 1000
    store.apply([again()])
    assert (chat_of(store), store.reader.messages(ANA, limit=9, offset=0)) == before


def test_text_that_no_encoding_has(store: Store) -> None:
    broken = "half \ud83d"
    store.apply(
        [
            message("M1", 1),
            LabelChanged(broken, broken, 2**70),
            ChatLabelled(broken, ANA, labelled=True),
            MessageLabelled(broken, ANA, "M1", labelled=True),
        ]
    )
    assert chat_of(store).labels == one(store, "M1").labels == ("half \ufffd",)


def test_a_rollback_takes_deletions_back(store: Store) -> None:
    store.apply([message("M1", 1, "text")])
    with pytest.raises(AttributeError):
        store.apply([clear(5), message("M2", 2, chat=None)])  # type: ignore[arg-type]
    assert store.texts(ANA) == store.texts(ANA, "text") == ["text"]
    store.apply([message("M3", 3, "more")])
    assert store.texts(ANA) == ["more", "text"]
