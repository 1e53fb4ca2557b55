"""What SQLite's search finds, PostgreSQL's finds: the same messages, as many, in the same order."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

if sys.platform != "linux":
    pytest.skip("the wheel with PostgreSQL is for Linux", allow_module_level=True)

from whatsapp_mcp.store.database import Restriction, StoreConnection
from whatsapp_mcp.store.engine.postgres import search as postgres
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.store.engine.postgres.vector import LONG, VAST, WHOLE, search_row
from whatsapp_mcp.store.engine.sqlite import search as sqlite
from whatsapp_mcp.store.engine.sqlite.connection import SqliteConnection
from whatsapp_mcp.store.engine.sqlite.fts_table import MESSAGE_SEARCH
from whatsapp_mcp.store.engine.sqlite.partial import PARTIAL, PARTIAL_TABLES
from whatsapp_mcp.store.rows import ARRIVAL_MASK, place_of
from whatsapp_mcp.store.search.index import document_of
from whatsapp_mcp.store.search.query import Filters, Query
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.store.search.tables import SearchTables
from whatsapp_mcp.whereabouts import PostgresSchema

FIRST: Final = 1_790_000_000
"""Seconds."""
EVERYTHING: Final = 100_000
ANYWHERE: Final = Filters()
ALWAYS: Final = Span()
_FACTS: Final = "CREATE TABLE messages (arrival BIGINT PRIMARY KEY, chat BIGINT, from_me INTEGER, kind TEXT)"


class Message(NamedTuple):
    text: str
    second: int = 0
    chat: int = 1
    sender: int = 1
    from_me: int = 0
    kind: str = "text"
    file_name: str | None = None

    def document(self) -> str:
        has_media = int(self.kind != "text")
        return document_of(self.chat, self.sender, self.from_me, has_media, self.kind, self.text, self.file_name, None)


class Engine:
    def __init__(self, connection: StoreConnection, tables: SearchTables) -> None:
        self.connection = connection
        self.tables = tables

    def hold(self, messages: Sequence[Message], lowest: Sequence[int | None] = ()) -> None:
        """These alone, as if they had come in this order; every second one is in PostgreSQL's sample.

        ``lowest``: the second from which on each partial index of SQLite holds what it should.
        """
        places = [place_of((FIRST + one.second) * 1000, number * 128) for number, one in enumerate(messages, 1)]
        self.connection.execute("DELETE FROM messages")
        facts = [
            (place & ARRIVAL_MASK, one.chat, one.from_me, one.kind) for place, one in zip(places, messages, strict=True)
        ]
        self.connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", facts)
        documents = sorted(zip(places, (one.document() for one in messages), strict=True))
        with self.transaction():
            self.tables.rebuild(self.connection, [])
            for partial, second in zip(PARTIAL, lowest, strict=False):
                if second is not None:
                    from_here = (partial.table.name, place_of((FIRST + second) * 1000, 0))
                    self.connection.execute("INSERT INTO partial_search VALUES (?, ?)", from_here)
            self.tables.change(self.connection, [(place, None, document) for place, document in documents])

    def found(self, query: str, filters: Filters = ANYWHERE, span: Span = ALWAYS, **part: Any) -> list[int] | None:
        """Numbers of the messages, from 1."""
        part.setdefault("limit", EVERYTHING)
        source = self.tables.matching(self.connection, Query.parse(query), filters, span)
        if source is None:
            return None
        with self.transaction():
            return [(place & ARRIVAL_MASK) // 128 for place in source.places(self.connection, **part)]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.connection.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")


@pytest.fixture(scope="module")
def schema(postgres_url: str) -> Iterator[PostgresSchema]:
    from tests.postgres import new_schema

    with new_schema(postgres_url) as where:
        yield where


@pytest.fixture(scope="module")
def engines(schema: PostgresSchema) -> Iterator[tuple[Engine, Engine]]:
    import sqlite3

    ours = PostgresConnection(schema)
    other = sqlite3.connect(":memory:", isolation_level=None, factory=SqliteConnection)
    ours.execute(f'CREATE SCHEMA "{schema.schema}"')
    for statement in (*postgres.SEARCH_TABLES, _FACTS):
        ours.execute(statement)
    for statement in (MESSAGE_SEARCH.definition, *PARTIAL_TABLES, _FACTS):
        other.execute(statement)
    yield Engine(other, sqlite.TABLES), Engine(ours, postgres.TABLES)
    ours.close()
    other.close()


@pytest.fixture
def in_postgres(engines: tuple[Engine, Engine]) -> Engine:
    return engines[1]


# -- anything, in many scripts ----------------------------------------------------------------------------------------

_WORDS: Final = (
    *("the", "then", "to", "you", "Straße", "STRASSE", "não", "nao", "naïve", "İstanbul", "ﬁn", "x", "C++", "O'Brien"),
    *("я", "не", "ёлка", "елка", "й", "في", "القرآن", "קרא", "לא", "है", "हिन्दी", "ไม่", "โรงเรียน", "回", "明天", "天明"),
    *(
        "明天开会",
        "东京",
        "京东",
        "カタカナ",
        "ガ",
        "がく",
        "회의",
        "의회",
        "😂",
        "👍🏽",
        "❤️",
        "=",
        "==",
        "=c1",
        "=own",
        "€",
    ),
    *("18:30", "+49 171 1234567", "01711234567", "171-123-4567", "https://example.org/a", "a'b", "a\\b", "a:b", "&"),
    *("|", "!", "(", ")", "<->", ":*", "*", "NOT", "AND", "OR", "NEAR", "\u200b", "\u0301", "٣", "٣٤٥٦٧٨٩٠", "\ud800"),
)
_words: Final[SearchStrategy[str]] = st.one_of(
    st.sampled_from(_WORDS), st.sampled_from(_WORDS), st.text(max_size=6).map(lambda text: text.replace("\0", ""))
)
_texts: Final = st.builds(
    lambda words, joint: joint.join(words), st.lists(_words, max_size=8), st.sampled_from((" ", " ", "", ", ", "\n"))
)


@st.composite
def _queries(draw: DrawFn) -> str:
    terms = []
    for text in draw(st.lists(st.lists(_words, min_size=1, max_size=3).map(" ".join), max_size=4)):
        form = draw(st.sampled_from(("{}", "{}", '"{}"', "-{}", '-"{}"', "{}*", "OR {}", "{} OR")))
        terms.append(form.format(text))
    return " ".join(terms)


_messages: Final = st.lists(
    st.builds(
        Message,
        _texts,
        second=st.integers(0, 40_000_000),
        chat=st.integers(1, 4),
        sender=st.integers(1, 3),
        from_me=st.integers(0, 1),
        kind=st.sampled_from(("text", "text", "image", "poll")),
        file_name=st.none() | _words,
    ),
    min_size=1,
    max_size=14,
)
_chats: Final = st.lists(st.integers(1, 5), max_size=5, unique=True).map(tuple)
_filters: Final = st.builds(
    Filters,
    chat=st.none() | st.integers(1, 5),
    among=st.none() | st.none() | _chats,
    apart_from=st.just(()) | _chats,
    authors=st.none() | st.lists(st.integers(1, 4), max_size=2),
    kinds=st.none() | st.lists(st.sampled_from(("text", "image", "poll", "audio")), max_size=2, unique=True),
    from_me=st.none() | st.booleans(),
    own_is_rare=st.booleans(),
    media_only=st.sampled_from((False, False, True)),
    links_only=st.sampled_from((False, False, False, True)),
)
_moments: Final = st.none() | st.builds(
    lambda second: datetime.fromtimestamp(FIRST + second, UTC), st.integers(-10, 40_000_010)
)


@pytest.mark.parametrize("few", [0, 16], ids=["by times", "at once"])
def test_both_find_the_same_in_the_same_order(
    engines: tuple[Engine, Engine], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_FEW", few)
    monkeypatch.setattr(postgres, "_MORE", 0)

    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    @given(_messages, st.data())
    def same(messages: list[Message], data: st.DataObject) -> None:
        seconds = [one.second for one in messages]
        lowest = [data.draw(st.sampled_from((None, -FIRST, *seconds))) for _ in PARTIAL]
        for engine in engines:
            engine.hold(messages, lowest if engine is engines[0] else ())
        for _ in range(6):
            words = data.draw(_queries() | _texts | st.just(""))
            filters, span = data.draw(_filters), Span(data.draw(_moments), data.draw(_moments))
            part = {"limit": data.draw(st.integers(1, 20)), "offset": data.draw(st.sampled_from((0, 0, 1, 5)))}
            if data.draw(st.booleans()):
                part["before"] = place_of((FIRST + data.draw(st.integers(0, 40_000_000))) * 1000, 300)
            one, other = (engine.found(words, filters, span, **part) for engine in engines)
            assert other == one
            one, other = (engine.found(words) for engine in engines)
            assert other == one

    same()


@given(text=st.lists(_words, max_size=30).map(" ".join))
@settings(suppress_health_check=list(HealthCheck))
def test_short_and_long_ones_are_sorted_alike(engines: tuple[Engine, Engine], text: str) -> None:
    lengths = []
    for engine in engines:
        engine.hold([Message(text), Message("one two")])
        source = engine.tables.matching(engine.connection, Query.parse(""), Filters(), Span())
        assert source is not None
        newest = source.places(engine.connection, 2)
        told = engine.tables.lengths(engine.connection, newest)
        lengths.append(sorted(newest, key=lambda place: (told[place], place)))
    assert lengths[0] == lengths[1]


# -- what a vector cannot hold ----------------------------------------------------------------------------------------

HAN: Final = "".join(map(chr, range(0x4E00, 0x4E00 + 20_000)))
HOSTILE: Final = {
    "one word, again and again": "again " * 11_000,
    "more words than have a position": " ".join(f"w{number:x}" for number in range(13_000)) + " the end" * 2_500,
    "one endless word": "a" * 65_000,
    "endless words": " ".join(letter * 9_000 for letter in "abcdefg"),
    "every character": HAN,
    "each character an emoji": "😂😭🎉" * 21_000,
    "quotes and backslashes": "'\\" * 32_000,
    "ligatures that become words": "\ufdfa" * 65_000,
    "marks alone": "\u0301" * 65_000,
}
_KEPT: Final = {"quotes and backslashes": WHOLE, "marks alone": WHOLE}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_message_is_kept_and_hides_no_other(engines: tuple[Engine, Engine], text: str) -> None:
    kept = next(_KEPT.get(name, LONG) for name, hostile in HOSTILE.items() if hostile == text)
    assert search_row(1, Message(text).document()).kept == kept
    queries = ["tea", "again", '"again again"', '"tea again"', '"the end"', '"end tea"', "a" * 200, "a" * 1_000]
    queries += [f"{'a' * 600}*", '-"the end" tea', f"-{'a' * 900} tea", "w2f*", "😭", "丁七", '"丐丁"', "صلى", "'"]
    for engine in engines:
        engine.hold([Message(f"{text} tea", 1), Message("the tea again", 2), Message("again, again", 3)])
    for query in queries:
        one, other = (engine.found(query) for engine in engines)
        assert other == one, query[:40]


def test_of_a_long_message_a_phrase_is_found_wherever_it_stands(in_postgres: Engine) -> None:
    between = " ".join(["filler"] * 20_000)
    in_postgres.hold([Message(f"first words {between} last words", 1), Message("last first", 2)])
    assert in_postgres.found('"first words"') == [1]
    assert in_postgres.found('"last words"') == [1]
    assert in_postgres.found('"words last"') == []
    assert in_postgres.found('last -"last words"') == [2]
    assert in_postgres.found('last -"words last"') == [2, 1]
    assert in_postgres.found('"filler la"*') == []
    assert in_postgres.found("first", Filters(chat=2)) == []


def test_a_message_of_more_words_than_a_vector_holds_is_found_by_each(in_postgres: Engine) -> None:
    text = " ".join(f"{number:0>12}x" for number in range(90_000))
    vast = Message(text, 1, chat=3)
    assert search_row(1, vast.document()).kept == VAST
    in_postgres.hold([vast, Message("000000000007x and others", 2), Message("000000089999x", 3)])
    assert in_postgres.found("000000000007x") == [2, 1]
    assert in_postgres.found("000000089999x 000000000000x") == [1]
    assert in_postgres.found("000000089999x -000000000000x") == [3]
    assert in_postgres.found('"000000000007x 000000000008x"') == [1]
    assert in_postgres.found("00000008999*") == [3, 1]
    assert in_postgres.found("another") == []
    assert in_postgres.found("", Filters(chat=3)) == [1]
    assert in_postgres.found("000000000007x", Filters(chat=2)) == []


def test_long_messages_go_and_come_as_others(in_postgres: Engine) -> None:
    in_postgres.hold([Message("tea " * 20_000, 1), Message("tea", 2)])
    connection, tables = in_postgres.connection, in_postgres.tables
    places = [place for (place,) in connection.execute("SELECT place FROM message_search ORDER BY place")]
    tables.change(connection, [(places[0], "as it was", Message("coffee").document()), (places[1], "as it was", None)])
    assert in_postgres.found("tea") == []
    assert in_postgres.found("coffee") == [1]
    assert tables.count(connection) == 1


# -- many ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("few", [0, 16], ids=["by times", "at once"])
def test_pages_of_a_frequent_word_are_those_of_one_list(
    engines: tuple[Engine, Engine], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_FEW", few)
    monkeypatch.setattr(postgres, "_MORE", 2)
    # Some of a far future, many of two weeks, and those of a year before.
    seconds = [*range(0, 30_000_000, 40_000), *range(32_000_000, 33_200_000, 1_700), 900_000_000, 4_000_000_000]
    messages = [Message("tea" if number % 3 else "coffee", second) for number, second in enumerate(seconds)]
    for engine in engines:
        engine.hold(messages)
    for limit, offset in ((10, 0), (700, 0), (50, 700), (5_000, 3)):
        one, other = (engine.found("tea", limit=limit, offset=offset) for engine in engines)
        assert other == one
        assert one
    before = place_of((FIRST + 32_400_000) * 1000, 1)
    one, other = (engine.found("tea", before=before, limit=400) for engine in engines)
    assert other == one
    assert one is not None
    assert len(one) == 400


def test_on_a_restricted_connection_only_readable_chats_are_found(in_postgres: Engine) -> None:
    connection = in_postgres.connection
    assert isinstance(connection, PostgresConnection)
    in_postgres.hold([Message("tea", number, chat=number % 4) for number in range(40)])
    connection.restriction = Restriction(frozenset({1, 3}))
    try:
        for query in ("tea", "te*", ""):
            found = in_postgres.found(query)
            assert found == [number for number in range(40, 0, -1) if (number - 1) % 4 in (1, 3)]
        assert in_postgres.found("tea", Filters(chat=2)) == []
    finally:
        connection.restriction = None


def test_a_rebuilt_index_is_what_the_documents_say(in_postgres: Engine) -> None:
    in_postgres.hold([Message("old", number) for number in range(5)])
    connection = in_postgres.connection
    connection.execute("DROP INDEX message_search_words")
    new = Message("new").document()
    documents = [(place_of((FIRST + number) * 1000, number * 128), new) for number in range(1, 2500)]
    with in_postgres.transaction():
        in_postgres.tables.rebuild(connection, iter(documents))
    assert in_postgres.found("old") == []
    assert in_postgres.found("new") == [*range(2499, 0, -1)]
    assert in_postgres.tables.count(connection) == 2499
