"""What a search within a chat or everywhere finds, and that no text of a query is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.store.build import ANA, ANA_LID, BORIS, GROUP, ME, PHOTO, Store, at, edit, message, ms, receipt, revoke
from whatsapp_mcp.errors import InvalidArgument, StoreError
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.app_state import MessageDeletedForMe
from whatsapp_mcp.models.changes import IdentityLearned
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.store.engine.choice import search_tables
from whatsapp_mcp.store.engine.sqlite import fts_table, partial
from whatsapp_mcp.store.read.listing import COUNTED, FREQUENT, RANKED
from whatsapp_mcp.store.search.query import Query
from whatsapp_mcp.store.write.writer import StoreWriter

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
        ('"send the inv"', []),
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
    assert ids(store, "-invoice") == ids(store, "?!") == []


def test_filters_without_a_word(store: Store) -> None:
    store.apply(
        [
            message("A1", 1, "", media=PHOTO),
            message("A2", 2, "look: HTTPS://example.org"),
            message("A3", 3, "www.example.org", from_me=True),
            message("A4", 4, "nothing to see", extra={"link": "https://example.org"}),
            message("A5", 5, "no link: http, www"),
            message("B1", 6, "", media=PHOTO, chat=BORIS),
        ]
    )
    assert ids(store, "", kinds=[MessageKind.IMAGE]) == ["B1", "A1"], "also those without a word"
    assert ids(store, "", kinds=[MessageKind.IMAGE], chat=ANA) == ["A1"]
    assert ids(store, " ", links_only=True) == ["A4", "A3", "A2"]
    assert ids(store, "", links_only=True, from_me=False) == ["A4", "A2"]
    assert ids(store, "-look", links_only=True) == ["A4", "A3"]
    assert ids(store, "", sender=BORIS) == ["B1"]
    assert ids(store, "", from_me=True) == ["A3"]
    assert ids(store, "", from_me=False) == ["B1", "A5", "A4", "A2", "A1"]
    assert ids(store, "") == ["B1", "A5", "A4", "A3", "A2", "A1"]
    assert ids(store, "", start=at(2), end=at(4)) == ["A4", "A3", "A2"]
    assert ids(store, "", start=at(2), end=at(4), from_me=False) == ["A4", "A2"]
    assert ids(store, "", start=at(2), end=at(4), from_me=True) == ["A3"]
    assert ids(store, "", start=at(2), end=at(4), chat=BORIS) == []
    assert ids(store, "-look") == ids(store, "-look", from_me=False) == [], "what merely lacks a word is almost all"
    store.apply([edit("A2", 9, "no more"), revoke("A4", 9), revoke("B1", 9, chat=BORIS)])
    assert ids(store, "", links_only=True) == ["A3"]
    assert ids(store, "", kinds=[MessageKind.IMAGE]) == ["A1"]
    assert ids(store, "", start=at(2)) == ["A5", "A3", "A2"], "deleted ones are not found"
    store.apply([message("S1", 10, chat=STATUS_BROADCAST, sender=ANA)])
    assert ids(store, "", start=at(6)) == [], "nor are status updates, unless asked for"
    assert ids(store, "", start=at(6), chat=STATUS_BROADCAST) == ["S1"]


def test_beginnings_of_words(store: Store) -> None:
    """What a person expects who types the beginning of a word, or a word that others begin with."""
    store.apply(
        [
            message("M1", 1, "meeting at noon"),
            message("M2", 2, "Let us meet!"),
            message("M3", 3, "they met at 12"),
            message("M4", 4, "room 1234 in the theatre"),
        ]
    )
    assert ids(store, "meet") == ["M2", "M1"], "also where a message has the word itself"
    assert ids(store, "MEET noo") == ["M1"]
    assert ids(store, '"meet"') == ["M2"], "in quotes it stands for itself"
    assert ids(store, "meet -meeting") == ["M2"]
    assert ids(store, "meet -meet") == ["M1"], "what is left out is the word alone"
    assert ids(store, "met") == ["M3"]
    assert ids(store, "the") == ["M4", "M3"]
    assert ids(store, "12") == ["M3"], "numbers are meant as they stand"
    assert ids(store, "123") == ["M4"], "unless there is no such number"
    assert ids(store, "at") == ["M3", "M1"]
    assert ids(store, "th") == ids(store, "th*") == ["M4", "M3"], "two letters, where there is no such word"
    assert ids(store, "m*") == ids(store, "m") == [], "nearly every message has words that begin with one letter"
    ranked = store.reader.search("meet", limit=9, offset=0, by_relevance=True)
    assert [row.id for row in ranked.rows] == ["M2", "M1"]
    store.apply([message("M5", 5, "a long meeting, though we said that there shall be none today")])
    ranked = store.reader.search("meet", limit=9, offset=0, by_relevance=True)
    assert [row.id for row in ranked.rows] == ["M2", "M1", "M5"], "the word itself first, then short messages"


def test_a_frequent_word_is_meant_as_it_stands(store: Store) -> None:
    store.apply([message(f"M{i}", i, "tea for two") for i in range(FREQUENT - 1)])
    store.apply([message("T", 5000, "a team"), message("R", 5001, "rare teapots")])
    assert [row.id for row in store.reader.search("tea", limit=2, offset=0).rows] == ["R", "T"]
    store.apply([message("L", 4000, "the last tea")])
    assert [row.id for row in store.reader.search("tea", limit=1, offset=0).rows] == ["L"]
    assert [row.id for row in store.reader.search("tea*", limit=2, offset=0).rows] == ["R", "T"]
    assert ids(store, "rare tea") == [], "nor where nothing else is found"
    assert ids(store, "rare tea*") == ["R"]


def test_one_word_or_another(store: Store) -> None:
    store.apply(
        [
            message("M1", 1, "invoice for March"),
            message("M2", 2, "bill for March"),
            message("M3", 3, "bill for April, or so"),
            message("M4", 4, "receipt of May"),
        ]
    )
    assert ids(store, "invoice OR receipt") == ["M4", "M1"]
    assert ids(store, "invoice OR bill march") == ids(store, "march bill OR invoice") == ["M2", "M1"]
    assert ids(store, 'invoice OR "for april" OR rec*') == ["M4", "M3", "M1"]
    assert ids(store, "invoice OR bill -april") == ["M2", "M1"]
    assert ids(store, "invoice OR bill march OR may") == ["M2", "M1"]
    assert ids(store, "invoice AND april") == ids(store, "invoice april"), "all words must occur anyway"
    assert ids(store, "(invoice OR bill) AND march") == ["M2", "M1"]
    assert ids(store, "invoice OR bill NOT april") == ids(store, "invoice OR bill AND NOT april") == ["M2", "M1"]
    assert ids(store, "AND") == ids(store, "NOT") == ids(store, "NOT invoice") == [], "words like others"
    assert ids(store, "invo OR zebra") == ["M1"], "no such words: beginnings of some"
    assert ids(store, "bill or") == ids(store, "bill OR") == ids(store, "OR bill") == ["M3"], "a word"
    assert ids(store, "OR") == ["M3"]
    assert ids(store, "bill OR -march") == ["M3"]
    assert ids(store, '"bill OR invoice"') == []
    assert [row.id for row in store.reader.search("bill OR may", limit=9, offset=0, by_relevance=True).rows] == [
        "M4",
        "M2",
        "M3",
    ]


def test_no_text_of_a_message_is_taken_for_a_filter(store: Store) -> None:
    store.apply([message("M1", 1, "=c1 =own =link =kimage =media"), message("M2", 2, "plain")])
    assert ids(store, "", links_only=True) == ids(store, "", from_me=True) == []
    assert ids(store, "=own") == ["M1"]
    assert ids(store, "=*") == ["M1"], "the sign itself, not all that begins with it"


def test_who_wrote_it_is_found_under_every_address(store: Store) -> None:
    store.apply(
        [message("G1", 1, "by lid", chat=GROUP, sender=ANA_LID), message("G2", 2, "by number", chat=GROUP, sender=ANA)]
    )
    assert ids(store, "by", sender=ANA) == ["G2"]
    store.apply([IdentityLearned(ANA_LID, ANA)])
    assert ids(store, "by", sender=ANA) == ids(store, "by", sender=ANA_LID) == ["G2", "G1"]


def test_a_frequent_search_is_not_counted_to_the_end(store: Store) -> None:
    store.apply([message(f"M{i}", i, f"tea {'green' if i % 2 else 'black'} {i}") for i in range(COUNTED + 50)])
    page = store.reader.search("tea", limit=3, offset=0)
    assert (page.total, page.total_is_more, page.more) == (COUNTED, True, True)
    last = store.reader.search("tea", limit=3, offset=COUNTED + 48)
    assert [row.id for row in last.rows] == ["M1", "M0"]
    assert not last.more
    assert last.total == COUNTED
    half = store.reader.search("tea green", limit=3, offset=0)
    assert (half.total, half.total_is_more) == (COUNTED // 2 + 25, False)
    exact = store.reader.search(f"tea -{COUNTED + 49}", limit=1, offset=0, start=at(50))
    assert (exact.total, exact.total_is_more) == (COUNTED - 1, False)


def test_of_a_frequent_search_the_newest_are_ranked(store: Store) -> None:
    texts = ["tea", "a tea", "tea", *["some tea"] * (RANKED - 1)]
    store.apply([message(f"M{i}", i, text) for i, text in enumerate(texts)])
    page = store.reader.search("tea", limit=2, offset=0, by_relevance=True)
    assert (page.total, page.total_is_more, page.more) == (RANKED, True, True)
    assert [row.id for row in page.rows] == ["M2", f"M{RANKED + 1}"]


@pytest.mark.parametrize("how", ["everywhere", "in the chat", "all of the chat"])
def test_cursors_go_through_everything_once(store: Store, how: str) -> None:
    """While messages arrive, and beyond what is counted."""
    store.apply([message(f"M{i}", i // 3, "tea") for i in range(COUNTED + 100)])
    seen: list[str] = []
    cursor, pages = None, 0
    while True:
        if how == "everywhere":
            page = store.reader.search("tea", limit=90, offset=0, cursor=cursor)
        else:
            search = "tea" if how == "in the chat" else None
            page = store.reader.messages(ANA, limit=90, offset=0, search=search, cursor=cursor)
        seen += [row.id for row in page.rows]
        if not page.more:
            break
        cursor, pages = page.cursors[-1], pages + 1
        store.apply([message(f"LATER{pages}", 5000 + pages, "more tea")])
    assert seen == [f"M{i}" for i in reversed(range(COUNTED + 100))]


def test_cursors_go_through_all_chats_once(store: Store) -> None:
    store.apply([message("A", 100)])
    chats = [Jid.parse(f"{5511900000000 + i}@s.whatsapp.net") for i in range(9)]
    store.apply([message("X", 100 + i % 2, chat=chat) for i, chat in enumerate(chats)])
    listed: list[Jid] = []
    shown = store.reader.chats(limit=2, offset=0)
    while True:
        listed += [chat.jid for chat in shown.rows]
        if not shown.more:
            break
        shown = store.reader.chats(limit=2, offset=0, cursor=shown.cursors[-1])
    assert len(listed) == len(set(listed)) == 10
    assert listed == [chat.jid for chat in store.reader.chats(limit=20, offset=0).rows]


@pytest.mark.parametrize("cursor", ["", "x", "1-2", "-1", "1" * 17, "１", "1-2-3-4"])
def test_no_cursor(texts: Store, cursor: str) -> None:
    with pytest.raises(InvalidArgument, match="cursor"):
        texts.reader.search("the", limit=1, offset=0, cursor=cursor)
    with pytest.raises(InvalidArgument, match="cursor"):
        texts.reader.messages(ANA, limit=1, offset=0, cursor=cursor)
    with pytest.raises(InvalidArgument, match="cursor"):
        texts.reader.chats(limit=1, offset=0, cursor=cursor)


def test_by_relevance(store: Store) -> None:
    store.apply(
        [
            message("SHORT", 1, "green tea"),
            message("LONG", 2, "they say that green tea is what one should drink in the morning"),
            message("APART", 3, "tea, green"),
            message("NEW", 4, "some green and also some black tea"),
        ]
    )
    assert ids(store, "green tea") == ["NEW", "APART", "LONG", "SHORT"]
    assert ids(store, "green tea", by_relevance=True) == ["SHORT", "LONG", "APART", "NEW"]
    assert ids(store, "tea", by_relevance=True) == ["APART", "SHORT", "NEW", "LONG"]
    page = store.reader.search("green tea", limit=2, offset=1, by_relevance=True)
    assert [row.id for row in page.rows] == ["LONG", "APART"]
    assert page.more
    assert page.cursors == ()


def test_only_rare_words_are_taken_as_beginnings(store: Store) -> None:
    store.apply([message(f"M{i}", i, "meet", chat=BORIS) for i in range(FREQUENT)])
    store.apply([message("A1", 1, "the meeting on monday")])
    assert ids(store, "meet", chat=ANA) == [], "a frequent word is meant as it stands"
    assert ids(store, "meet*", chat=ANA) == ids(store, "meeti", chat=ANA) == ids(store, "mond", chat=ANA) == ["A1"]


def test_while_the_index_is_made_anew_a_search_says_so(texts: Store) -> None:
    execute = texts.writer._connection.execute
    execute("DELETE FROM meta WHERE key = 'index_version'")
    with pytest.raises(StoreError, match="made anew"):
        texts.reader.search("the", limit=1, offset=0)
    assert texts.reader.messages(ANA, limit=1, offset=0).total == len(TEXTS)
    texts.writer.close()
    texts.writer = StoreWriter(texts.where)
    assert texts.reader.search("the", limit=1, offset=0).total == 2


def test_an_index_out_of_step_is_no_error(texts: Store) -> None:
    texts.writer._connection.execute("DELETE FROM messages WHERE id = 'M0'")
    page = texts.reader.search("invoice", limit=5, offset=0)
    assert [row.id for row in page.rows] == ["B0"]
    assert len(page.cursors) == 1


def test_what_was_said_around(store: Store) -> None:
    store.apply([message(f"M{i}", i, f"line {i}") for i in range(9)] + [message("B1", 4, "elsewhere", chat=BORIS)])
    store.apply([MessageDeletedForMe(ANA, "M3", from_me=False, timestamp=ms(50))])
    hits = store.reader.search("4", limit=5, offset=0).rows + store.reader.search("8", limit=5, offset=0).rows
    inside, end = store.reader.around(hits, before=2, after=3)
    assert [row.id for row in inside.before] == ["M1", "M2"], "without what was deleted"
    assert [row.id for row in inside.after] == ["M5", "M6", "M7"]
    assert [row.id for row in end.before] == ["M6", "M7"]
    assert end.after == ()
    (nothing,) = store.reader.around(hits[:1], before=0, after=0)
    assert nothing.before == nothing.after == ()


def test_what_is_unread(store: Store) -> None:
    store.apply(
        [
            message("A1", 1, "read"),
            message("A2", 2, "mine", from_me=True),
            message("A3", 3, "new"),
            message("B1", 4, "new too", chat=BORIS),
            message("S1", 5, "a status", chat=STATUS_BROADCAST, sender=ANA),
            message("A4", 6, "newer"),
        ]
    )
    assert [row.id for row in store.reader.unread(limit=9).messages] == ["A3", "B1", "A4"]
    assert [row.id for row in store.reader.unread(limit=2).messages] == ["B1", "A4"]
    store.apply([receipt(ReceiptKind.READ, 9, "A4", sender=ME, from_me=True)])
    assert [row.id for row in store.reader.unread(limit=9).messages] == ["B1"]


def test_pages_of_a_search_everywhere(texts: Store) -> None:
    pages = [texts.reader.search("the", limit=1, offset=offset) for offset in range(3)]
    assert [page.total for page in pages] == [2, 2, 2]
    assert [row.chat for page in pages for row in page.rows] == [BORIS, ANA]
    assert texts.reader.search("the", limit=0, offset=0).total == 2


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text() | st.text(alphabet="abc\"-*+()^:{}'\\ \n") | st.lists(st.sampled_from(TEXTS)).map(" ".join))
def test_no_query_is_an_error(texts: Store, query: str) -> None:
    page = texts.reader.messages(ANA, limit=3, offset=0, search=query)
    assert len(page.rows) == min(3, page.total)
    everywhere = texts.reader.search(query, limit=3, offset=0)
    assert len(everywhere.rows) == min(3, everywhere.total)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(range(len(TEXTS))), st.data())
def test_every_word_of_a_message_finds_it(texts: Store, number: int, data: st.DataObject) -> None:
    words = TEXTS[number].split()
    chosen = data.draw(st.permutations(words))[: data.draw(st.integers(1, len(words)))]
    page = texts.reader.messages(ANA, limit=50, offset=0, search=" ".join(chosen).upper())
    assert f"M{number}" in [row.id for row in page.rows]


def test_words_beyond_the_limit_are_left_out() -> None:
    assert len(Query.parse(" ".join(["word"] * 5000)).wanted) == 40


def test_the_index_can_be_made_anew(texts: Store) -> None:
    texts.apply([edit("M0", 50, "nothing here"), revoke("M1", 50)])
    in_a_file = isinstance(texts.where, Path)
    all_gone = "INSERT INTO message_search (message_search) VALUES ('delete-all')"
    texts.writer._connection.execute(all_gone if in_a_file else "DELETE FROM message_search")
    assert texts.texts(ANA, "friday") == texts.texts(ANA, "strasse") == []
    texts.writer.rebuild_search()
    assert texts.texts(ANA, "strasse") == [TEXTS[2]]
    assert texts.texts(ANA, "nothing here") == ["nothing here"]
    assert texts.texts(ANA, "friday") == texts.texts(ANA, "orcamento") == []
    texts.check()


def scatter(store: Store) -> None:
    """As after a history: many commits, each of which leaves a part of the index."""
    for batch in range(30):
        numbers = range(batch * 20, batch * 20 + 20)
        store.apply([message(f"H{i}", i, f"tree number{i} leaf{i * 7} wood{i % 9}") for i in numbers])


def segments(store: Store) -> int:
    connection = store.writer._connection
    return int(connection.execute("SELECT count(DISTINCT segid) FROM message_search_idx").fetchone()[0])


def test_gathered_after_a_history_the_index_finds_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In small parts, between which messages come and searches find what they found."""
    monkeypatch.setattr(fts_table, "_SMALL", 4)
    monkeypatch.setattr(fts_table, "_MERGED", 1)
    in_a_file = isinstance(store.where, Path)
    scatter(store)
    store.apply([edit("H3", 900, "changed"), revoke("H5", 900)])
    searches = ("tree", "number1*", "wood4 tree", "leaf21 OR leaf28", "tree -wood1", "changed", "number5")
    found = [store.texts(ANA, search) for search in searches]
    assert segments(store) > 4 if in_a_file else True
    parts = 0
    while store.writer.gather_search():
        parts += 1
        assert [store.texts(ANA, search) for search in searches] == found
        if parts == 2:
            store.apply([message("LATE", 950, "came meanwhile")])
    assert [store.texts(ANA, search) for search in searches] == found
    assert store.texts(ANA, "meanwhile") == (["came meanwhile"] if in_a_file else [])
    assert (segments(store) <= 2 and parts > 2) if in_a_file else parts == 0
    assert not store.writer.gather_search()
    store.check()


def test_what_is_found_does_not_depend_on_how_far_smaller_indexes_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are filled in small parts, between which messages come, change and go, and begun anew when large."""
    for name, size in {"_LARGE": 0, "_ENOUGH": 12, "_TOO_MANY": 2, "_STRETCH": 5}.items():
        monkeypatch.setattr(partial, name, size)
    store.apply([message(f"T{i}", i * 10, f"tree{i % 3} wood") for i in range(40)])
    store.apply([message(f"P{i}", i * 10 + 5, f"tree{i % 3} leaf", media=PHOTO) for i in range(40)])
    store.apply([message("B", 392, "trees", chat=BORIS, media=PHOTO)])
    some = store.reader.restricted(lambda facts: facts.jid == BORIS)

    def found() -> list[list[str]]:
        searched = [
            store.reader.search(text, kinds=kinds, limit=limit, offset=offset)
            for text in ("tr*", "tr* -wood", "tree1 le*", "tree2", "changed", "late*")
            for kinds in (None, [MessageKind.IMAGE], [MessageKind.IMAGE, MessageKind.TEXT])
            for limit, offset in ((100, 0), (3, 0), (3, 8))
        ]
        return [[one.id for one in page.rows] for page in searched]

    def found_by_who_reads_one_chat() -> list[str]:
        pages = [some.search("tr*", kinds=kinds, limit=9, offset=0) for kinds in (None, [MessageKind.IMAGE])]
        return [one.id for page in pages for one in page.rows]

    def lowest() -> list[int]:
        connection = store.writer._connection
        return [one.lowest(connection) for one in partial.PARTIAL] if isinstance(store.where, Path) else []

    def compare() -> None:
        before, reached = found(), [lowest()]
        while store.writer.gather_search():
            assert found() == before
            assert found_by_who_reads_one_chat() == ["B", "B"]
            store.check()
            reached.append(lowest())
        if isinstance(store.where, Path):
            assert lowest()[1] == 1
            assert len(reached) > 2
            assert search_tables(store.writer._connection).fault(store.writer._connection) is None

    assert store.writer.gather_search() == isinstance(store.where, Path)
    store.apply([edit("T3", 900, "changed"), edit("T39", 900, "changed"), revoke("P38", 900), revoke("P2", 900)])
    store.apply([message("OLD", 33, "late tree"), message("OLDER", 34, "late tree", media=PHOTO)])
    compare()
    store.apply([edit("P39", 901, "changed late"), revoke("T38", 901), message("NEW", 950, "tree1 leaf", media=PHOTO)])
    store.apply([message(f"N{i}", 1000 + i, "late tree2") for i in range(20)])
    compare()
    made = found()
    store.writer.rebuild_search()
    assert found() == made
    compare()
    store.check()
    some.close()


def test_a_gathering_that_was_cut_off_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    if not isinstance(store.where, Path):
        assert not store.writer.gather_search()
        return
    monkeypatch.setattr(fts_table, "_SMALL", 4)
    monkeypatch.setattr(fts_table, "_MERGED", 1)
    scatter(store)
    assert store.writer.gather_search()
    store.writer.close()
    writer = StoreWriter(store.where)
    try:
        while writer.gather_search():
            pass
    finally:
        writer.close()
    store.writer = StoreWriter(store.where)
    assert segments(store) == 1
    assert len(store.texts(ANA, "tree")) == 600
    store.check()


def test_a_small_index_is_left_as_it_is(store: Store) -> None:
    scatter(store)
    before = segments(store) if isinstance(store.where, Path) else 0
    assert not store.writer.gather_search()
    assert not isinstance(store.where, Path) or segments(store) == before
