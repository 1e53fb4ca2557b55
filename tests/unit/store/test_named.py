"""Whom a message names: by number and name, also where it says only the digits of a LID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.unit.store.build import ANA, ANA_LID, BORIS, BORIS_LID, GROUP, ME, MY_LID, Store, message, ms, vote
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import ContactSeen, IdentityLearned, MessageEdited, MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind, Quote
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.store.read import named, views
from whatsapp_mcp.store.read.named import MENTIONS

STRANGER = Jid("83333333333333", "lid")


def said(text: str, *mentions: Jid, quote: Quote | None = None, **extra: object) -> MessageReceived:
    content = Content(MessageKind.TEXT, text, mentions=mentions, quote=quote, extra=extra)
    return replace(message("M1", 5, chat=GROUP, sender=BORIS), content=content)


def shown(store: Store) -> Message:
    found = store.reader.message("M1", GROUP)
    assert found is not None
    return found


def test_mentions_are_numbers_with_names(store: Store) -> None:
    store.apply([IdentityLearned(ANA_LID, ANA), ContactSeen(ANA, full_name="Ana  Souza")])
    text = f"@{ANA_LID.user}, @{BORIS.user} and @{STRANGER.user}: not @{ANA_LID.user}1, x@{STRANGER.user}"
    store.apply([said(text, ANA_LID, BORIS, STRANGER)])
    row = shown(store)
    assert row.text == f"@Ana Souza, @+{BORIS.user} and @{STRANGER.user}: not @{ANA_LID.user}1, x@{STRANGER.user}"
    assert [(one.jid, one.name) for one in row.mentions] == [
        (ANA, "Ana  Souza"),
        (BORIS, f"+{BORIS.user}"),
        (STRANGER, None),
    ]
    assert not row.mentions_us

    assert [one.id for one in store.reader.search("souza", limit=9, offset=0).rows] == ["M1"], "by who is mentioned"
    assert "mentioned" not in row.extra


def test_what_is_learned_later_shows_as_well(store: Store) -> None:
    store.apply([said(f"@{ANA_LID.user}!", ANA_LID)])
    assert shown(store).text == f"@{ANA_LID.user}!"
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert shown(store).text == f"@+{ANA.user}!"
    store.apply([ContactSeen(ANA, full_name="Ana")])
    assert shown(store).text == "@Ana!"


def test_we_are_mentioned(store: Store) -> None:
    for own in (ME, MY_LID):
        store.apply([replace(said(f"@{own.user}?", own), id=f"M{own.server}")])
        found = store.reader.message(f"M{own.server}", GROUP)
        assert found is not None
        assert (found.mentions_us, [one.jid for one in found.mentions]) == (True, [ME])
    store.apply([said("all", mentions_all=True)])
    assert shown(store).mentions_us


def test_an_edit_mentions_others(store: Store) -> None:
    store.apply([ContactSeen(ANA, full_name="Ana"), ContactSeen(BORIS, full_name="Boris")])
    edited = Content(MessageKind.TEXT, f"@{ANA.user}", mentions=(ANA,))
    store.apply([said(f"@{BORIS.user}", BORIS), MessageEdited(GROUP, "M1", BORIS, edited, ms(9))])
    row = shown(store)
    assert (row.text, [one.jid for one in row.mentions]) == ("@Ana", [ANA])
    assert [store.reader.search(name, limit=9, offset=0).total for name in ("ana", "boris")] == [1, 0]
    store.check()


def test_a_quoted_mention(store: Store) -> None:
    store.apply([IdentityLearned(ANA_LID, ANA), ContactSeen(ANA, full_name="Ana")])
    store.apply([said("yes", quote=Quote("Q1", BORIS, f"@{ANA_LID.user} comes? @{STRANGER.user}"))])
    assert shown(store).reply_to_text == f"@Ana comes? @{STRANGER.user}"


def test_voters_and_cards_are_named(store: Store) -> None:
    store.apply([IdentityLearned(BORIS_LID, BORIS), ContactSeen(BORIS, full_name="Boris")])
    poll = Content(MessageKind.POLL, "When?", extra={"options": ["Fri", "Sat"]})
    store.apply([replace(said(""), content=poll), vote("M1", 9, "Fri", voter=BORIS_LID)])
    votes = shown(store).votes
    assert [(one.voters, one.voter_names) for one in votes] == [((BORIS,), ("Boris",)), ((), ())]
    card = f"BEGIN:VCARD\nFN:B.\nTEL;type=CELL;waid={BORIS.user}:+7 916\nX-LID:{ANA_LID}\nEND:VCARD"
    shared = Content(MessageKind.CONTACT, "B.", extra={"vcards": [card, 7]})
    store.apply([replace(said(""), id="M2", content=shared)])
    found = store.reader.message("M2", GROUP)
    assert found is not None
    assert [(one.jid, one.name) for one in found.cards] == [(BORIS, "Boris"), (ANA_LID, None)]


def test_each_card_is_looked_through_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    card = f"BEGIN:VCARD\nFN:B.\nTEL;waid={BORIS.user}:+7 916\nEND:VCARD"
    store.apply([replace(said(""), content=Content(MessageKind.CONTACT, "B.", extra={"vcards": [card]}))])
    looked: list[object] = []

    def counted(extra: Mapping[str, object]) -> list[Jid]:
        looked.append(extra)
        return named.on_cards(extra)

    monkeypatch.setattr(views, "on_cards", counted)
    assert [one.jid for one in shown(store).cards] == [BORIS]
    assert len(looked) == 1


def test_of_many_who_are_mentioned_some_are_named_and_all_are_counted(store: Store) -> None:
    people = [Jid(f"4915100000{n:03}", "s.whatsapp.net") for n in range(600)]
    store.apply([ContactSeen(people[500], full_name="Ana"), ContactSeen(people[0], full_name="Zoe")])
    store.apply([said(f"@{people[500].user} and @{people[0].user}", *people, MY_LID)])
    row = shown(store)
    assert row.text == "@Ana and @Zoe"
    assert [one.jid for one in row.mentions] == [*people[:MENTIONS], people[500]]
    assert row.more_mentions == 600 + 1 - MENTIONS - 1
    assert row.mentions_us, "though not among the first"


def test_a_page_of_messages_that_mention_many_names_only_so_many(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "MENTIONS", 10)
    monkeypatch.setattr(named.mentions_on, "__defaults__", (15,))
    people = [Jid(f"4915100000{n:03}", "s.whatsapp.net") for n in range(12)]
    store.apply([replace(said("all", *people), id=f"M{n}", timestamp=ms(n)) for n in range(3)])
    rows = store.reader.messages(GROUP, limit=9, offset=0).rows
    assert sorted((len(row.mentions), row.more_mentions) for row in rows) == [(0, 12), (5, 7), (10, 2)]
