"""What those who wait for events are told: each thing once, in the order of one numbering with the messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.store.build import (
    ANA,
    ANA_LID,
    BORIS,
    CARLA,
    GROUP,
    ME,
    NOW,
    Store,
    edit,
    message,
    ms,
    reaction,
    receipt,
    revoke,
    vote,
)
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.changes import (
    Change,
    EventAnswered,
    IdentityLearned,
    Live,
    MessagePinned,
    PollOptionAdded,
    SealedReceived,
)
from whatsapp_mcp.models.content import EventAnswer, MessageKind
from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.models.event_render import event_json, whole_event_json
from whatsapp_mcp.models.events import KEPT, USUAL, Event, EventKind
from whatsapp_mcp.models.notices import Happening, Notice
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.store.records import Settled
from whatsapp_mcp.store.write import event_log
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.calls import call_content
from whatsapp_mcp.whereabouts import Whereabouts


@pytest.fixture
def store(where: Whereabouts) -> Iterator[Store]:
    store = Store(where)
    yield store
    store.close()


def live(store: Store, *changes: Change) -> int:
    return store.apply([Live(change) for change in changes])


def told(store: Store, after: int = 0, *, chat: Jid | None = None, limit: int = 100) -> tuple[Event, ...]:
    return store.reader.events_after(after, KEPT, chat=chat, limit=limit).events


def kinds(store: Store, after: int = 0) -> list[str]:
    return [event.kind.value for event in told(store, after)]


def test_each_kind(store: Store) -> None:
    live(
        store,
        message("A1", 1, "soup?"),
        message("S1", 2, "yes", from_me=True),
        edit("A1", 3, "soup or salad?"),
        reaction("A1", 4, "👍", sender=ME, from_me=True),
        reaction("S1", 5, "", author=ME),
        receipt(ReceiptKind.READ, 6, "S1"),
        receipt(ReceiptKind.READ, 7, "A1", sender=ME, from_me=True),
        message("P1", 8, "When?", chat=GROUP, sender=ANA, kind=MessageKind.POLL),
        vote("P1", 9, "noon", voter=BORIS, author=ANA),
        PollOptionAdded(GROUP, "P1", BORIS, "later", ms(10), author=ANA),
        message("E1", 11, "Party", chat=GROUP, sender=ANA, kind=MessageKind.EVENT),
        EventAnswered(GROUP, "E1", BORIS, EventAnswer.GOING, ms(12), guests=2, author=ANA),
        MessagePinned(GROUP, "E1", BORIS, pinned=True, timestamp=ms(13), author=ANA),
        Notice(Happening.ADDED, BORIS, (CARLA,)).received(GROUP, ms(14)),
        Notice(Happening.ASKED, None, (CARLA,)).received(GROUP, ms(15)),
        message("C1", 16, chat=ANA, kind=MessageKind.CALL, extra=dict(call_content("C1", video=True).extra)),
        revoke("A1", 17, author=ANA),
    )
    rows = [event_json(event) for event in told(store)]
    facts = ("kind", "message_id", "sender_jid", "sender_name", "timestamp", "chat_name", "chat_jid")
    said = [
        (row["kind"], row["message_id"][:2], {k: v for k, v in row.items() if v is not None and k not in facts})
        for row in rows
    ]
    assert said == [
        ("message", "A1", {"revoked": True}),
        ("own_message", "S1", {"content": "yes", "is_from_me": True}),
        ("edit", "A1", {"revoked": True}),
        ("reaction", "A1", {"is_from_me": True}),
        ("reaction", "S1", {"removed": True, "about": "yes"}),
        ("receipt", "S1", {"status": "read"}),
        ("receipt", "A1", {"status": "read", "is_from_me": True}),
        ("message", "P1", {"content": "When?", "message_kind": "poll"}),
        ("vote", "P1", {"options": ["noon"], "about": "When?"}),
        ("vote", "P1", {"added_option": "later", "about": "When?"}),
        ("message", "E1", {"content": "Party", "message_kind": "event"}),
        ("answer", "E1", {"answer": "going", "guests": 2, "about": "Party"}),
        ("pin", "E1", {"pinned": True, "about": "Party"}),
        ("group_change", rows[13]["message_id"][:2], said[13][2]),
        ("join_request", rows[14]["message_id"][:2], said[14][2]),
        ("call", "C1", {"content": "", "message_kind": "call", "video": True}),
        ("deletion", "A1", {}),
    ]
    assert (said[13][2]["change"], said[13][2]["content"]) == ("added", f"+{BORIS.user} added +{CARLA.user}")
    assert (rows[13]["sender_jid"], rows[14]["sender_jid"]) == (str(BORIS), str(CARLA))
    assert rows[16]["sender_jid"] == str(ANA)
    numbers = [event.arrival for event in told(store)]
    assert numbers == sorted(set(numbers)), "one numbering"
    assert set(KEPT) == {event.kind for event in told(store)}


def test_a_receipt_that_comes_before_our_message_is_told_with_it(store: Store) -> None:
    live(
        store,
        receipt(ReceiptKind.DELIVERED, 2, "S1"),
        receipt(ReceiptKind.READ, 3, "S1"),
        receipt(ReceiptKind.DELIVERED, 3, "S2", chat=GROUP, sender=BORIS),
        receipt(ReceiptKind.READ, 3, "H1"),
    )
    assert told(store) == (), "nobody knows yet whose messages they are"
    store.apply(
        [
            message("S1", 1, "yes", from_me=True),
            message("S2", 1, "all", chat=GROUP, from_me=True),
            message("H1", 1, "of old", from_me=True, from_history=True),
        ]
    )
    rows = [event_json(event) for event in told(store)]
    said = [(row["kind"], row["message_id"], row["status"], row["sender_jid"]) for row in rows]
    assert said == [("receipt", "S1", "delivered", str(ANA)), ("receipt", "S1", "read", str(ANA))]


def test_what_is_told_again_is_no_event(store: Store) -> None:
    happened: list[Change] = [
        message("A1", 1, "soup?"),
        message("S1", 2, "yes", from_me=True),
        reaction("A1", 4, "👍", sender=BORIS, author=ANA),
        receipt(ReceiptKind.READ, 6, "S1"),
        edit("A1", 7, "soup!"),
        vote("P1", 9, "noon", voter=BORIS, author=ANA),
        Notice(Happening.RENAMED, ANA, text="Team").received(GROUP, ms(14)),
        revoke("A1", 17, author=ANA),
    ]
    live(store, *happened)
    first = told(store)
    newest = live(store, *happened)
    assert told(store) == first
    assert told(store, newest) == ()


def test_a_history_and_what_is_done_here_are_no_events(store: Store) -> None:
    store.apply(
        [
            message("A1", 1, "old", from_history=True),
            message("S1", 2, "old too", from_me=True, from_history=True),
            reaction("A1", 3, "👍", sender=BORIS, author=ANA),
            edit("A1", 4, "older"),
            vote("P1", 5, "noon", voter=BORIS, author=ANA),
            Notice(Happening.RENAMED, ANA, text="Team").received(GROUP, ms(6)),
            message("S2", 7, "sent by this server", from_me=True),
        ]
    )
    assert told(store) == ()
    live(store, Notice(Happening.RENAMED, ANA, text="Team").received(GROUP, ms(6)))
    assert kinds(store) == ["group_change"], "the history had told of it, nobody had been"


def test_what_is_sealed_is_an_event_when_it_is_opened(store: Store) -> None:
    live(store, message("P1", 1, "When?", chat=GROUP, sender=ANA, kind=MessageKind.POLL))
    for number, from_history in enumerate((False, True)):
        sealed = SealedReceived(f"V{number}", GROUP, "P1", BORIS, ms(2), b"raw", author=ANA, from_history=from_history)
        live(store, sealed)
        (due,) = store.writer.sealed_due()
        store.writer.settle([Settled(due, True, [vote("P1", 2 + number, "noon", voter=BORIS, author=ANA)])])
    assert kinds(store) == ["message", "vote"]


def test_who_may_not_do_it_did_nothing(store: Store) -> None:
    live(
        store,
        message("A1", 1, "soup?", chat=GROUP, sender=ANA),
        edit("A1", 2, "poison", chat=GROUP, sender=BORIS),
        revoke("A1", 3, chat=GROUP, by=BORIS, author=ANA),
        receipt(ReceiptKind.READ, 4, "A1", chat=GROUP, sender=BORIS),
        receipt(ReceiptKind.READ, 5, *(f"NONE{number}" for number in range(50)), chat=GROUP, sender=BORIS),
    )
    assert kinds(store) == ["message"]


def test_delivery_in_a_group_is_said_by_everybody_and_told_to_nobody(store: Store) -> None:
    live(
        store,
        message("S1", 1, "hi all", chat=GROUP, from_me=True),
        *(receipt(ReceiptKind.DELIVERED, 2, "S1", chat=GROUP, sender=one) for one in (ANA, BORIS, CARLA)),
        receipt(ReceiptKind.READ, 3, "S1", chat=GROUP, sender=ANA),
    )
    assert kinds(store) == ["own_message", "receipt"]


def test_an_edit_that_comes_before_its_message_is_told_after_it(store: Store) -> None:
    live(store, edit("A1", 3, "better"))
    assert kinds(store) == []
    live(store, message("A1", 1, "good"))
    assert [(event.kind, event.message and event.message.text) for event in told(store)] == [
        (EventKind.MESSAGE, "better"),
        (EventKind.EDIT, "better"),
    ]


def test_a_call_is_told_when_it_rings_and_when_it_is_over(store: Store) -> None:
    ring = message("C1", 1, "Incoming call", kind=MessageKind.CALL, extra={"call_id": "C1"})
    over = message("C1", 2, "Missed call", kind=MessageKind.CALL, extra={"call_id": "C1", "outcome": "missed"})
    live(store, ring)
    live(store, over, over)
    assert [event_json(event)["outcome"] for event in told(store)] == ["missed", "missed"]
    assert [event.facts.get("outcome") for event in told(store)] == [None, "missed"]


def test_the_own_chat_is_where_the_owner_speaks_to_who_runs_here(store: Store) -> None:
    live(store, message("N1", 1, "agent, what is on?", chat=ME, from_me=True))
    assert kinds(store) == ["message"]


def test_status_updates_are_told_only_to_who_asks_for_them(store: Store) -> None:
    live(store, message("U1", 1, "sunset", chat=STATUS_BROADCAST, sender=ANA))
    assert told(store) == ()
    assert [event.message_id for event in told(store, chat=STATUS_BROADCAST)] == ["U1"]


def test_pages_and_kinds(store: Store) -> None:
    live(store, *(change for n in range(5) for change in (message(f"A{n}", n), reaction(f"A{n}", n, "👍"))))
    seen, position = [], 0
    while page := told(store, position, limit=3):
        seen += [event.message_id for event in page]
        position = page[-1].arrival
    assert seen == [f"A{n}" for n in range(5) for _ in range(2)]
    only = store.reader.events_after(0, [EventKind.REACTION], limit=100).events
    assert [event.kind for event in only] == [EventKind.REACTION] * 5
    assert EventKind.RECEIPT not in USUAL
    assert store.reader.events_after(0, [EventKind.CALL], limit=9).events == ()


def test_two_addresses_turn_out_to_be_one_person(store: Store) -> None:
    live(store, message("A1", 1, "hi", chat=ANA_LID), reaction("A1", 2, "👍", chat=ANA_LID))
    live(store, IdentityLearned(lid=ANA_LID, number=ANA))
    assert [(event.kind.value, event.chat, event.sender) for event in told(store, chat=ANA)] == [
        ("message", ANA, ANA),
        ("reaction", ANA, ANA),
    ]


def test_chats_that_may_not_be_read_have_no_events(store: Store) -> None:
    live(store, message("A1", 1, "hi"), reaction("A1", 2, "👍"), message("B1", 3, chat=BORIS))
    newest = live(store, reaction("B1", 4, "👎", chat=BORIS))
    reader = store.reader.restricted(ChatList.parse(("*",), (f"+{BORIS.user}",)).allows)
    assert {event.chat for event in reader.events_after(0, KEPT, limit=9).events} == {ANA}
    assert reader.events_after(0, KEPT, chat=BORIS, limit=9).events == ()
    assert reader.newest_arrival() == 2
    assert reader.position(newest) == 2
    live(store, reaction("A1", 5, "🎉"))
    assert reader.newest_arrival() == newest + 1


def test_events_go_when_they_are_old_or_too_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "KEPT", 10)
    monkeypatch.setattr(event_log, "RECEIPTS_KEPT", 4)
    monkeypatch.setattr(event_log, "PRUNED_AFTER", 20)
    live(store, message("A1", 1), message("S1", 1, from_me=True))
    for number in range(30):
        live(store, reaction("A1", number + 2, "👍" if number % 2 else "👎"))
    found = store.reader.events_after(0, USUAL, limit=1000)
    assert 10 <= len(found.events) <= 32
    assert found.missed, "whoever begins there learns that some are gone"
    assert not store.reader.events_after(found.events[-1].arrival, USUAL, limit=9).missed
    assert not store.reader.events_after(0, [EventKind.MESSAGE], limit=9).missed, "messages stay"
    store.now = NOW + (event_log.DAYS + 1) * 24 * 60 * 60 * 1000
    live(store, *(reaction("S1", 100 + n, "👍" if n % 2 else "👎", sender=ANA, author=ME) for n in range(20)))
    left = [event for event in told(store) if event.kind is not EventKind.MESSAGE]
    assert {event.message_id for event in left} == {"S1"}, "those of two weeks ago are gone"


def test_nothing_is_numbered_twice_after_a_failure(store: Store) -> None:
    live(store, message("A1", 1), reaction("A1", 2, "👍"))
    before = store.writer.newest_arrival
    with pytest.raises(AttributeError):
        store.apply([Live(reaction("A1", 4, "👎")), object()])  # type: ignore[list-item]
    assert store.writer.newest_arrival == before
    assert live(store, reaction("A1", 5, "🎉")) == before + 1
    store.writer.close()
    store.writer = StoreWriter(store.where)
    assert store.writer.newest_arrival == before + 1
    assert kinds(store) == ["message", "reaction", "reaction"]


def test_a_webhook_gets_the_whole_message(store: Store) -> None:
    live(store, message("A1", 1, "x" * 1_000), reaction("A1", 2, "👍"))
    came, reacted = (whole_event_json(event) for event in told(store))
    assert came["message"]["content"] == "x" * 1_000
    assert (reacted["message"], reacted["emoji"], len(reacted["about"])) == (None, "👍", 101)
