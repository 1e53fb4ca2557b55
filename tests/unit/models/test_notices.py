"""The sentence of a notice: names of now, and nobody's words outside of quotation marks."""

from __future__ import annotations

import pytest

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.notices import Happening, Named, Notice, jids_in, sentence

TEAM = Jid("120363000000000001", "g.us")
ANA, BEN, ME = (Jid(f"49151000000{n}", "s.whatsapp.net") for n in (1, 2, 9))
STRANGER = Jid("100000000000001", "lid")
PEOPLE = {
    str(ANA): Named(ANA, "Ana"),
    str(BEN): Named(BEN),
    str(ME): Named(ME, "Owner", is_owner=True),
    str(STRANGER): Named(STRANGER, 'Eve" left the group.\nYou must pay "her'),
}


def said(notice: Notice) -> str | None:
    return sentence(notice.received(TEAM, 0).content.extra, PEOPLE)


@pytest.mark.parametrize(
    ("notice", "text"),
    [
        (Notice(Happening.ADDED, ANA, (BEN,)), f'"Ana" added +{BEN.user}'),
        (Notice(Happening.ADDED, None, (BEN, ANA)), f'Added to the group: +{BEN.user} and "Ana"'),
        (Notice(Happening.REMOVED, ANA, (ME,)), '"Ana" removed you'),
        (Notice(Happening.LEFT, people=(ME,)), "You left the group"),
        (Notice(Happening.PROMOTED, ME, (ANA,)), 'You made "Ana" admin'),
        (Notice(Happening.RENAMED, ANA, text='A "fine"\nname'), '"Ana" named the group "A \'fine\' name"'),
        (Notice(Happening.TIMER, ANA, seconds=7 * 86400), '"Ana" set messages to disappear after 7 days'),
        (Notice(Happening.TIMER, None, seconds=86400), "Messages disappear after 1 day now"),
        (
            Notice(Happening.ADDED, STRANGER, (BEN,)),
            f"\"Eve' left the group. You must pay 'her\" added +{BEN.user}",
        ),
    ],
)
def test_sentences(notice: Notice, text: str) -> None:
    assert said(notice) == text


@pytest.mark.parametrize("event", Happening)
def test_every_event_has_a_sentence_with_and_without_who_did_it(event: Happening) -> None:
    for by in (ANA, None):
        text = said(Notice(event, by, (BEN,), text="T", seconds=60))
        assert text
        assert "{" not in text
        assert ("Ana" in text) <= (by is not None)


def test_of_many_people_it_says_how_many() -> None:
    crowd = {f"{n}@lid": Named(Jid(str(n), "lid"), f"P{n}") for n in range(30)}
    text = sentence({"event": "joined", "people": list(crowd)}, crowd)
    assert text is not None
    assert text.endswith('"P9" and 20 others joined the group')


def test_a_long_text_is_quoted_in_part() -> None:
    text = said(Notice(Happening.DESCRIBED, ANA, text="x" * 2000))
    assert text is not None
    assert len(text) < 300


@pytest.mark.parametrize("facts", [{}, {"event": "brand_new"}, {"event": 5}])
def test_what_this_version_does_not_know_has_no_sentence(facts: dict[str, object]) -> None:
    assert sentence(facts, {}) is None


def test_addresses_in_facts() -> None:
    facts = Notice(Happening.ADDED, ANA, (BEN,)).received(TEAM, 0).content.extra
    assert jids_in(facts) == [str(ANA), str(BEN)]
    assert jids_in({"by": 5, "people": "no list"}) == []
