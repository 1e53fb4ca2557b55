"""The audit of an account as a table of its schema in PostgreSQL: the lines of `audit.jsonl`, of all nodes together."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import psycopg

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.postgres import connected, errors_of, make_schema
from whatsapp_mcp.whereabouts import PostgresSchema

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS audit (number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, line TEXT NOT NULL)"
)
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('whatsapp_mcp audit ' || %s, 0))"
"""Until the commit: who follows the audit by number misses nothing."""
_ADD: Final = (
    "INSERT INTO audit (line) SELECT line FROM unnest(%s::text[]) WITH ORDINALITY AS new (line, place) ORDER BY place"
)
_REMOVE: Final = (
    "DELETE FROM audit WHERE number <= (SELECT max(number) FROM (SELECT number, sum(length(line) + 1)"
    " OVER (ORDER BY number DESC) AS bytes FROM audit) AS sized WHERE bytes > %s)"
)
_CHECKED_EVERY: Final = 1 << 20
"""Bytes of new lines."""
_AT_ONCE: Final = 2_000
_LOOK: Final = 1.0
"""Seconds between two looks for news."""


class AuditTable:
    """As ``AuditFile``."""

    waits = True
    """A write goes over the network: none is made in the event loop."""

    def __init__(self, where: PostgresSchema) -> None:
        self._where = where
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._unchecked = _CHECKED_EVERY
        self._closing: threading.Thread | None = None

    def __str__(self) -> str:
        return f"in {self._where}"

    def append(self, lines: bytes) -> None:
        """Raises OSError: they were not written."""
        texts = lines.decode("ascii").splitlines()
        try:
            with errors_of(self._where):
                self._write(texts)
        except StoreError as error:
            self.close()
            raise OSError(errno.EIO, error.message) from error
        self._unchecked += len(lines)

    def _write(self, texts: list[str]) -> None:
        if self._connection is not None:
            with suppress(psycopg.OperationalError):  # the database had ended it: nothing was begun
                self._connection.execute("SELECT 1")
                self._connection.rollback()
        if self._connection is None or self._connection.closed:
            make_schema(self._where)
            self._connection = connected(self._where)
            self._connection.execute(_ALONE, (self._where.schema,))
            self._connection.execute(_TABLE)
        with self._connection.transaction():
            self._connection.execute(_ALONE, (self._where.schema,))
            self._connection.execute(_ADD, (texts,))
        self._connection.commit()

    def keep_small(self, size: int, files: int) -> None:
        """Remove the oldest lines beyond what so many files of so many bytes hold, in a thread."""
        if self._unchecked < _CHECKED_EVERY or (self._closing is not None and self._closing.is_alive()):
            return
        self._unchecked = 0
        most = size * (files + 1)
        self._closing = threading.Thread(target=self._remove, args=(most,), name="audit-table", daemon=True)
        self._closing.start()

    def _remove(self, most: int) -> None:
        with suppress(StoreError), errors_of(self._where), connected(self._where) as connection:
            connection.execute(_REMOVE, (most,))

    def close(self) -> None:
        """May be used again afterwards."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def audit_lines(where: PostgresSchema, *, follow: bool = False) -> Iterator[bytes]:
    """All of them, the oldest first. Raises StoreError."""
    last = 0
    while True:
        rows = _after(where, last)
        for number, line in rows:
            last = number
            yield f"{line}\n".encode()
        if len(rows) < _AT_ONCE:
            if not follow:
                return
            time.sleep(_LOOK)


def _after(where: PostgresSchema, last: int) -> list[tuple[Any, ...]]:
    with errors_of(where), connected(where, read_only=True) as connection, suppress(psycopg.errors.UndefinedTable):
        return connection.execute(
            "SELECT number, line FROM audit WHERE number > %s ORDER BY number LIMIT %s", (last, _AT_ONCE)
        ).fetchall()
    return []
