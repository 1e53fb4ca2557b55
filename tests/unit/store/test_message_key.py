"""A message is (chat, author, id): who writes chooses the id, and taking somebody else's takes nothing from them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.store.build import (
    ANA,
    ANA_LID,
    BORIS,
    BORIS_LID,
    CARLA,
    GROUP,
    ME,
    PHOTO,
    Store,
    edit,
    message,
    ms,
    reaction,
    receipt,
    revoke,
    vote,
)
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import LabelChanged, MessageDeletedForMe, MessageLabelled, MessageStarred
from whatsapp_mcp.models.changes import Change, IdentityLearned, PlaceholderRedeemed
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.store.read.exporting import exported_messages
from whatsapp_mcp.store.search.span import Span

OF_ANA = message("X", 1, "of ana", chat=GROUP, sender=ANA)
OF_BORIS = message("X", 2, "of boris", chat=GROUP, sender=BORIS)


def of(store: Store, author: Jid, message_id: str = "X", chat: Jid = GROUP) -> Message:
    found = store.reader.message(f"{message_id} from {author}", chat)
    assert found is not None
    return found


def test_two_people_choose_the_same_id(store: Store) -> None:
    store.apply([OF_ANA, OF_BORIS])
    store.apply([replace(OF_BORIS, timestamp=ms(9)), message("X", 3, "ours", chat=GROUP, from_me=True)])
    assert store.texts(GROUP) == ["ours", "of boris", "of ana"]
    assert store.texts(GROUP, "boris") == ["of boris"]
    assert store.unread(GROUP) == 0
    assert store.incoming() == ["X", "X"]


def test_nobody_fills_somebody_elses_placeholder(store: Store) -> None:
    store.apply([message("X", 1, chat=GROUP, sender=ANA_LID, kind=MessageKind.UNDECRYPTABLE)])
    store.apply([message("X", 2, "put into her mouth", chat=GROUP, sender=BORIS)])
    store.apply([PlaceholderRedeemed(GROUP, "X", BORIS)])
    assert [(m.sender, m.kind) for m in store.reader.messages(GROUP, limit=9, offset=0).rows] == [
        (BORIS, MessageKind.TEXT),
        (ANA_LID, MessageKind.UNDECRYPTABLE),
    ]
    store.apply([message("X", 1, "hers", chat=GROUP, sender=ANA, sender_alt=ANA_LID)])
    assert [(m.sender, m.text) for m in store.reader.messages(GROUP, limit=9, offset=0).rows] == [
        (BORIS, "put into her mouth"),
        (ANA, "hers"),
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_said_belongs_to_the_message_of_the_author_it_names(store: Store, order: int) -> None:
    store.apply([LabelChanged("1", "Paid", 3, timestamp=ms(1))])
    facts: list[Change] = [
        message("X", 1, "of ana", chat=GROUP, sender=ANA, kind=MessageKind.POLL, extra={"options": ["yes"]}),
        message("X", 2, "of boris", chat=GROUP, sender=BORIS, media=PHOTO),
        message("X", 3, "ours", chat=GROUP, from_me=True),
        reaction("X", 4, "👍", chat=GROUP, sender=CARLA, author=ANA),
        vote("X", 5, "yes", voter=CARLA, author=ANA),
        edit("X", 6, "of boris, edited", chat=GROUP, sender=BORIS),
        receipt(ReceiptKind.READ, 7, "X", chat=GROUP, sender=CARLA),
        MessageStarred(GROUP, "X", starred=True, from_me=False, author=ANA, timestamp=ms(8)),
        MessageLabelled("1", GROUP, "X", labelled=True, timestamp=ms(8), author=BORIS),
    ]
    store.apply(facts[::order])
    ana, boris, ours = (of(store, author) for author in (ANA, BORIS, ME))
    assert ([r.emoji for r in ana.reactions], ana.votes[0].voters, ana.starred, ana.labels) == (
        ["👍"],
        (CARLA,),
        True,
        (),
    )
    assert (boris.text, boris.reactions, boris.starred, boris.labels) == ("of boris, edited", (), False, ("Paid",))
    assert (ours.text, ours.reactions, ours.starred, ours.edited_at) == ("ours", (), False, None)
    assert [receipt.jid for receipt in store.reader.receipts(ours)] == [CARLA]
    store.apply([MessageDeletedForMe(GROUP, "X", from_me=False, author=BORIS, timestamp=ms(9))])
    store.apply([revoke("X", 9, chat=GROUP, by=ANA, author=ANA)])
    assert [m.text for m in store.reader.messages(GROUP, limit=9, offset=0).rows] == ["ours", ""]
    exported = list(exported_messages(store.where, [GROUP], Span(None, None)))
    assert [(one.message.sender, one.revoked_by) for one in exported] == [(ANA, ANA), (ME, None)]


def test_where_no_author_is_told_it_is_the_only_message_of_the_id(store: Store) -> None:
    store.apply([reaction("X", 3, "👍", chat=GROUP, sender=CARLA)])
    store.apply([OF_ANA, reaction("X", 4, "❤", chat=GROUP, sender=ME)])
    store.apply([OF_BORIS])
    assert [r.emoji for r in of(store, ANA).reactions] == ["👍", "❤"]
    assert of(store, BORIS).reactions == ()
    # Now nothing says which of the two is meant.
    store.apply([reaction("X", 5, "😮", chat=GROUP, sender=BORIS)])
    assert [r.emoji for author in (ANA, BORIS) for r in of(store, author).reactions] == ["👍", "❤"]


def test_a_revoke_that_came_first_is_checked_when_its_message_comes(store: Store) -> None:
    store.apply([revoke("X", 5, chat=GROUP, by=BORIS, author=ANA), revoke("Y", 5, chat=GROUP, by=ANA, author=ANA_LID)])
    store.apply(
        [message("Y", 1, "not hers", chat=GROUP, sender=BORIS), message("X", 1, "stays", chat=GROUP, sender=ANA)]
    )
    store.apply([message("Y", 2, "hers", chat=GROUP, sender=ANA), IdentityLearned(ANA_LID, ANA)])
    assert store.texts(GROUP) == ["", "stays", "not hers"]


def test_both_forms_of_an_author_turn_out_to_be_one(store: Store) -> None:
    """A group's message from the history, under the number, and live, under the LID: then who is who is learned."""
    store.apply([message("X", 1, "hers", chat=GROUP, sender=ANA, from_history=True), message("Z", 1, chat=ANA)])
    store.apply([message("X", 1, "hers", chat=GROUP, sender=ANA_LID), message("Z", 1, chat=ANA_LID)])
    store.apply([OF_BORIS])
    store.apply([reaction("X", 3, "👍", chat=GROUP, sender=ME, author=ANA)])
    store.apply([reaction("X", 4, "❤", chat=GROUP, sender=ME, author=ANA_LID)])
    assert store.texts(GROUP) == ["of boris", "hers", "hers"]
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert store.texts(GROUP) == ["of boris", "hers"]
    assert store.texts(GROUP, "hers") == ["hers"]
    assert [r.emoji for r in of(store, ANA).reactions] == ["❤"]
    assert len(store.texts(ANA)) == 1


def test_two_chats_become_one_with_two_messages_of_one_id(store: Store) -> None:
    store.apply([message("X", 1, "hers", chat=ANA), message("X", 2, "ours", chat=ANA_LID, from_me=True)])
    store.apply([reaction("X", 3, "👍", chat=ANA_LID, sender=ANA_LID, author=ME)])
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert store.texts(ANA) == ["ours", "hers"]
    assert [r.emoji for r in of(store, ME, chat=ANA).reactions] == ["👍"]
    store.apply([receipt(ReceiptKind.READ, 4, "X", chat=ANA)])
    assert of(store, ME, chat=ANA).status is DeliveryStatus.READ


def test_how_one_of_them_is_named(store: Store) -> None:
    store.apply([OF_ANA, message("X", 2, "of boris", chat=GROUP, sender=BORIS_LID)])
    with pytest.raises(InvalidArgument) as caught:
        store.reader.message("X", GROUP)
    names = [candidate["message_id"] for candidate in caught.value.details["candidates"]]
    assert names == [f"X from {ANA} in {GROUP}", f"X from {BORIS_LID} in {GROUP}"]
    for chat in (GROUP, None):
        named = [store.reader.message(name, chat) for name in names]
        assert [found.text for found in named if found] == ["of ana", "of boris"]
    assert store.reader.message(names[0], ANA) is None
    assert store.reader.message(f"X from {CARLA}", GROUP) is None
    assert store.reader.message("X from nobody@", GROUP) is None
    with pytest.raises(InvalidArgument):
        store.writer.find("X", GROUP)
    kept = store.writer.find("X", GROUP, BORIS_LID)
    assert kept is not None
    assert kept.text == "of boris"


def test_an_id_that_looks_like_such_a_name_hides_nothing(store: Store) -> None:
    store.apply([OF_ANA, OF_BORIS])
    forged = f"X from {ANA}"
    store.apply([message(forged, 3, "forged", chat=GROUP, sender=BORIS), message("Y from Z", 4, "odd", chat=GROUP)])
    named = [store.reader.message(name, GROUP) for name in (forged, f"{forged} from {BORIS}", "Y from Z")]
    assert [found.text for found in named if found] == ["of ana", "forged", "odd"]
