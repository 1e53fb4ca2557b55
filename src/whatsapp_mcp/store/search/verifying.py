"""Whether the search index holds what it should: what `whatsapp-mcp doctor` looks at. Only reads.

How an engine's index is compared with documents, the engine says (``ComparedIndex``); what is compared is the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import ARRIVAL_MASK
from whatsapp_mcp.store.search.index import DOCUMENT_COLUMNS, documents

_NEWEST: Final = 2000
"""Messages whose documents are compared with the index: most searches are for what was written lately."""
_STRETCHES: Final = 8
_STRETCH: Final = 50
"""So many more at random places."""
_ANY_PLACE: Final = "SELECT place FROM messages WHERE arrival >= ? AND place > 0 AND revoked_at IS NULL LIMIT 1"


@dataclass(frozen=True, slots=True)
class ComparedIndex:
    table: str
    """Has a row for each message that is in it."""
    place: str
    """Its column with the message's place."""
    with_other_words: Callable[[StoreConnection, list[tuple[int, str]]], set[int]]
    """Those places of neighbouring messages (last one first; never none) for which the index holds another document."""
    among: str = "TRUE"
    """Which shown messages ``m`` are in it."""


def index_fault(connection: StoreConnection, index: ComparedIndex) -> str | None:
    """What is wrong with a current index; None when nothing was found.

    That each shown message is in it and nothing else is looked at completely; the words of the messages for the
    newest ones and a random sample. Raises what the engine raises for an index that cannot be read.
    """
    # A place belongs to one message, and is in the index once: how many of the one are in the other tells all.
    shown, present = connection.execute(
        f"SELECT count(*), count(indexed.{index.place}) FROM messages AS m LEFT JOIN {index.table} AS indexed"
        f" ON indexed.{index.place} = m.place WHERE m.place > 0 AND m.revoked_at IS NULL AND {index.among}"
    ).fetchone()
    (entries,) = connection.execute(f"SELECT count(*) FROM {index.table}").fetchone()
    if present < shown:
        return f"{shown - present:,} of {shown:,} messages are not in it"
    if entries > present:
        return f"{entries - present:,} of its {entries:,} entries belong to no shown message"
    compared: set[int] = set()
    wrong: set[int] = set()
    neighbours = (
        f"SELECT {DOCUMENT_COLUMNS} FROM (SELECT {index.place} AS place FROM {index.table}"
        f" WHERE {index.place} <= ? ORDER BY {index.place} DESC LIMIT ?) AS indexed"
        f" CROSS JOIN messages AS m ON m.arrival = indexed.place & {ARRIVAL_MASK}"
        " LEFT JOIN media ON media.arrival = m.arrival ORDER BY indexed.place DESC"
    )
    for last, length in _stretches(connection):
        rows = connection.execute(neighbours, (last, length))
        stretch = list(documents(tuple(row) for row in rows))
        compared.update(place for place, _ in stretch)
        if stretch:
            wrong |= index.with_other_words(connection, stretch)
    return f"it holds other words than {len(wrong):,} of {len(compared):,} compared messages" if wrong else None


def _stretches(connection: StoreConnection) -> Iterator[tuple[int, int]]:
    """Last place and length."""
    yield (1 << 63) - 1, _NEWEST
    (newest,) = connection.execute("SELECT coalesce(max(arrival), 0) FROM messages").fetchone()
    for _ in range(_STRETCHES):
        row = connection.execute(_ANY_PLACE, (random.randint(0, newest),)).fetchone()
        if row is not None:
            yield row[0], _STRETCH
