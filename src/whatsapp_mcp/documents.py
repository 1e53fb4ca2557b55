"""Small texts that people and programs of an account share: a file each, or, where a database is set, a row that every
node sees. A file keeps its own rules (who may read it, how it is replaced) in the room that knows it; here is the row.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.postgres import connected, errors_of, make_schema
from whatsapp_mcp.whereabouts import Place, PostgresSchema, StoredDocument

if TYPE_CHECKING:
    from psycopg import Connection

_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('whatsapp_mcp document ' || %s, 0))"
_FOUND: Final = "SELECT to_regclass(%s)"
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS documents (name TEXT PRIMARY KEY, version BIGINT NOT NULL, content BYTEA NOT NULL)"
)
_WRITE: Final = (
    "INSERT INTO documents VALUES (%s, 1, %s)"
    " ON CONFLICT (name) DO UPDATE SET version = documents.version + 1, content = excluded.content"
)


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
    row = _of(place.where).row("SELECT version FROM documents WHERE name = %s", place.name)
    return int(row[0]) if row is not None else None


def read_document(place: StoredDocument) -> bytes | None:
    """None: there is none. Raises StoreError."""
    row = _of(place.where).row("SELECT content FROM documents WHERE name = %s", place.name)
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
    with _of(place.where).writing(place.name) as connection:
        row = connection.execute("SELECT content FROM documents WHERE name = %s", (place.name,)).fetchone()
        draft = Draft(bytes(row[0]) if row is not None else None)
        yield draft
        if draft.content is None:
            connection.execute("DELETE FROM documents WHERE name = %s", (place.name,))
        else:
            connection.execute(_WRITE, (place.name, draft.content))


class _Documents:
    """Of one schema: one connection of this process, for one thread at a time."""

    def __init__(self, where: PostgresSchema) -> None:
        self._where = where
        self._lock = threading.Lock()
        self._connection: Connection[tuple[Any, ...]] | None = None

    def row(self, statement: str, name: str) -> tuple[Any, ...] | None:
        """None also where there is no table yet."""
        from psycopg import OperationalError
        from psycopg.errors import UndefinedTable

        with self._lock, errors_of(self._where), suppress(UndefinedTable):
            try:
                return self._open().execute(statement, (name,)).fetchone()
            except OperationalError:
                if self._connection is None or not self._connection.closed:
                    raise
            return self._open().execute(statement, (name,)).fetchone()  # the database had ended the one before
        return None

    @contextmanager
    def writing(self, name: str) -> Iterator[Connection[tuple[Any, ...]]]:
        """A connection of its own: whoever changes something may read meanwhile."""
        with errors_of(self._where), connected(self._where) as connection:
            if connection.execute(_FOUND, (f'"{self._where.schema}".documents',)).fetchone() == (None,):
                make_schema(self._where)
                connection.execute(_ALONE, (self._where.schema,))
                connection.execute(_TABLE)
                connection.commit()
            connection.execute(_ALONE, (f"{self._where.schema} {name}",))
            yield connection

    def _open(self) -> Connection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = connected(self._where)
            self._connection.autocommit = True
        return self._connection


@cache
def _of(where: PostgresSchema) -> _Documents:
    return _Documents(where)
