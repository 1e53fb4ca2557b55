"""The table of the search in PostgreSQL, and its index, compared with documents."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.postgres.vector import quoted, search_row
from whatsapp_mcp.store.search import verifying
from whatsapp_mcp.store.search.verifying import ComparedIndex

_LOOKED_UP: Final = 20
"""Of each stretch, so many are looked up by all their words."""
_OTHER: Final = (
    "SELECT made.place FROM unnest(CAST(? AS bigint[]), CAST(? AS integer[]), CAST(? AS integer[]),"
    " CAST(? AS smallint[]), CAST(? AS text[]), CAST(? AS text[]))"
    " AS made(place, chat, length, kept, words, document) LEFT JOIN message_search AS indexed"
    " ON indexed.place = made.place WHERE (indexed.chat, indexed.length, indexed.kept, indexed.words)"
    " IS DISTINCT FROM (made.chat, made.length, made.kept, made.words)"
    " OR indexed.document IS DISTINCT FROM CAST(made.document AS tsvector)"
)
_WITH_WORDS: Final = "SELECT 1 FROM message_search WHERE document @@ CAST(? AS tsquery) AND place + 0 = ?"


def index_fault(connection: StoreConnection) -> str | None:
    """See `whatsapp_mcp.store.search.verifying`. Within a transaction."""
    connection.execute("SELECT set_config('enable_seqscan', 'off', true)")
    return verifying.index_fault(connection, ComparedIndex("message_search", "place", _with_other_words))


def _with_other_words(connection: StoreConnection, stretch: list[tuple[int, str]]) -> set[int]:
    """Also those that the index does not find by all their words."""
    rows = [search_row(place, document) for place, document in stretch]
    columns = [list(column) for column in zip(*rows, strict=True)]
    wrong = {place for (place,) in connection.execute(_OTHER, columns)}
    for row in rows[:_LOOKED_UP]:
        by_words = " & ".join(map(quoted, _lexemes(connection, row.document)))
        if connection.execute(_WITH_WORDS, (by_words, row.place)).fetchone() is None:
            wrong.add(row.place)
    return wrong


def _lexemes(connection: StoreConnection, vector: str) -> list[str]:
    return list(connection.execute("SELECT tsvector_to_array(CAST(? AS tsvector))", (vector,)).fetchone()[0])
