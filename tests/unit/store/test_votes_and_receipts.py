"""Who voted for what, and who got, read and played a message of ours."""

from __future__ import annotations

from tests.unit.store.build import (
    ANA,
    ANA_LID,
    BORIS,
    BORIS_LID,
    GROUP,
    ME,
    MY_LID,
    Store,
    at,
    message,
    ms,
    reaction,
    receipt,
    revoke,
    vote,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import ContactSeen, IdentityLearned, MessagePinned, MessageReceived, PollVoted
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.models.views import Message, ReceiptView


def poll(message_id: str = "P1", *, chat: Jid = GROUP) -> MessageReceived:
    options = {"options": ["pizza", "soup", "salad"], "selectable_count": 0}
    return message(message_id, 1, "Lunch?", chat=chat, sender=ANA, kind=MessageKind.POLL, extra=options)


def one(store: Store, message_id: str = "P1", chat: Jid = GROUP) -> Message:
    found = store.reader.message(message_id, chat)
    assert found is not None
    return found


def votes(store: Store) -> dict[str, tuple[Jid, ...]]:
    found = {one.option: one.voters for one in one(store).votes}
    assert [option.count for option in one(store).votes] == [len(voters) for voters in found.values()]
    return found


def test_a_poll_without_votes_names_its_options(store: Store) -> None:
    store.apply([poll(), message("M1", 2, chat=GROUP, sender=ANA)])
    assert votes(store) == {"pizza": (), "soup": (), "salad": ()}
    assert one(store, "M1").votes == ()


def test_the_newest_vote_of_each_person_counts(store: Store) -> None:
    store.apply([vote("P1", 11, "soup", voter=BORIS), poll(), vote("P1", 10, "pizza", "soup", voter=ANA)])
    store.apply([vote("P1", 9, "salad", voter=ANA)])  # late
    assert votes(store) == {"pizza": (ANA,), "soup": (ANA, BORIS), "salad": ()}
    store.apply([vote("P1", 20, "salad", voter=ANA), vote("P1", 21, voter=BORIS)])
    assert votes(store) == {"pizza": (), "soup": (), "salad": (ANA,)}
    store.apply([vote("P1", 22, "soup", "soup", "a new one", voter=BORIS)])
    assert votes(store) == {"pizza": (), "soup": (BORIS,), "salad": (ANA,), "a new one": (BORIS,)}


def test_of_one_second_what_comes_later_counts(store: Store) -> None:
    store.apply([poll(), vote("P1", 10, "pizza", voter=ANA), vote("P1", 10, "soup", voter=BORIS)])
    store.apply([vote("P1", 10, "pizza", "soup", voter=ANA), vote("P1", 10, voter=BORIS)])
    assert votes(store) == {"pizza": (ANA,), "soup": (ANA,), "salad": ()}
    store.apply([MessagePinned(GROUP, "P1", ANA, pinned=on, timestamp=ms(11)) for on in (True, False)])
    assert one(store).pinned is None
    store.apply([IdentityLearned(ANA_LID, ANA)])
    store.apply([reaction("P1", 12, emoji, chat=GROUP, sender=who) for who, emoji in ((MY_LID, "🔥"), (ME, "👍"))])
    store.apply([reaction("P1", 13, emoji, chat=GROUP, sender=who) for who, emoji in ((ANA_LID, "🔥"), (ANA, ""))])
    assert [(one.emoji, one.sender) for one in one(store).reactions] == [("👍", ME)]


def test_our_own_vote(store: Store) -> None:
    stranger = Jid.parse("77777777777777@lid")
    store.apply([poll(), vote("P1", 10, "pizza", voter=MY_LID, from_me=True)])
    store.apply([vote("P1", 11, "soup", voter=stranger, from_me=True)])  # not known to be our LID
    assert votes(store) == {"pizza": (), "soup": (ME,), "salad": ()}


def test_a_voter_with_two_addresses_votes_once(store: Store) -> None:
    store.apply([poll(), vote("P1", 10, "pizza", voter=BORIS_LID), vote("P1", 11, "soup", voter=BORIS)])
    assert votes(store) == {"pizza": (BORIS_LID,), "soup": (BORIS,), "salad": ()}
    store.apply([IdentityLearned(BORIS_LID, BORIS)])
    assert votes(store) == {"pizza": (), "soup": (BORIS,), "salad": ()}


def test_a_vote_may_tell_who_the_voter_is(store: Store) -> None:
    store.apply([poll(), message("M1", 1, "hi", chat=ANA_LID), message("M2", 1, "ho", chat=ANA)])
    store.apply([PollVoted(ANA_LID, "P2", ANA_LID, ("soup",), ms(9), voter_alt=ANA), poll("P2", chat=ANA)])
    assert store.reader.number_of(ANA_LID) == ANA
    assert [(option.option, option.voters) for option in one(store, "P2", ANA).votes][1] == ("soup", (ANA,))


def test_a_chat_under_two_addresses_has_one_poll(store: Store) -> None:
    store.apply([poll(chat=ANA), vote("P1", 10, "pizza", chat=ANA_LID, voter=ANA_LID)])
    store.apply([vote("P1", 9, "soup", chat=ANA), vote("P1", 12, "soup", chat=ANA_LID, voter=ME, from_me=True)])
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert [option.voters for option in one(store, chat=ANA).votes] == [(ANA,), (ME,), ()]


def test_a_revoked_poll_shows_no_votes(store: Store) -> None:
    store.apply([poll(), vote("P1", 10, "pizza"), revoke("P1", 11, chat=GROUP, by=ANA)])
    assert one(store).votes == ()


def test_options_that_no_encoding_has(store: Store) -> None:
    store.apply([poll(), vote("P1", 10, "half \ud83d")])
    assert list(votes(store)) == ["pizza", "soup", "salad", "half \ufffd"]


def test_receipts_of_a_group_message_by_person(store: Store) -> None:
    store.apply([message("M1", 5, "hi", chat=GROUP, from_me=True), ContactSeen(ANA, full_name="Ana Souza")])
    assert store.reader.receipts(one(store, "M1")) == ()
    store.apply(
        [
            receipt(ReceiptKind.DELIVERED, 8, "M1", chat=GROUP, sender=BORIS_LID),
            receipt(ReceiptKind.DELIVERED, 7, "M1", chat=GROUP, sender=ANA),
            receipt(ReceiptKind.READ, 9, "M1", chat=GROUP, sender=BORIS),
            receipt(ReceiptKind.PLAYED, 12, "M1", chat=GROUP, sender=BORIS),
            receipt(ReceiptKind.READ, 10, "M1", chat=GROUP, sender=BORIS_LID),
            receipt(ReceiptKind.READ, 6, "M1", chat=GROUP, sender=ME, from_me=True),
            receipt(ReceiptKind.READ, 6, "M2", chat=GROUP, sender=ANA),
            IdentityLearned(BORIS_LID, BORIS),
        ]
    )
    assert store.reader.receipts(one(store, "M1")) == (
        ReceiptView(jid=ANA, name="Ana Souza", delivered_at=at(7)),
        ReceiptView(jid=BORIS, name="+79161112233", delivered_at=at(8), read_at=at(9), played_at=at(12)),
    )


def test_receipts_of_a_message_to_one_person(store: Store) -> None:
    store.apply([receipt(ReceiptKind.READ, 8, "M1", chat=ANA_LID), IdentityLearned(ANA_LID, ANA)])
    store.apply([message("M1", 5, "hi", from_me=True)])
    (seen,) = store.reader.receipts(one(store, "M1", ANA))
    assert (seen.jid, seen.delivered_at, seen.read_at) == (ANA, None, at(8))
