"""The search index in PostgreSQL: a row for each document, with its words as a ``tsvector`` under a GIN index.

GIN tells in which rows words are, in no order and all of them at once: a look at three hundred thousand rows for the
newest thousand takes long. So a search asks a second index first, of every 256th message alone, how many rows there are
about and in which time the newest ones lie. Where there are many it looks only there: each vector has tags of its time,
so that a time is one more word to look up. The order is always that of the places, and what is found is exact; the
sample only says where to look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, NamedTuple

from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.store.engine.postgres.expression import expression
from whatsapp_mcp.store.engine.postgres.vector import PERIODS, WHOLE, search_row, time_tag
from whatsapp_mcp.store.engine.postgres.verifying import index_fault
from whatsapp_mcp.store.search.index import OWN, chat_tag
from whatsapp_mcp.store.search.query import Filters, Phrase, Query, Sought
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.store.search.tables import FoundPlaces

_SAMPLE: Final = 256
"""Of so many messages that are stored one after the other, one is in the sample."""
_FEW: Final = 16
"""Hits in the sample up to which all hits are looked at: some four thousand."""
_MORE: Final = 4
"""Hits in the sample beyond those that stand for what is wanted, so that a second look is rarely needed."""
_BEYOND_DOUBT: Final = 8
"""Times the hits that are counted: so many in the sample stand for enough hits."""
_FEW_LOOKED_AT: Final = 4000
"""Hits in the sample that are looked at: more would tell of pages that nobody turns to."""
_TAGS: Final = 12
"""Tags of a time, at most: with each, PostgreSQL takes longer for each message."""
_AT_ONCE: Final = 1000
"""Rows of one statement that makes the index anew."""

_SAMPLED: Final = f"place & {_SAMPLE - 1} = 0"

TABLE: Final = "message_search"
_LAST: Final = (1 << 63) - 1

_ROWS: Final = (
    # The text of a document that is not wholly in its vector is looked at more often than others: not compressed.
    "CREATE TABLE {table} (place bigint NOT NULL, chat integer NOT NULL, length integer NOT NULL,"
    " kept smallint NOT NULL, words text STORAGE EXTERNAL, document tsvector NOT NULL)"
)
_INDEXES: Final = (
    f"ALTER TABLE {TABLE} ADD CONSTRAINT message_search_place PRIMARY KEY (place)",
    # What is only noted at first is gone through by each search: no more of it than takes a millisecond.
    f"CREATE INDEX message_search_words ON {TABLE} USING gin (document) WITH (gin_pending_list_limit = 256)",
    f"CREATE INDEX message_search_sample ON {TABLE} USING gin (document) WITH (fastupdate = off) WHERE {_SAMPLED}",
    f"CREATE INDEX message_search_kept ON {TABLE} (kept) WHERE kept > {WHOLE}",
)
SEARCH_TABLES: Final = (_ROWS.format(table=TABLE), *_INDEXES)
"""What makes it."""
_INSERT: Final = (
    "INSERT INTO {table} (place, chat, length, kept, words, document) VALUES (?, ?, ?, ?, ?, CAST(? AS tsvector))"
)
_PLAN: Final = (
    # In this way, each statement below can be answered in one way only, whatever the planner believes of the rows. The
    # last column: whether all documents are whole.
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true),"
    " set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true),"
    " set_config('work_mem', '32MB', true),"
    f" NOT EXISTS (SELECT 1 FROM main.{TABLE} WHERE kept > {WHOLE})"
)
# On a restricted connection, a view stands for the table: the conditions on the chat say the same, and cost less.
# The sum keeps the planner from the index of the places.
_FOUND: Final = (
    f"SELECT place FROM main.{TABLE} WHERE document @@ CAST(? AS tsquery) AND place + 0 BETWEEN ? AND ? {{conditions}}"
    " ORDER BY place + 0 DESC LIMIT ?"
)
# A function instead of the operator keeps it from the words' index.
_OF_ALL: Final = (
    f"SELECT place FROM main.{TABLE} WHERE place BETWEEN ? AND ? {{conditions}} ORDER BY place DESC LIMIT ? OFFSET ?"
)
_NOT_OURS: Final = f"NOT ts_match_vq(document, CAST('{OWN}' AS tsquery))"
# From the newest one back, each look goes to the end of the period before. Few messages, or one that pretends to be of
# another century, make no more periods than there are messages.
_IN_PERIODS: Final = (
    "SELECT bits, array_agg(place >> bits) FROM unnest(CAST(? AS integer[])) AS of_length(bits), LATERAL ("
    " WITH RECURSIVE newest(place) AS ("
    f"SELECT max(place) FROM main.{TABLE} WHERE place BETWEEN ? AND ?"
    f" UNION ALL SELECT (SELECT max(message.place) FROM main.{TABLE} AS message"
    " WHERE message.place >= ? AND message.place < newest.place >> bits << bits) FROM newest WHERE place IS NOT NULL"
    ") SELECT place FROM newest WHERE place IS NOT NULL LIMIT ?) AS period GROUP BY bits ORDER BY bits"
)


class _Range(NamedTuple):
    lowest: int
    highest: int

    def below(self, place: int | None) -> _Range:
        return self if place is None else _Range(self.lowest, min(self.highest, place - 1))


_ALWAYS: Final = _Range(1, _LAST)


@dataclass(frozen=True, slots=True)
class _Chats:
    """In which chats, as the rows say it: tags of many chats take long."""

    among: tuple[int, ...] | None
    apart_from: tuple[int, ...] | None
    readable: tuple[int, ...] | None

    def conditions(self) -> list[tuple[str, list[int]]]:
        """Each with the value for its mark."""
        said = [("chat = ANY(?)", self.among), ("chat <> ALL(?)", self.apart_from), ("chat = ANY(?)", self.readable)]
        return [(condition, [*chats]) for condition, chats in said if chats is not None]


@dataclass(frozen=True, slots=True)
class _Matching:
    """What the words' index finds."""

    asked: Sought
    chats: _Chats
    span: _Range

    def places(
        self, connection: StoreConnection, limit: int, *, offset: int = 0, before: int | None = None
    ) -> list[int]:
        within, wanted = self.span.below(before), limit + offset
        look = _Look(connection, self)
        return look.found(within, wanted, look.sample(within))[offset:]

    def count(self, connection: StoreConnection, most: int) -> int:
        """Up to ``most``; as many as that where the sample leaves no doubt."""
        look = _Look(connection, self)
        sample = look.sample(self.span)
        if len(sample) * _SAMPLE > most * _BEYOND_DOUBT:
            return most
        return len(look.found(self.span, most, sample))


class _Look:
    """For what is sought, over one connection, within its transaction."""

    def __init__(self, connection: StoreConnection, matching: _Matching) -> None:
        self._connection = connection
        self._asked, self._chats = matching.asked, matching.chats
        self._all_whole = _planned(connection)

    def found(self, within: _Range, wanted: int, sample: Sequence[int]) -> list[int]:
        if len(sample) <= _FEW:
            return self._newest(within, wanted)
        found: list[int] = []
        looked = wanted // _SAMPLE * 3 // 2 + _MORE
        while len(found) < wanted and within.lowest <= within.highest:
            lowest = sample[looked] if looked < len(sample) else within.lowest
            found += self._newest(_Range(lowest, within.highest), wanted - len(found))
            within, looked = _Range(within.lowest, lowest - 1), looked * 2 + 1
        return found

    def sample(self, within: _Range) -> list[int]:
        return self._newest(within, _FEW_LOOKED_AT, sampled=True)

    def _newest(self, within: _Range, limit: int, *, sampled: bool = False) -> list[int]:
        tags = [] if sampled or within == _ALWAYS else _tags_of_time(self._connection, within)
        asked, chats = self._asked, self._chats.conditions()
        if not asked.wanted and not tags:
            asked = asked._replace(wanted=(tuple(Phrase(chat_tag(chat)) for chat in self._chats.among or ()),))
        said = expression(asked, tags, all_whole=self._all_whole)
        conditions = [_SAMPLED] if sampled else []
        conditions += [said.condition] if said.condition else []
        conditions += [condition for condition, _ in chats]
        sql = _FOUND.format(conditions="".join(f" AND {condition}" for condition in conditions))
        values = (said.tsquery, *within, *said.values, *(value for _, value in chats), limit)
        return [place for (place,) in _rows(self._connection, sql, values)]


def _planned(connection: StoreConnection) -> bool:
    """Whether all documents are whole."""
    ((*_, all_whole),) = _rows(connection, _PLAN)
    return bool(all_whole)


def _rows(connection: StoreConnection, sql: str, values: Sequence[Any] = ()) -> Sequence[Row]:
    assert isinstance(connection, PostgresConnection)
    return connection.asked(sql, values)


def _tags_of_time(connection: StoreConnection, within: _Range) -> list[str]:
    """One of which each message in that range has, and few others; none when there would have to be many."""
    for bits, periods in _rows(connection, _IN_PERIODS, (list(PERIODS), *within, within.lowest, _TAGS + 1)):
        if len(periods) <= _TAGS:
            return [time_tag(bits, period) for period in periods]
    return []


@dataclass(frozen=True, slots=True)
class _OfAll:
    """Where no word and nothing that has a tag is wanted: of all that is found by anything, in order of time."""

    from_others: bool
    chats: _Chats
    span: _Range

    def places(
        self, connection: StoreConnection, limit: int, *, offset: int = 0, before: int | None = None
    ) -> list[int]:
        conditions: list[tuple[str, Any]] = self.chats.conditions()
        sql = _OF_ALL.format(
            conditions="".join(f" AND {condition}" for condition, _ in conditions)
            + f" AND {_NOT_OURS}" * self.from_others
        )
        _planned(connection)
        values = (*self.span.below(before), *(value for _, value in conditions), limit, offset)
        return [place for (place,) in _rows(connection, sql, values)]


class VectorTables:
    ascending = False

    def change(self, connection: StoreConnection, changes: Iterable[tuple[int, str | None, str | None]]) -> None:
        changes = [*changes]
        if gone := [place for place, old, _ in changes if old]:
            connection.execute(f"DELETE FROM {TABLE} WHERE place = ANY(?)", (gone,))
        _insert(connection, TABLE, [(place, new) for place, _, new in changes if new])

    def rebuild(self, connection: StoreConnection, documents: Iterable[tuple[int, str]]) -> None:
        """Readers go on with the old table until the transaction ends."""
        new = f"{TABLE}_new"
        connection.execute(f"DROP TABLE IF EXISTS {new}")
        connection.execute(_ROWS.format(table=new))
        rows = iter(documents)
        while some := [*islice(rows, _AT_ONCE)]:
            _insert(connection, new, some)
        connection.execute(
            "SELECT set_config('maintenance_work_mem', '128MB', true), set_config('statement_timeout', '0', true)"
        )
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(f"ALTER TABLE {new} RENAME TO {TABLE}")
        for statement in _INDEXES:
            connection.execute(statement)

    def count(self, connection: StoreConnection) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()[0])

    def matching(self, connection: StoreConnection, query: Query, filters: Filters, span: Span) -> FoundPlaces | None:
        within = _Range(span.lowest, _LAST if span.highest is None else span.highest)
        among = None if filters.chat is not None or filters.among is None else tuple(filters.among)
        readable = None if connection.restriction is None else tuple(connection.restriction.readable)
        chats = _Chats(among, tuple(filters.apart_from) or None, readable)
        if query.is_blank and filters.among is None and not filters.tags(alone=True):
            return _OfAll(filters.from_me is False, chats, within)
        asked = query.asked(replace(filters, apart_from=()), frugal=False)
        if asked is None:
            return None
        if among is not None:  # the last group
            asked = asked._replace(wanted=asked.wanted[:-1])
        return _Matching(asked, chats, within)

    def count_matching(self, connection: StoreConnection, query: Query, filters: Filters, most: int) -> int | None:
        source = self.matching(connection, query, filters, Span())
        if isinstance(source, _Matching):
            return source.count(connection, most)
        return None if source is None else len(source.places(connection, most))

    def gather(self, connection: StoreConnection, *, begun: bool) -> bool:
        return False  # PostgreSQL does so itself

    def lengths(self, connection: StoreConnection, places: Sequence[int]) -> Mapping[int, Any]:
        rows = connection.execute(f"SELECT place, length FROM {TABLE} WHERE place = ANY(?)", (list(places),))
        return dict(map(tuple, rows))

    def fault(self, connection: StoreConnection) -> str | None:
        return index_fault(connection)


def _insert(connection: StoreConnection, table: str, documents: Sequence[tuple[int, str]]) -> None:
    connection.executemany(_INSERT.format(table=table), [search_row(place, document) for place, document in documents])


TABLES: Final = VectorTables()
