"""A message store copied from one engine to the other: every table row by row, the journal, and a new search index.

Nobody writes to either meanwhile. What was copied is read again and compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from whatsapp_mcp.row_digest import RowDigest, check_same, common_row
from whatsapp_mcp.store.database import Database, StoreConnection
from whatsapp_mcp.store.engine.choice import database_at, search_tables
from whatsapp_mcp.store.engine.postgres.tables import TABLE_NAMES, count_on
from whatsapp_mcp.store.engine.sqlite.files import journal_path
from whatsapp_mcp.store.journal import EventJournal, JournalEntry
from whatsapp_mcp.store.search.index import INDEX_VERSION
from whatsapp_mcp.store.write.search_index import SearchIndex
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.whereabouts import Whereabouts

_AT_ONCE: Final = 2_000
"""Rows of one transaction."""
_ELSEWHERE: Final = frozenset({"changed", "journal"})
"""The first is PostgreSQL's alone; the second a file on the other side."""
_INDEX_VERSION: Final = "index_version"
"""A row of ``meta``: of the index, which is made anew."""


class _Table(NamedTuple):
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """Those that are the primary key, which tells where the next rows begin."""


def copy_store(source: Whereabouts, target: Whereabouts) -> dict[str, int]:
    """Everything of a store that is brought up to date on the way; to where there is none.

    Returns:
        The rows of each table. Empty: there is no store.

    Raises:
        StoreError: one of them cannot be used, or the copy is not what it should be.
    """
    origin, copy = database_at(source), database_at(target)
    if not origin.exists() and not (isinstance(source, Path) and journal_path(source).exists()):
        return {}
    StoreWriter(source).close()
    with (
        origin.errors(),
        closing(origin.open_for_writing()) as reading,
        copy.errors(),
        closing(copy.open_for_writing()) as writing,
    ):
        tables = _tables(reading if reading.engine == "sqlite" else writing)
        copied = {table.name: _copy(table, reading, writing, copy) for table in tables}
        if writing.engine == "postgres":
            count_on(writing)
    _compare(copy, tables, copied)
    _index(copy)
    _copy_journal(origin, copy)
    return {name: digest.rows for name, digest in copied.items()}


def _tables(sqlite: StoreConnection) -> tuple[_Table, ...]:
    """As SQLite has them, column for column: PostgreSQL has the same."""
    tables = []
    for name in TABLE_NAMES:
        if name in _ELSEWHERE:
            continue
        found = [(str(row[1]), int(row[5])) for row in sqlite.execute(f"PRAGMA table_info({name})")]
        key = sorted((place, column) for column, place in found if place)
        tables.append(_Table(name, tuple(column for column, _ in found), tuple(column for _, column in key)))
    return tuple(tables)


def _copy(table: _Table, reading: StoreConnection, writing: StoreConnection, copy: Database) -> RowDigest:
    marks = ", ".join("?" * len(table.columns))
    insert = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})"
    digest = RowDigest()
    (total,) = reading.execute(f"SELECT count(*) FROM {table.name}").fetchone()
    with waits_for(f"copying {table.name}", total=float(total), unit="rows") as wait:
        for rows in _batches(table, reading):
            with copy.transaction(writing, durable=True):
                writing.executemany(insert, rows)
            digest.add(rows)
            wait.done += len(rows)
    return digest


def _batches(table: _Table, connection: StoreConnection) -> Iterator[list[tuple[Any, ...]]]:
    """In the order of the key, from where the batch before ended."""
    key, columns = ", ".join(table.key), ", ".join(table.columns)
    if table.name == "meta":  # where SQLite lets a number be one
        columns = columns.replace("value", "CAST(value AS TEXT)")
    places = [table.columns.index(column) for column in table.key]
    except_for = f" key <> '{_INDEX_VERSION}'" if table.name == "meta" else ""
    after: list[Any] = []
    while True:
        beyond = f"({key}) > ({', '.join('?' * len(places))})" if after else ""
        conditions = " AND ".join(filter(None, (beyond, except_for)))
        where = f" WHERE {conditions}" if conditions else ""
        found = connection.execute(
            f"SELECT {columns} FROM {table.name}{where} ORDER BY {key} LIMIT {_AT_ONCE}", after
        ).fetchall()
        if not found:
            return
        after = [found[-1][place] for place in places]
        yield list(map(common_row, found))


def _compare(copy: Database, tables: tuple[_Table, ...], copied: Mapping[str, RowDigest]) -> None:
    with copy.errors(), closing(copy.open_for_writing()) as connection:
        for table in tables:
            found = RowDigest()
            with waits_for(f"comparing {table.name}", total=float(copied[table.name].rows), unit="rows") as wait:
                for rows in _batches(table, connection):
                    found.add(rows)
                    wait.done += len(rows)
            check_same(f"the table {table.name}", copied[table.name], found)


def _index(copy: Database) -> None:
    with (
        waits_for("making the search index"),
        copy.errors(),
        closing(copy.open_for_writing()) as connection,
        copy.transaction(connection, durable=True),
    ):
        SearchIndex(connection, search_tables(connection)).rebuild()
        connection.execute("INSERT INTO meta VALUES (?, ?)", (_INDEX_VERSION, INDEX_VERSION))


def _copy_journal(origin: Database, copy: Database) -> None:
    """All that is still in it; what the store has not yet stays so. When it was last written counts too."""
    with closing(origin.journal()) as journal:
        entries, waiting, last = list(journal.recent()), _pending(journal), journal.last_written
    if last is None:
        return
    if isinstance(origin.where, Path):  # for the next try, should this one come to nothing
        _set_time(origin.where, last)
    stored = len(entries) - len(waiting)
    if isinstance(copy.where, Path):
        with closing(copy.journal()) as target:
            numbers = [target.append(*entry) for entry in entries]
            target.stored(number for number in numbers[:stored] if number is not None)
            kept = _pending(target)
        _set_time(copy.where, last)
    else:
        numbered = enumerate(entries)
        with copy.errors(), closing(copy.open_for_writing()) as connection, copy.transaction(connection, durable=True):
            connection.executemany(
                "INSERT INTO journal (code, payload, written_at, stored) VALUES (?, ?, ?, ?)",
                [(entry.code, entry.payload, last, int(number < stored)) for number, entry in numbered],
            )
        with closing(copy.journal()) as target:
            kept = _pending(target)
    there, here = RowDigest(), RowDigest()
    there.add(waiting)
    here.add(kept)
    check_same("the journal", there, here)


def _pending(journal: EventJournal) -> list[JournalEntry]:
    return [JournalEntry(code, journal.read(number) or b"") for number, code in journal.waiting()]


def _set_time(store: Path, last: int) -> None:
    os.utime(journal_path(store), ns=(last * 1_000_000, last * 1_000_000))
