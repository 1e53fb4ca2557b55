"""Small texts that people and programs of an account share: a file each, or, where a database is set, a row that every
node sees. A file keeps its own rules (who may read it, how it is replaced) in the room that knows it; here is the row.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.postgres import LOOK_SECONDS, connected, errors_of, make_schema
from whatsapp_mcp.whereabouts import Place, PostgresSchema, StoredDocument

if TYPE_CHECKING:
    from psycopg import Connection, Error

_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('whatsapp_mcp document ' || %s, 0))"
_FOUND: Final = "SELECT to_regclass(%s)"
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, version BIGINT NOT NULL, content BYTEA NOT NULL)"
)
_WRITE: Final = (
    "INSERT INTO documents VALUES (%s, 1, %s)"
    " ON CONFLICT (name) DO UPDATE SET version = documents.version + 1, content = excluded.content"
)

_NOT_AGAIN: Final = 0.5
"""Seconds for which a database that did not answer is not asked."""


def is_there(place: Place) -> bool:
    """Whether there is a file, or a document, of this name. Raises StoreError."""
    return place.exists() if isinstance(place, Path) else document_version(place) is not None


class Draft:
    """A document that nobody else changes meanwhile."""

    def __init__(self, content: bytes | None) -> None:
        self.content = content
        """None: there is none, or shall be none."""


def document_version(place: StoredDocument) -> int | None:
    """Another one when it was written anew; None: there is none. Raises StoreError."""
    row = _of(place.where.url).row("version", place)
    return int(row[0]) if row is not None else None


def read_document(place: StoredDocument) -> bytes | None:
    """None: there is none. Raises StoreError."""
    row = _of(place.where.url).row("content", place)
    return bytes(row[0]) if row is not None else None


def write_document(place: StoredDocument, content: bytes) -> None:
    """Raises StoreError."""
    with changing_document(place) as draft:
        draft.content = content


@contextmanager
def changing_document(place: StoredDocument) -> Iterator[Draft]:
    """What is left in the draft when the body has ended well is written; of all processes of all nodes, one at a time.

    Raises:
        StoreError: the database cannot be used; nothing was written.
    """
    with _writing(place) as connection:
        row = connection.execute("SELECT content FROM documents WHERE name = %s", (place.name,)).fetchone()
        draft = Draft(bytes(row[0]) if row is not None else None)
        yield draft
        if draft.content is None:
            connection.execute("DELETE FROM documents WHERE name = %s", (place.name,))
        else:
            connection.execute(_WRITE, (place.name, draft.content))


def _table(where: PostgresSchema) -> str:
    return f'"{where.schema}".documents'


@contextmanager
def _writing(place: StoredDocument) -> Iterator[Connection[tuple[Any, ...]]]:
    """A connection of its own: whoever changes something may read meanwhile."""
    where = place.where
    with errors_of(where), connected(where) as connection:
        if connection.execute(_FOUND, (_table(where),)).fetchone() == (None,):
            make_schema(where)
            connection.execute(_ALONE, (where.schema,))
            connection.execute(_TABLE)
            connection.commit()
        connection.execute(_ALONE, (f"{where.schema} {place.name}",))
        yield connection


class _Looks:
    """Into one database, whosever documents they are: over one connection, one after the other. While the database does
    not answer, one waits for it at a time; others are told at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Connection[tuple[Any, ...]] | None = None
        self._silent_until = 0.0
        self._silence: Error | None = None
        self._seen: set[str] = set()
        """Schemas that have the table."""

    def row(self, column: str, place: StoredDocument) -> tuple[Any, ...] | None:
        """None also where there is no table yet. Raises StoreError."""
        from psycopg import Error
        from psycopg.errors import UndefinedTable

        statement = f"SELECT {column} FROM {_table(place.where)} WHERE name = %s".encode()
        with errors_of(place.where), suppress(UndefinedTable), self._alone():
            try:
                found = self._asked(statement, place)
            except UndefinedTable:  # the account was removed meanwhile
                self._seen.discard(place.where.schema)
                raise
            except Error as error:
                if self._connection is None or self._connection.closed:
                    self._silent_until, self._silence = time.monotonic() + _NOT_AGAIN, error
                raise
            self._silence = None
            return found
        return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        silence = self._silence
        if not self._lock.acquire(blocking=silence is None):
            assert silence is not None
            raise silence.with_traceback(None)
        try:
            if self._silence is not None and time.monotonic() < self._silent_until:
                raise self._silence.with_traceback(None)
            yield
        finally:
            self._lock.release()

    def _asked(self, statement: bytes, place: StoredDocument) -> tuple[Any, ...] | None:
        from psycopg import OperationalError

        from whatsapp_mcp.bounded_connection import Unanswered

        try:
            return self._look(statement, place)
        except Unanswered:
            raise
        except OperationalError:
            if self._connection is None or not self._connection.closed:
                raise
        return self._look(statement, place)  # it had ended the one before

    def _look(self, statement: bytes, place: StoredDocument) -> tuple[Any, ...] | None:
        """Not into a table that is not there, again and again: the database logs each such statement as an error."""
        connection, schema = self._open(place.where), place.where.schema
        if schema not in self._seen:
            if connection.execute(_FOUND, (_table(place.where),)).fetchone() == (None,):
                return None
            self._seen.add(schema)
        return connection.execute(statement, (place.name,)).fetchone()

    def _open(self, where: PostgresSchema) -> Connection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = connected(where, answer_within=LOOK_SECONDS, ends_idle=True)
            self._connection.autocommit = True
        return self._connection


@cache
def _of(_url: str) -> _Looks:
    return _Looks()
