"""The chat list: order, unread counts, names, filters and exact totals."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.store.build import ANA, BORIS, GROUP, ME, MY_LID, PHOTO, Store, at, message, receipt, revoke
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import ContactSeen
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind


def names(store: Store, **filters: object) -> list[str]:
    page = store.reader.chats(limit=100, offset=0, **filters)  # type: ignore[arg-type]
    assert page.total == len(page.rows)
    return [chat.name for chat in page.rows]


def test_newest_first_and_history_never_moves_a_chat_back(store: Store) -> None:
    store.apply([message("A1", 50), message("B1", 60, chat=BORIS), ChatChanged(GROUP, name="Family")])
    assert names(store) == ["+79161112233", "+5511911112222", "Family"]
    store.apply([message("A2", 70), message("A0", 5, from_history=True)])
    assert names(store) == ["+5511911112222", "+79161112233", "Family"]
    ana = store.reader.chat(ANA)
    assert ana is not None
    assert (ana.last_message_time, ana.kind) == (at(70), "person")


def test_what_was_said_of_a_chat_meanwhile_counts_over_a_history(store: Store) -> None:
    """Which is stored when there is time for it."""
    told = ChatChanged(GROUP, name="Old", archived=True, pinned=True, from_history=True)
    store.apply([told])
    store.apply([ChatChanged(GROUP, name="Family", archived=False)])
    store.apply([replace(told, muted_until=-1)])
    chat = store.reader.chat(GROUP)
    assert chat is not None
    assert (chat.name, chat.archived, chat.pinned, chat.muted_until is not None) == ("Family", False, True, True)


def test_status_updates_are_no_chat_in_the_list(store: Store) -> None:
    store.apply([message("S1", 5, "news", chat=STATUS_BROADCAST, sender=ANA)])
    assert names(store) == []
    assert store.texts(STATUS_BROADCAST) == ["news"]
    assert store.reader.stats().messages == 0


def test_unread_counts_live_messages_of_others(store: Store) -> None:
    store.apply([message("M1", 1), message("M2", 2), message("M3", 3, from_me=True, from_history=True)])
    store.apply([message("M4", 4, from_history=True)])
    assert store.unread(ANA) == 2


def test_reading_one_message_reads_all_before_it(store: Store) -> None:
    store.apply([message("M1", 1), message("M2", 2), message("M3", 3)])
    store.apply([receipt(ReceiptKind.READ, 9, "M2", sender=ME, from_me=True)])
    assert store.unread(ANA) == 1
    store.apply([receipt(ReceiptKind.READ, 9, "M1", sender=ME, from_me=True)])
    assert store.unread(ANA) == 1
    store.apply([message("M0", 1, "late")])
    assert store.unread(ANA) == 1


def test_reading_before_the_message_is_here(store: Store) -> None:
    store.apply([receipt(ReceiptKind.READ, 9, "M2", sender=ME, from_me=True), message("M1", 1), message("M2", 2)])
    assert store.unread(ANA) == 0


def test_writing_into_a_chat_reads_it(store: Store) -> None:
    store.apply([message("M1", 1), message("M2", 2), message("M3", 3, from_me=True), message("M4", 4)])
    assert store.unread(ANA) == 1


def test_the_count_of_the_phone_counts(store: Store) -> None:
    store.apply([message("H1", 1, from_history=True), message("H2", 2, from_history=True)])
    store.apply([ChatChanged(ANA, unread_count=2)])
    assert store.unread(ANA) == 2
    store.apply([message("M3", 3)])
    assert store.unread(ANA) == 3
    store.apply([receipt(ReceiptKind.READ, 9, "H1", sender=ME, from_me=True)])
    assert store.unread(ANA) == 2
    store.apply([ChatChanged(ANA, unread_count=0)])
    assert store.unread(ANA) == 0
    store.apply([message("M4", 4), message("M5", 5), message("M6", 6), ChatChanged(ANA, unread_count=1)])
    assert store.unread(ANA) == 1
    store.apply([ChatChanged(ANA, unread_count=-1)])
    assert store.unread(ANA) == 0


def test_facts_stay_when_a_change_does_not_name_them(store: Store) -> None:
    store.apply([ChatChanged(GROUP, name="Family", ephemeral_expiration=86400, archived=True, pinned=True)])
    store.apply([ChatChanged(GROUP, archived=False)])
    chat = store.reader.chat(GROUP)
    assert chat is not None
    assert (chat.name, chat.ephemeral_expiration, chat.archived, chat.pinned) == ("Family", 86400, False, True)
    assert names(store, archived=True) == []
    assert names(store, archived=False) == ["Family"]
    assert (store.reader.expiration(GROUP), store.reader.expiration(ANA)) == (86400, 0)


def test_a_receipt_or_reaction_alone_makes_no_chat(store: Store) -> None:
    store.apply([receipt(ReceiptKind.READ, 5, "M1"), revoke("M2", 5)])
    assert store.reader.chat(ANA) is None
    assert names(store) == []


def test_names_best_first(store: Store) -> None:
    store.apply([ContactSeen(ANA, business_name="Padaria Ana"), message("M1", 5)])
    assert names(store) == ["Padaria Ana"]
    store.apply([message("M2", 6, push_name="ana~"), message("M0", 1, push_name="old ana")])
    assert names(store) == ["ana~"]
    store.apply([ContactSeen(ANA, first_name="Ana")])
    assert names(store) == ["Ana"]
    store.apply([ContactSeen(ANA, full_name="Ana Souza"), message("M3", 7, push_name="-")])
    assert names(store) == ["Ana Souza"]
    assert store.reader.messages(ANA, limit=1, offset=0).rows[0].sender_name == "Ana Souza"


def test_a_number_is_no_name(store: Store) -> None:
    store.apply([ChatChanged(ANA, name="+55 11 91111-2222"), message("M1", 5, push_name="Ana")])
    assert names(store) == ["Ana"]


def test_searching_chats(store: Store) -> None:
    store.apply(
        [
            message("M1", 5),
            ContactSeen(ANA, full_name="Ana Conceição", push_name="aninha"),
            message("M2", 6, chat=BORIS, push_name="Борис"),
            message("M3", 7, chat=GROUP, sender=ANA),
            ChatChanged(GROUP, name="経理部 100% Büro"),
        ]
    )
    for search in ("ana", "CONCEICAO", "conceição ana", "con", "Aninha", "5511911112222", "+55 11 9111", "911112"):
        assert names(store, search=search) == ["Ana Conceição"], search
    for search in ("経理", "理部", "buro", "100%"):
        assert names(store, search=search) == ["経理部 100% Büro"], search
    assert names(store, search="борис") == ["Борис"]
    for search in ("%", "_", "a_a", "zzz", "12", "?!", "ana boris"):
        assert names(store, search=search) == [], search
    assert len(names(store, search="  ")) == 3


def test_has_media_counts_each_chat_once(store: Store) -> None:
    store.apply([message("M1", 5, media=PHOTO), message("M2", 6, media=PHOTO), message("B1", 7, chat=BORIS)])
    assert names(store, has_media=True) == ["+5511911112222"]
    store.apply([revoke("M1", 8), revoke("M2", 8)])
    assert names(store, has_media=True) == []


def test_pages_cover_all_chats_once(store: Store) -> None:
    chats = [Jid(str(4900000 + i), "s.whatsapp.net") for i in range(25)]
    store.apply([message("M", i % 7, chat=chat) for i, chat in enumerate(chats)])
    seen = []
    for offset in range(0, 40, 10):
        page = store.reader.chats(limit=10, offset=offset)
        assert page.total == 25
        seen += [chat.jid for chat in page.rows]
    assert sorted(map(str, seen)) == sorted(map(str, chats))
    times = [chat.last_message_time for chat in store.reader.chats(limit=100, offset=0).rows]
    assert times == sorted(times, reverse=True, key=str)


def test_own_chat(store: Store) -> None:
    """Messages to oneself count as ours; receipts there come from oneself."""
    store.apply([message("M1", 5, "note", chat=ME, from_me=True), receipt(ReceiptKind.READ, 6, "M1", chat=ME)])
    page = store.reader.messages(ME, limit=1, offset=0)
    assert page.rows[0].status is DeliveryStatus.READ
    assert store.unread(ME) == 1, "what we wrote to ourselves on the phone is for who runs here"
    assert store.incoming() == ["M1"]
    store.apply([replace(message("M2", 5, "answer", chat=ME, from_me=True), sent_here=True)])
    assert store.unread(ME) == 0, "answered"
    assert store.incoming() == ["M1"], "our own send wakes nobody here"
    store.apply([message("M3", 5, "thanks", chat=MY_LID, from_me=True)])
    assert (store.unread(ME), store.incoming()) == (1, ["M1", "M3"])
