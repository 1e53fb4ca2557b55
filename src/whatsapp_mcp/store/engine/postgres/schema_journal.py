"""The journal as a table: what came from WhatsApp must outlive the machine of the session process too.

Each event is one INSERT, committed when it returns. The newest ones stay for a while after the store has them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from typing import Final

import psycopg

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.store.engine.postgres.errors import database_errors, explained
from whatsapp_mcp.store.engine.postgres.tables import migrate
from whatsapp_mcp.store.journal import JournalEntry
from whatsapp_mcp.whereabouts import PostgresSchema

logger = logging.getLogger(__name__)

KEPT: Final = 2_000
"""Entries that stay though the store has them, the newest."""
_APPEND: Final = "INSERT INTO journal (code, payload, written_at) VALUES (?, ?, ?) RETURNING number"
_ALL: Final = "SELECT code, payload FROM journal ORDER BY number"
_PENDING: Final = "SELECT code, payload FROM journal WHERE stored = 0 ORDER BY number"
_NUMBERS: Final = "SELECT number FROM journal WHERE stored = 0 ORDER BY number"
_STORED: Final = "UPDATE journal SET stored = 1 WHERE stored = 0 AND number <= ?"
_FORGET: Final = "DELETE FROM journal WHERE stored = 1 AND number <= ?"


class PostgresJournal:
    """May be used from any thread."""

    def __init__(self, where: PostgresSchema) -> None:
        """Open or create it. A journal that cannot be used is reported in the log, and does without."""
        self._where = where
        self._lock = threading.Lock()
        self._connection: PostgresConnection | None = None
        self._complained = False
        self._forgotten = 0
        """Up to this number, entries were removed."""
        self._waiting: deque[int] = deque()
        """Numbers of those that are not stored."""
        self.last_written: int | None = None
        try:
            with database_errors(where):
                self._open()
        except WhatsAppMcpError as error:
            self._complain(error)

    def _open(self) -> None:
        connection = PostgresConnection(self._where)
        try:
            migrate(connection, self._where)
            (self.last_written,) = connection.execute("SELECT max(written_at) FROM journal").fetchone()
            self._waiting.extend(number for (number,) in connection.execute(_NUMBERS))
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def append(self, code: int, payload: bytes) -> bool:
        """Note an event; False when that was not possible. Never raises."""
        with self._lock:
            if self._connection is None:
                return False
            try:
                number = self._appended(self._connection, (code, payload, now_ms()))
            except psycopg.Error as error:
                self._complain(explained(self._where, error))
                return False
            self._waiting.append(number)
            return True

    @staticmethod
    def _appended(connection: PostgresConnection, entry: tuple[int, bytes, int]) -> int:
        """Once more on a new connection, where the database ended the one before: to store an event twice does no
        harm."""
        try:
            return int(connection.execute(_APPEND, entry).fetchone()[0])
        except psycopg.OperationalError:
            if not connection.is_broken:
                raise
        connection.reconnect()
        return int(connection.execute(_APPEND, entry).fetchone()[0])

    def stored(self, count: int) -> None:
        """The next ``count`` entries are in the store now."""
        with self._lock:
            last = 0
            for _ in range(min(count, len(self._waiting))):
                last = self._waiting.popleft()
            if self._connection is None or not last:
                return
            try:
                if self._connection.is_broken:
                    self._connection.reconnect()
                self._note_stored(self._connection, last)
            except psycopg.Error as error:  # they are stored once more by the next process
                self._complain(explained(self._where, error))

    def _note_stored(self, connection: StoreConnection, last: int) -> None:
        connection.execute(_STORED, (last,))
        if last - self._forgotten > 2 * KEPT:
            self._forgotten = last - KEPT
            connection.execute(_FORGET, (self._forgotten,))

    def pending(self) -> list[JournalEntry]:
        """What is not in the store, oldest first."""
        return self._read(_PENDING)

    def recent(self) -> list[JournalEntry]:
        """Everything that is still here, stored or not, oldest first."""
        return self._read(_ALL)

    def _read(self, sql: str) -> list[JournalEntry]:
        with self._lock:
            if self._connection is None:
                return []
            try:
                return [JournalEntry(*row) for row in self._connection.execute(sql)]
            except psycopg.Error as error:
                self._complain(explained(self._where, error))
                return []

    def clear(self) -> None:
        """Forget everything: it belongs to another account."""
        with self._lock:
            self._waiting.clear()
            if self._connection is not None:
                with suppress(psycopg.Error):
                    self._connection.execute("DELETE FROM journal")

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _complain(self, error: WhatsAppMcpError) -> None:
        if not self._complained:
            self._complained = True
            logger.error("the journal cannot be written: %s", error)
