"""The FTS5 indexes compared with documents, and whether they are current."""

from __future__ import annotations

from functools import partial

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.sqlite.fts_table import MESSAGE_SEARCH, FtsTable
from whatsapp_mcp.store.engine.sqlite.partial import PARTIAL
from whatsapp_mcp.store.search import verifying
from whatsapp_mcp.store.search.index import is_current
from whatsapp_mcp.store.search.verifying import ComparedIndex
from whatsapp_mcp.store.version import SCHEMA_VERSION


def index_is_current(connection: StoreConnection) -> bool:
    """Whether schema and index are those of this version of the program; only then ``index_fault`` can tell."""
    return connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION and is_current(connection)


def index_fault(connection: StoreConnection) -> str | None:
    """See `whatsapp_mcp.store.search.verifying`. Raises sqlite3.Error: the index cannot be read."""
    found = verifying.index_fault(connection, _compared(MESSAGE_SEARCH, "TRUE"))
    for some in PARTIAL:
        among = f"m.place >= {some.lowest(connection)} AND {some.among}"
        found = found or verifying.index_fault(connection, _compared(some.table, among))
    return found


def _compared(table: FtsTable, among: str) -> ComparedIndex:
    return ComparedIndex(f"{table.name}_docsize", "id", partial(_with_other_words, table.name), among)


def _with_other_words(table: str, connection: StoreConnection, stretch: list[tuple[int, str]]) -> set[int]:
    """Of neighbours, the index tells in one look which of them have a word."""
    between = (stretch[-1][0], stretch[0][0])
    rows = connection.execute(f"SELECT id, sz FROM {table}_docsize WHERE id BETWEEN ? AND ?", between)
    sizes = {place: _number(size) for place, size in rows}
    wrong = {place for place, document in stretch if sizes.get(place) != len(document.split())}
    with_word: dict[str, set[int]] = {}
    for place, document in stretch:
        for word in document.split():
            with_word.setdefault(word, set()).add(place)
    for word, places in with_word.items():
        with_it = f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND rowid BETWEEN ? AND ?"
        rows = connection.execute(with_it, (f'"{word}"', *between))
        wrong |= places ^ {place for (place,) in rows}
    return wrong


def _number(varint: bytes) -> int:
    """SQLite's variable-length integer, up to eight bytes: seven bits each, the highest ones first."""
    number = 0
    for byte in varint:
        number = number << 7 | byte & 0x7F
    return number
