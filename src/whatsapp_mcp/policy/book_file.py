"""The file of the policy's book: opened when needed, by any number of processes, one short transaction at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.platform.files import REMOVABLE_WHILE_OPEN
from whatsapp_mcp.store.engine.sqlite.files import create_private, open_untouched, store_errors
from whatsapp_mcp.untrusted_text import decoded

_WHAT: Final = "the policy's book"
_BUSY_SECONDS: Final = 2.0
"""The transactions of all processes together take milliseconds; who holds the file longer is no process of ours."""

_VERSION: Final = 1
_SCHEMA: Final = (
    "CREATE TABLE used (call INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, amount INTEGER NOT NULL,"
    " caller TEXT NOT NULL)",
    "CREATE INDEX used_by_kind ON used (kind, at, amount, caller)",
    "CREATE INDEX used_by_call ON used (call)",
    "CREATE TABLE asked (code TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, rule TEXT NOT NULL, text TEXT NOT NULL,"
    " can_be_always INTEGER NOT NULL, caller TEXT NOT NULL, at INTEGER NOT NULL, since INTEGER NOT NULL,"
    " lasts INTEGER NOT NULL, answer TEXT)",
    "CREATE TABLE standing (number INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, chat TEXT NOT NULL,"
    " caller TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE (rule, chat, caller))",
)


class BookFile:
    """A SQLite file for its owner alone, in WAL mode."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """Device and inode of what is open."""

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone among all processes; undone when the body raises. Makes the file if it is missing.

        Raises:
            StoreError: the file is damaged, of a newer version, or cannot be used.
        """
        with (
            self._lock,
            store_errors(self.path, _WHAT),
            self._transaction(self._opened(), "BEGIN IMMEDIATE") as connection,
        ):
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """One state of the book; None when there is none yet. Raises StoreError as :meth:`writing` does."""
        with self._lock, store_errors(self.path, _WHAT):
            if not self.path.exists():
                yield None
                return
            with self._transaction(self._opened(), "BEGIN") as connection:
                yield connection

    def close(self) -> None:
        with self._lock:
            self._close()

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection, begin: str) -> Iterator[sqlite3.Connection]:
        connection.execute(begin)
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            if not REMOVABLE_WHILE_OPEN:  # an account that is renamed or removed
                self._close()

    def _opened(self) -> sqlite3.Connection:
        """The connection to what has the name now: who moves the file aside starts a new one, for all processes."""
        if self._connection is not None and self._file == self._identity():
            return self._connection
        self._close()
        create_private(self.path, _WHAT)
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        self._connection, self._file = connection, self._identity()
        return connection

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._file = None


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.text_factory = decoded
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # A crash of the program loses nothing; the power failing can lose the last moments, after which nobody is sending.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")  # questions hold what was to be sent
    if _version(connection, path) == _VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection, path) == 0:  # no other process was faster
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise StoreError(
            f"{_WHAT} {path} was written by a newer version of whatsapp-web-mcp (schema {version})",
            next_step="Upgrade (`whatsapp-mcp upgrade-check` says how). Nothing was changed in the file.",
            details={"path": str(path)},
        )
    return version


def fault_of(path: Path) -> str | None:
    """What is wrong with the file, as a sentence that names it; None when all is well or it is not there yet. Leaves no
    trace.
    """
    if not path.exists():
        return None
    try:
        with store_errors(path, _WHAT), open_untouched(path) as connection:
            if _version(connection, path) == 0:
                return f"{_WHAT} {path} holds nothing of ours"
            damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except StoreError as error:
        return error.message
    return None if damage == "ok" else f"{_WHAT} {path} is damaged"
