"""A database copied while others write to it: by SQLite's own backup, all of one moment."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from whatsapp_mcp.private_files import new_private_file
from whatsapp_mcp.store.engine.sqlite.files import MESSAGE_STORE, open_for_reading, open_untouched, store_errors
from whatsapp_mcp.store.engine.sqlite.stored_version import schema_version
from whatsapp_mcp.waiting import waits_for

_PAGES: Final = 2_000
"""Copied at a time, between two looks at how far it is."""
_PAGE: Final = 4_096


def copy_database(source: Path, target: Path, what: str = MESSAGE_STORE) -> None:
    """Make a file of the whole database, its log included, that nothing else belongs to.

    Raises:
        StoreError: the source cannot be read, or the target not be written.
    """
    with store_errors(source, what), closing(open_for_reading(source)) as original:
        # While this transaction is open, every page is as it was when it began: otherwise each commit of a session
        # process would have the copy begin anew.
        original.execute("BEGIN")
        original.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        new_private_file(target).close()
        with (
            store_errors(target, "the copy"),
            closing(sqlite3.connect(target, isolation_level=None)) as copy,
            waits_for(f"copying {source.name}", total=1) as wait,
        ):

            def note(_status: int, left: int, total: int) -> None:
                wait.total, wait.done = float(total * _PAGE), float((total - left) * _PAGE)

            original.backup(copy, pages=_PAGES, progress=note)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it


def owner_in(path: Path) -> str | None:
    """Whose messages are in a store: a JID; None where nobody was linked.

    Raises:
        StoreError: it is none, damaged, or of a newer version.
    """
    with store_errors(path), open_untouched(path) as connection:
        if schema_version(connection, path) == 0:
            return None
        row = connection.execute("SELECT value FROM meta WHERE key = 'owner_number'").fetchone()
        return str(row[0]) if row is not None else None
