"""The search index in SQLite: a contentless FTS5 table of all shown messages, and two of some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.sqlite.expression import fts5
from whatsapp_mcp.store.engine.sqlite.fts_table import MESSAGE_SEARCH, FtsHits
from whatsapp_mcp.store.engine.sqlite.partial import NEWEST, NOT_TEXT, PARTIAL, NewestFirst
from whatsapp_mcp.store.engine.sqlite.verifying import index_fault
from whatsapp_mcp.store.rows import ARRIVAL_MASK
from whatsapp_mcp.store.search.query import Filters, Query
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.store.search.tables import FoundPlaces


class FtsTables:
    ascending = True

    def change(self, connection: StoreConnection, changes: Iterable[tuple[int, str | None, str | None]]) -> None:
        changes = [*changes]
        MESSAGE_SEARCH.change(connection, changes)
        for partial in PARTIAL:
            partial.change(connection, changes)

    def rebuild(self, connection: StoreConnection, documents: Iterable[tuple[int, str]]) -> None:
        for partial in PARTIAL:
            partial.clear(connection)
        MESSAGE_SEARCH.clear(connection)
        MESSAGE_SEARCH.add(connection, documents)

    def gather(self, connection: StoreConnection, *, begun: bool) -> bool:
        return MESSAGE_SEARCH.merge(connection, begun=begun) or any(partial.grow(connection) for partial in PARTIAL)

    def count(self, connection: StoreConnection) -> int:
        return MESSAGE_SEARCH.count(connection)

    def matching(self, connection: StoreConnection, query: Query, filters: Filters, span: Span) -> FoundPlaces | None:
        if query.is_blank and filters.among is None and not filters.tags(alone=True):
            return _of_all(filters, span)
        table = MESSAGE_SEARCH
        if filters.kinds and "text" not in filters.kinds and NOT_TEXT.lowest(connection) <= span.lowest:
            table, filters = NOT_TEXT.table, replace(filters, frequent_kind="image")
        asked = query.asked(filters, frugal=True)
        if asked is None:
            return None
        conditions, values = filters.conditions(alone=not query.wanted)
        hits = table.matching(fts5(asked), conditions, values, span)
        if table is MESSAGE_SEARCH and any(phrase.is_beginning for phrase in chain(*asked.wanted, asked.unwanted)):
            return NewestFirst(NEWEST.table.matching(fts5(asked), conditions, values, span), hits, span)
        return hits

    def count_matching(self, connection: StoreConnection, query: Query, filters: Filters, most: int) -> int | None:
        asked = query.asked(filters, frugal=True)
        if asked is None:
            return None
        some = "SELECT 1 FROM message_search WHERE message_search MATCH ? LIMIT ?"
        return int(connection.execute(f"SELECT count(*) FROM ({some})", (fts5(asked), most)).fetchone()[0])

    def lengths(self, connection: StoreConnection, places: Sequence[int]) -> Mapping[int, Any]:
        rows = connection.execute(
            f"SELECT id, length(sz), sz FROM message_search_docsize WHERE id IN ({', '.join('?' * len(places))})",
            places,
        )
        # sz: the number of words, as a varint of which more bytes mean more.
        return {place: (length, number) for place, length, number in rows}

    def fault(self, connection: StoreConnection) -> str | None:
        return index_fault(connection)


def _of_all(filters: Filters, span: Span) -> FoundPlaces:
    """Where no word and nothing that has a tag is wanted: of all that is found by anything, in order of time."""
    conditions, values = filters.conditions(alone=True)
    where, moments = span.condition("indexed.id")
    if filters.apart_from:
        conditions.append(f"m.chat NOT IN ({', '.join('?' * len(filters.apart_from))})")
    conditions.insert(0, where)
    sql = (
        "FROM message_search_docsize AS indexed CROSS JOIN messages AS m"
        f" ON m.arrival = indexed.id & {ARRIVAL_MASK} WHERE {' AND '.join(conditions)}"
    )
    return FtsHits(sql, "indexed.id", (*moments, *values, *filters.apart_from))


TABLES: Final = FtsTables()
