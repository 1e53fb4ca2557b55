"""What a search that finds nothing says would be found."""

from __future__ import annotations

import pytest

from tests.unit.store.build import ANA, BORIS, CARLA, GROUP, Store, at, message
from whatsapp_mcp.jid import STATUS_BROADCAST
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.store.records import Hint
from whatsapp_mcp.store.search.query import Query


@pytest.fixture
def texts(store: Store) -> Store:
    store.apply(
        [
            message("A1", 1, "the veterinarian says the hedgehog must fast"),
            message("A2", 2, "hedgehogs again, and tomorrow the meeting"),
            message("B1", 3, "meeting on Thursday, hedgehog", chat=BORIS),
            message("B2", 4, "встреча завтра", chat=BORIS),
            message("G1", 5, "the invoice", chat=GROUP, sender=ANA),
        ]
    )
    return store


def hint(store: Store, text: str, **filters: object) -> Hint:
    page = store.reader.search(text, limit=9, offset=0, **filters)  # type: ignore[arg-type]
    assert page.total == 0
    assert page.hint is not None
    return page.hint


def test_what_is_found_has_no_hint(texts: Store) -> None:
    assert texts.reader.search("hedgehog", limit=1, offset=0).hint is None
    assert texts.reader.search("hedgehog", limit=1, offset=9).hint is None
    assert not hint(texts, "zebra")
    assert not hint(texts, "-hedgehog")


def test_fewer_words(texts: Store) -> None:
    found = hint(texts, "hedgehog zebra veterinarian").fewer_words
    assert [(one.query, one.total) for one in found] == [("hedgehog veterinarian", 1)]
    found = hint(texts, "invoice veterinarian thursday").fewer_words
    assert sorted(one.query for one in found) == ["invoice", "thursday", "veterinarian"]
    found = hint(texts, 'meet zebra OR lion "must fast" -fox').fewer_words
    assert {one.query for one in found} == {"meet -fox", '"must fast" -fox'}
    for one in found:
        assert texts.reader.search(one.query, limit=1, offset=0).total == one.total
    assert hint(texts, " ".join(["zebra"] * 9)).fewer_words == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hedghog", "hedgehog"),
        ("hedgehgo", "hedgehog"),
        ("hegdehog", "hedgehog"),
        ("ehdgehog", "hedgehog"),
        ("hhedgehog", "hedgehog"),
        ("bedgehog", "hedgehog"),
        ("edgehog", "hedgehog"),
        ("HEDGHOG", "hedgehog"),
        ("veternarian", "veterinarian"),
        ("tomorow meeting", "tomorrow meeting"),
        ("встречя", "встреча"),
        ("зватра", "завтра"),
    ],
)
def test_another_spelling(texts: Store, typed: str, meant: str) -> None:
    found = hint(texts, typed).spelling
    assert found is not None
    assert found.query == meant
    assert found.total == texts.reader.search(meant, limit=1, offset=0).total


@pytest.mark.parametrize("text", ["cat", "zebrafish", "1234", '"hedghog"', "hedghog*", "日本", "hedghog zebra"])
def test_no_other_spelling(texts: Store, text: str) -> None:
    assert hint(texts, text).spelling is None


def test_another_chat(texts: Store) -> None:
    found = hint(texts, "veterinarian", chat=BORIS)
    assert [(one.jid, one.total) for one in found.other_chats] == [(ANA, 1)]
    found = hint(texts, "hedghog", chat=GROUP)
    assert found.spelling is None, "nothing is found there under the right name either"
    assert [one.jid for one in hint(texts, "hedgehog", chat=GROUP).other_chats] == [ANA, BORIS]


def test_a_search_in_a_chat(texts: Store) -> None:
    texts.apply([message("S1", 9, "veterinarian", chat=STATUS_BROADCAST, sender=ANA)])
    page = texts.reader.messages(BORIS, limit=9, offset=0, search="veterinarian")
    assert page.hint is not None
    assert [one.jid for one in page.hint.other_chats] == [ANA], "no status updates"
    page = texts.reader.messages(BORIS, limit=9, offset=0, search="hedghog")
    assert page.hint is not None
    assert page.hint.spelling == ("hedgehog", 1, False)
    assert texts.reader.messages(BORIS, limit=9, offset=0, from_me=True).hint is None


def test_without_filters(texts: Store) -> None:
    assert hint(texts, "hedgehog", kinds=[MessageKind.IMAGE]).without_filters == 3
    assert hint(texts, "hedgehog", chat=ANA, sender=BORIS).without_filters == 2
    assert hint(texts, "hedgehog", start=at(9)).without_filters == 3
    assert hint(texts, "hedgehog", chat=GROUP, from_me=True).without_filters == 0


def test_nothing_of_hidden_chats_is_told(texts: Store) -> None:
    texts.apply([message("C1", 6, "xylophone hedgehop", chat=CARLA)])
    closed = texts.reader.restricted(ChatList.parse(("*",), (f"+{CARLA.user}",)).allows)

    def told(text: str, **filters: object) -> Hint | None:
        return closed.search(text, limit=9, offset=0, **filters).hint  # type: ignore[arg-type]

    assert hint(texts, "xylophon hedgehog").fewer_words
    assert hint(texts, "xilophone").spelling is not None
    assert hint(texts, "xylophone", chat=ANA).other_chats
    assert not told("xilophone")
    assert not told("xylophnoe")
    assert not told("xylophone", chat=ANA)
    assert [one.query for one in (told("xylophone hedgehog") or Hint()).fewer_words] == ["hedgehog"]
    spelling = (told("hedgehpo") or Hint()).spelling
    assert spelling is not None
    assert spelling.query == "hedgehog"
    closed.close()


def test_a_query_as_somebody_would_type_it() -> None:
    for text in ('invoice OR "for march" pri* -draft -"old one"', "one", "a OR b OR c d"):
        assert Query.parse(text).text == text
        assert Query.parse(Query.parse(text).text) == Query.parse(text)
