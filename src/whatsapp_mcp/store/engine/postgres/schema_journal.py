"""The journal as a table: what came from WhatsApp must outlive the machine of the session process too.

Each event is one INSERT, committed when it returns. The newest ones stay for a while after the store has them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import psycopg

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.store.database import Cursor
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.store.engine.postgres.errors import database_errors, explained
from whatsapp_mcp.store.engine.postgres.tables import migrate
from whatsapp_mcp.store.journal import JournalEntry
from whatsapp_mcp.whereabouts import PostgresSchema

logger = logging.getLogger(__name__)

KEPT: Final = 2_000
"""Entries that stay though the store has them, the newest."""
_APPEND: Final = "INSERT INTO journal (code, payload, written_at) VALUES (?, ?, ?) RETURNING number"
_ALL: Final = "SELECT number FROM journal ORDER BY stored DESC, number"
_ONE: Final = "SELECT code, payload FROM journal WHERE number = ?"
_WAITING: Final = "SELECT number, code FROM journal WHERE stored = 0 ORDER BY number"
_STORED: Final = "UPDATE journal SET stored = 1 WHERE number = ANY(?)"
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
        self._waiting: dict[int, int] = {}
        """Codes of those that are not stored, by their numbers."""
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
            self._waiting.update(connection.execute(_WAITING))
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def append(self, code: int, payload: bytes) -> int | None:
        with self._lock:
            if self._connection is None:
                return None
            try:
                number = int(self._asked(self._connection, _APPEND, (code, payload, now_ms())).fetchone()[0])
            except psycopg.Error as error:
                self._complain(explained(self._where, error))
                return None
            self._waiting[number] = code
            return number

    @staticmethod
    def _asked(connection: PostgresConnection, sql: str, values: Sequence[object]) -> Cursor:
        """Once more on a new connection, where the database ended the one before: to store an event twice does no
        harm."""
        try:
            return connection.execute(sql, values)
        except psycopg.OperationalError:
            if not connection.is_broken:
                raise
        connection.reconnect()
        return connection.execute(sql, values)

    def waiting(self) -> list[tuple[int, int]]:
        with self._lock:
            return [*self._waiting.items()]

    def waits(self, number: int) -> bool:
        with self._lock:
            return number in self._waiting

    def read(self, number: int) -> bytes | None:
        entry = self._entry(number) if self.waits(number) else None
        return entry and entry.payload

    def stored(self, numbers: Iterable[int]) -> None:
        with self._lock:
            done = [number for number in numbers if self._waiting.pop(number, None) is not None]
            if self._connection is None or not done:
                return
            try:
                self._asked(self._connection, _STORED, (done,))
                if max(done) - self._forgotten > 2 * KEPT:
                    self._forgotten = max(done) - KEPT
                    self._connection.execute(_FORGET, (self._forgotten,))
            except psycopg.Error as error:  # they are stored once more by the next process
                self._complain(explained(self._where, error))

    def recent(self) -> Iterator[JournalEntry]:
        with self._lock:
            try:
                numbers = self._connection.execute(_ALL).fetchall() if self._connection is not None else []
            except psycopg.Error as error:
                self._complain(explained(self._where, error))
                return
        for (number,) in numbers:
            if (entry := self._entry(number)) is not None:
                yield entry

    def _entry(self, number: int) -> JournalEntry | None:
        with self._lock:
            if self._connection is None:
                return None
            try:
                row = self._asked(self._connection, _ONE, (number,)).fetchone()
            except psycopg.Error as error:
                self._complain(explained(self._where, error))
                return None
            return row and JournalEntry(*row)

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
