"""What a search within a chat or everywhere finds, and that no text of a query is an error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.store.build import ANA, ANA_LID, BORIS, GROUP, ME, PHOTO, Store, at, edit, message, revoke
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models import IdentityLearned, MessageKind
from whatsapp_mcp.store.query import match_expression

TEXTS = (
    "Could you send the invoice by Friday?",
    "Precisamos do orçamento para a reunião",
    "Die Straße ist gesperrt, Grüße aus Köln",
    "Привет! Ёлка уже стоит?",
    "記憶断裂について会議を開きます",
    "회의에서 만나요",
    "พรุ่งนี้มีประชุมตอนเช้า",
    "السَّلامُ عَلَيْكُمْ يا أحمد",
    "कल मीटिंग है, धन्यवाद",
    "We rewrote it in C++ and C#, e-mail me",
    "Ｆｕｌｌｗｉｄｔｈ ﾊﾝｶｸ",
    "thanks 👍🏽 see https://example.org/path?q=1",
    "don’t panic",
)


@pytest.fixture
def texts(store: Store) -> Store:
    store.apply([message(f"M{i}", i, text) for i, text in enumerate(TEXTS)])
    store.apply([message(f"B{i}", i, text, chat=BORIS) for i, text in enumerate(TEXTS)])
    return store


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("INVOICE", [0]),
        ("friday invoice", [0]),
        ("friday  \n invoice!!", [0]),
        ("invo", [0]),  # no such word: the beginning of one
        ("invo*", [0]),
        ("send*", [0]),
        ("nvoice", []),
        ("orcamento", [1]),
        ("REUNIÃO orçamento", [1]),
        ("strasse grusse", [2]),
        ("KÖLN", [2]),
        ("елка ПРИВЕТ", [3]),
        ("記", [4]),
        ("断裂", [4]),
        ("記憶断裂", [4]),
        ("憶断", [4]),
        ("断憶", []),
        ("会議 記憶", [4]),
        ("회의", [5]),
        ("만나", [5]),
        ("ประชุม", [6]),
        ("السلام احمد", [7]),
        ("मीटिंग", [8]),
        ("C++", [9]),
        ("c#", [9]),
        ("C+", [9]),
        ("C+++", []),
        ("e-mail", [9]),
        ("email", []),
        ("fullwidth", [10]),
        ("ハンカク", [10]),
        ("👍", [11]),
        ("example.org", [11]),
        ("don't", [12]),
        ('"send the invoice"', [0]),
        ('"invoice the send"', []),
        ("“send the invoice”", [0]),
        ('"send the', [0]),
        ("the -friday", []),
        ("the -monday", [0]),
        ("-invoice", [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ('-"send the"', [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("?!", []),
        ('""', []),
        ("AND", [9]),
        ("NOT friday", []),
        ("body:invoice", []),
        ("c1", []),
    ],
)
def test_found(texts: Store, search: str, found: list[int]) -> None:
    page = texts.reader.messages(ANA, limit=50, offset=0, search=search)
    assert [row.id for row in page.rows] == [f"M{i}" for i in found]
    assert page.total == len(found)


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_no_search_is_no_filter(texts: Store, blank: str | None) -> None:
    assert texts.reader.messages(ANA, limit=50, offset=0, search=blank).total == len(TEXTS)


def test_more_than_the_text_is_found(store: Store) -> None:
    store.apply(
        [
            message("F", 1, "", media=PHOTO),
            message(
                "P", 2, "Lunch?", kind=MessageKind.POLL, extra={"options": ["Pizza", "Phở"], "selectable_count": 1}
            ),
            message("L", 3, "look", extra={"link": "https://blog.example/äpfel", "title": "Äpfel", "description": "x"}),
        ]
    )
    assert [row.id for row in store.reader.messages(ANA, limit=9, offset=0, search="strasse.jpg").rows] == ["F"]
    assert store.texts(ANA, "pho") == ["Lunch?"]
    assert store.texts(ANA, "apfel blog") == ["look"]
    store.apply([edit("L", 9, "edited")])
    assert store.texts(ANA, "apfel") == ["edited"]
    assert store.texts(ANA, "look") == []


def ids(store: Store, text: str, **filters: object) -> list[str]:
    page = store.reader.search(text, limit=50, offset=0, **filters)  # type: ignore[arg-type]
    assert page.total == len(page.rows)
    return [row.id for row in page.rows]


def test_searching_everywhere(store: Store) -> None:
    store.apply(
        [
            message("A1", 1, "the invoice", media=PHOTO),
            message("B1", 2, "your invoice", chat=BORIS, from_me=True),
            message("G1", 3, "invoice, please", chat=GROUP, sender=ANA_LID),
            message("G2", 4, "Invoice!", chat=GROUP, sender=BORIS),
            message("S1", 5, "invoice in a status", chat=STATUS_BROADCAST, sender=ANA),
            message("A2", 6, "something else"),
            IdentityLearned(ANA_LID, ANA),
        ]
    )
    assert ids(store, "invoice") == ["G2", "G1", "B1", "A1"]
    assert ids(store, "invo") == ["G2", "G1", "B1", "A1"]  # no such word: the beginning of one
    assert ids(store, "invoice -please") == ["G2", "B1", "A1"]
    assert ids(store, "invoice", chat=GROUP) == ["G2", "G1"]
    assert ids(store, "invoice", chat=STATUS_BROADCAST) == ["S1"]
    assert ids(store, "invoice", sender=ANA) == ids(store, "invoice", sender=ANA_LID) == ["G1", "A1"]
    assert ids(store, "invoice", sender=ME) == ids(store, "invoice", from_me=True) == ["B1"]
    assert ids(store, "invoice", sender=ANA, chat=GROUP, from_me=False) == ["G1"]
    assert ids(store, "invoice", kinds=[MessageKind.IMAGE, MessageKind.VIDEO]) == ["A1"]
    assert ids(store, "invoice", start=at(2), end=at(3)) == ["G1", "B1"]
    assert ids(store, "invoice", kinds=()) == []
    stranger = Jid.parse("1@s.whatsapp.net")
    assert ids(store, "invoice", sender=stranger) == ids(store, "invoice", chat=stranger) == []
    assert ids(store, "") == ids(store, "-invoice") == ids(store, "?!") == []


def test_pages_of_a_search_everywhere(texts: Store) -> None:
    pages = [texts.reader.search("the", limit=1, offset=offset) for offset in range(3)]
    assert [page.total for page in pages] == [2, 2, 2]
    assert [row.chat for page in pages for row in page.rows] == [BORIS, ANA]
    assert texts.reader.search("the", limit=0, offset=0).total == 2


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text() | st.text(alphabet="abc\"-*+()^:{}'\\ \n") | st.lists(st.sampled_from(TEXTS)).map(" ".join))
def test_no_query_is_an_error(texts: Store, query: str) -> None:
    page = texts.reader.messages(ANA, limit=3, offset=0, search=query)
    assert len(page.rows) == min(3, page.total)
    everywhere = texts.reader.search(query, limit=3, offset=0)
    assert len(everywhere.rows) == min(3, everywhere.total)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(range(len(TEXTS))), st.data())
def test_every_word_of_a_message_finds_it(texts: Store, number: int, data: st.DataObject) -> None:
    words = TEXTS[number].split()
    chosen = data.draw(st.permutations(words))[: data.draw(st.integers(1, len(words)))]
    page = texts.reader.messages(ANA, limit=50, offset=0, search=" ".join(chosen).upper())
    assert f"M{number}" in [row.id for row in page.rows]


def test_words_beyond_the_limit_are_left_out() -> None:
    assert match_expression(" ".join(["word"] * 5000)) is not None


def test_the_index_can_be_made_anew(texts: Store) -> None:
    texts.apply([edit("M0", 50, "nothing here"), revoke("M1", 50)])
    index = texts.writer._connection.execute
    index("INSERT INTO message_search (message_search) VALUES ('delete-all')")
    assert texts.texts(ANA, "friday") == texts.texts(ANA, "strasse") == []
    texts.writer.rebuild_search()
    assert texts.texts(ANA, "strasse") == [TEXTS[2]]
    assert texts.texts(ANA, "nothing here") == ["nothing here"]
    assert texts.texts(ANA, "friday") == texts.texts(ANA, "orcamento") == []
    index("INSERT INTO message_search (message_search) VALUES ('integrity-check')")
