"""What `doctor` and `status` ask about the file of a database, while a server may use it or none does."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, TypeVar

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.store.engine.sqlite.connection import SqliteConnection
from whatsapp_mcp.store.engine.sqlite.file_database import FileDatabase
from whatsapp_mcp.store.engine.sqlite.files import open_untouched, store_errors
from whatsapp_mcp.store.engine.sqlite.stored_version import schema_version
from whatsapp_mcp.store.engine.sqlite.verifying import index_fault, index_is_current
from whatsapp_mcp.store.records import StoreStats
from whatsapp_mcp.store.stats import stats_of

C = TypeVar("C", bound=sqlite3.Connection)
Opener = Callable[[Path], AbstractContextManager[sqlite3.Connection]]

_STEPS: Final = 100_000
"""SQLite instructions between two looks at the clock; some milliseconds."""
_SEARCH_INDEX: Final = "message_search"


def find_damage(path: Path, opened: Opener = open_untouched, *, limit: float) -> tuple[str | None, bool]:
    """Check a database's structure for at most ``limit`` seconds; ``opened`` opens it.

    Returns:
        What is wrong (None: nothing was found) and whether the check came to its end.
    """

    def look(connection: sqlite3.Connection) -> str | None:
        found = _quick_check(connection)
        # SQLite 3.44 and later look into the search index too; that is a matter of ``find_index_fault``.
        return "; ".join(line for line in found if line != "ok" and _SEARCH_INDEX not in line) or None

    return _look(path, opened, look, limit)


def _quick_check(connection: sqlite3.Connection) -> list[str]:
    """Of everything; table by table when a search index that cannot even be opened stands in the way."""
    try:
        return [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.DatabaseError as error:
        if not any(sign in str(error) for sign in ("vtable constructor failed", "fts5")):
            raise
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0").fetchall()
    return [str(row[0]) for (name,) in tables for row in connection.execute(f'PRAGMA quick_check("{name}")')]


def index_is_outdated(path: Path) -> bool:
    """Whether the search index is of an older version, and is made anew as soon as a server opens the store.

    Raises:
        StoreError: the store cannot be read.
    """
    with store_errors(path), open_untouched(path) as connection:
        return not index_is_current(connection)


def find_index_fault(path: Path, *, limit: float) -> tuple[str | None, bool]:
    """Compare the search index of a message store with the messages, for at most ``limit`` seconds.

    Returns:
        What is wrong (None: nothing was found) and whether the comparison came to its end.
    """

    def look(connection: SqliteConnection) -> str | None:
        connection.execute("BEGIN")  # a server may be writing: messages and index of one moment
        return index_fault(connection)

    return _look(path, open_untouched, look, limit)


def _look(
    path: Path, opened: Callable[[Path], AbstractContextManager[C]], look: Callable[[C], str | None], limit: float
) -> tuple[str | None, bool]:
    """What ``look`` says, or why it cannot look; and whether it came to its end within ``limit`` seconds."""
    deadline = time.monotonic() + limit
    try:
        with opened(path) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            return look(connection), True
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None, False
        return str(error), True
    except (sqlite3.Error, OSError) as error:
        return str(error), True


def store_stats(path: Path) -> StoreStats | None:
    """Size and content of the message store; None when the file holds no store yet.

    Raises:
        StoreError: damaged, written by a newer version, not readable.
    """
    with store_errors(path):
        try:
            with open_untouched(path) as connection:
                return stats_of(connection, FileDatabase(path)) if schema_version(connection, path) else None
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # no such table
                raise StoreError(
                    f"{path} is no message store",
                    next_step="Move the file away, or choose another --data-dir.",
                ) from error
            raise
