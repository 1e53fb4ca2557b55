"""Whether the search index holds what it should: what `whatsapp-mcp doctor` looks at. Only reads."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import ARRIVAL_MASK
from whatsapp_mcp.store.search.index import DOCUMENT_COLUMNS, documents, is_current
from whatsapp_mcp.store.version import SCHEMA_VERSION

_NEWEST: Final = 2000
"""Messages whose documents are compared with the index: most searches are for what was written lately."""
_STRETCHES: Final = 8
_STRETCH: Final = 50
"""So many more at random places. Of neighbours, the index tells in one look which of them have a word."""

# A place belongs to one message, and is in the index once: how many of the one are in the other tells all.
_COMPARED: Final = (
    "SELECT count(*), count(indexed.id) FROM messages AS m LEFT JOIN message_search_docsize AS indexed"
    " ON indexed.id = m.place WHERE m.place > 0 AND m.revoked_at IS NULL"
)
_ENTRIES: Final = "SELECT count(*) FROM message_search_docsize"
_NEIGHBOURS: Final = (
    f"SELECT {DOCUMENT_COLUMNS}"
    " FROM (SELECT id FROM message_search_docsize WHERE id <= ? ORDER BY id DESC LIMIT ?) AS indexed"
    f" CROSS JOIN messages AS m ON m.arrival = indexed.id & {ARRIVAL_MASK}"
    " LEFT JOIN media ON media.arrival = m.arrival"
)
_SIZES: Final = "SELECT id, sz FROM message_search_docsize WHERE id BETWEEN ? AND ?"
_WITH_WORD: Final = "SELECT rowid FROM message_search WHERE message_search MATCH ? AND rowid BETWEEN ? AND ?"
_ANY_PLACE: Final = "SELECT place FROM messages WHERE arrival >= ? AND place > 0 AND revoked_at IS NULL LIMIT 1"


def index_is_current(connection: StoreConnection) -> bool:
    """Whether schema and index are those of this version of the program; only then ``index_fault`` can tell."""
    return connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION and is_current(connection)


def index_fault(connection: StoreConnection) -> str | None:
    """What is wrong with a current index; None when nothing was found.

    That each shown message is in it and nothing else is looked at completely; the words of the messages for the
    newest ones and a random sample.

    Raises:
        sqlite3.Error: the index cannot be read.
    """
    shown, present = connection.execute(_COMPARED).fetchone()
    (entries,) = connection.execute(_ENTRIES).fetchone()
    if present < shown:
        return f"{shown - present:,} of {shown:,} messages are not in it"
    if entries > present:
        return f"{entries - present:,} of its {entries:,} entries belong to no shown message"
    compared: set[int] = set()
    wrong: set[int] = set()
    for last, length in _stretches(connection):
        stretch = list(documents(connection.execute(_NEIGHBOURS, (last, length))))
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
    """Those places of neighbouring messages (last one first) for which the index holds another document."""
    if not stretch:
        return set()
    between = (stretch[-1][0], stretch[0][0])
    sizes = {place: _number(size) for place, size in connection.execute(_SIZES, between)}
    wrong = {place for place, document in stretch if sizes.get(place) != len(document.split())}
    with_word: dict[str, set[int]] = {}
    for place, document in stretch:
        for word in document.split():
            with_word.setdefault(word, set()).add(place)
    for word, places in with_word.items():
        rows = connection.execute(_WITH_WORD, (f'"{word}"', *between))
        wrong |= places ^ {place for (place,) in rows}
    return wrong


def _number(varint: bytes) -> int:
    """SQLite's variable-length integer, up to eight bytes: seven bits each, the highest ones first."""
    number = 0
    for byte in varint:
        number = number << 7 | byte & 0x7F
    return number
