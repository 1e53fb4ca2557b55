"""The FTS5 index compared with documents, and whether it is current."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.search import verifying
from whatsapp_mcp.store.search.index import is_current
from whatsapp_mcp.store.search.verifying import ComparedIndex
from whatsapp_mcp.store.version import SCHEMA_VERSION

_SIZES: Final = "SELECT id, sz FROM message_search_docsize WHERE id BETWEEN ? AND ?"
_WITH_WORD: Final = "SELECT rowid FROM message_search WHERE message_search MATCH ? AND rowid BETWEEN ? AND ?"


def index_is_current(connection: StoreConnection) -> bool:
    """Whether schema and index are those of this version of the program; only then ``index_fault`` can tell."""
    return connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION and is_current(connection)


def index_fault(connection: StoreConnection) -> str | None:
    """See `whatsapp_mcp.store.search.verifying`. Raises sqlite3.Error: the index cannot be read."""
    return verifying.index_fault(connection, ComparedIndex("message_search_docsize", "id", _with_other_words))


def _with_other_words(connection: StoreConnection, stretch: list[tuple[int, str]]) -> set[int]:
    """Of neighbours, the index tells in one look which of them have a word."""
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
