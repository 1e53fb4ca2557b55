"""Whether the search index holds what it should, in PostgreSQL: what `whatsapp-mcp doctor` looks at. Only reads."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.postgres.vector import quoted, search_row
from whatsapp_mcp.store.rows import ARRIVAL_MASK
from whatsapp_mcp.store.search.index import DOCUMENT_COLUMNS, documents

_NEWEST: Final = 2000
"""Messages whose documents are compared with the index: most searches are for what was written lately."""
_STRETCHES: Final = 8
_STRETCH: Final = 50
"""So many more at random places."""
_LOOKED_UP: Final = 20
"""Of each stretch, so many are looked up by all their words."""

# A place belongs to one message, and is in the index once: how many of the one are in the other tells all.
_COMPARED: Final = (
    "SELECT count(*), count(indexed.place) FROM messages AS m LEFT JOIN message_search AS indexed"
    " ON indexed.place = m.place WHERE m.place > 0 AND m.revoked_at IS NULL"
)
_ENTRIES: Final = "SELECT count(*) FROM message_search"
_NEIGHBOURS: Final = (
    f"SELECT {DOCUMENT_COLUMNS}"
    " FROM (SELECT place FROM message_search WHERE place <= ? ORDER BY place DESC LIMIT ?) AS indexed"
    f" JOIN messages AS m ON m.arrival = indexed.place & {ARRIVAL_MASK}"
    " LEFT JOIN media ON media.arrival = m.arrival ORDER BY indexed.place DESC"
)
_OTHER: Final = (
    "SELECT made.place FROM unnest(CAST(? AS bigint[]), CAST(? AS integer[]), CAST(? AS integer[]),"
    " CAST(? AS smallint[]), CAST(? AS text[]), CAST(? AS text[]))"
    " AS made(place, chat, length, kept, words, document) LEFT JOIN message_search AS indexed"
    " ON indexed.place = made.place WHERE (indexed.chat, indexed.length, indexed.kept, indexed.words)"
    " IS DISTINCT FROM (made.chat, made.length, made.kept, made.words)"
    " OR indexed.document IS DISTINCT FROM CAST(made.document AS tsvector)"
)
_WITH_WORDS: Final = "SELECT 1 FROM message_search WHERE document @@ CAST(? AS tsquery) AND place + 0 = ?"
_ANY_PLACE: Final = "SELECT place FROM messages WHERE arrival >= ? AND place > 0 AND revoked_at IS NULL LIMIT 1"


def index_fault(connection: StoreConnection) -> str | None:
    """What is wrong with a current index; None when nothing was found.

    That each shown message is in it and nothing else is looked at completely; the words of the messages for the
    newest ones and a random sample.
    """
    shown, present = connection.execute(_COMPARED).fetchone()
    (entries,) = connection.execute(_ENTRIES).fetchone()
    if present < shown:
        return f"{shown - present:,} of {shown:,} messages are not in it"
    if entries > present:
        return f"{entries - present:,} of its {entries:,} entries belong to no shown message"
    connection.execute("SELECT set_config('enable_seqscan', 'off', true)")
    compared: set[int] = set()
    wrong: set[int] = set()
    for last, length in _stretches(connection):
        stretch = list(documents(map(tuple, connection.execute(_NEIGHBOURS, (last, length)))))
        compared.update(place for place, _ in stretch)
        wrong |= _with_other_words(connection, stretch)
    return f"it holds other words than {len(wrong):,} of {len(compared):,} compared messages" if wrong else None


def _stretches(connection: StoreConnection) -> Iterator[tuple[int, int]]:
    """Last place and length."""
    yield (1 << 63) - 1, _NEWEST
    (newest,) = connection.execute("SELECT coalesce(max(arrival), 0) FROM messages").fetchone()
    for _ in range(_STRETCHES):
        row = connection.execute(_ANY_PLACE, (random.randint(0, newest),)).fetchone()
        if row is not None:
            yield row[0], _STRETCH


def _with_other_words(connection: StoreConnection, stretch: list[tuple[int, str]]) -> set[int]:
    """Those places for which the table holds another document, or which the index does not find by all their words."""
    if not stretch:
        return set()
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
