"""The one way into neonize's database, wherever it is: a read-only connection, for one question."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.session_db.reading import reading
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

_EVER_LINKED: Final = "SELECT to_regclass('whatsmeow_device')"


class NeverLinked(Exception):
    """neonize has made no tables there yet."""


class FoundRows(Protocol):
    """What both drivers' cursors can."""

    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


class KeyDatabase(Protocol):
    """One read transaction. Statements are in the SQL that both engines know, with ``?`` for the values."""

    def execute(self, statement: str, values: Sequence[object] = (), /) -> FoundRows: ...


@contextmanager
def asking(where: Whereabouts) -> Iterator[KeyDatabase]:
    """
    Raises:
        NeverLinked: no device was ever linked there.
        StoreError: the database cannot be read.
    """
    opened = _of_schema(where) if isinstance(where, PostgresSchema) else _of_file(where)
    with opened as connection:
        yield connection


@contextmanager
def _of_file(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):  # a folder has no bytes on Windows
        raise NeverLinked
    try:
        with reading(path) as connection:
            yield connection
    except (sqlite3.OperationalError, OSError) as error:
        if "no such table" in str(error):
            raise NeverLinked from None
        raise _unreadable(path, error) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"the session database {path} is damaged",
            next_step=f"Move {path} away and link the account again with appLogin; messages are kept.",
        ) from error


def _unreadable(path: Path, error: Exception) -> StoreError:
    """Without SQLite's own text, which can quote what is stored."""
    reason = getattr(error, "strerror", None) or getattr(error, "sqlite_errorname", None) or type(error).__name__
    return StoreError(f"the session database {path} cannot be read ({reason})")


class _Schema:
    """psycopg, asked as SQLite is."""

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[object] = (), /) -> Cursor[tuple[Any, ...]]:
        return self._connection.execute(statement.replace("?", "%s"), values)


@contextmanager
def _of_schema(where: PostgresSchema) -> Iterator[_Schema]:
    from whatsapp_mcp.postgres import connected, errors_of

    with errors_of(where), connected(where, read_only=True) as connection:
        import psycopg

        if connection.execute(_EVER_LINKED).fetchone() == (None,):  # or its log has an error for each look
            raise NeverLinked
        try:
            yield _Schema(connection)
        except psycopg.errors.UndefinedTable:
            raise NeverLinked from None
