"""The policy's book in the account's schema of PostgreSQL: the same tables, and one writer at a time of all nodes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.postgres import make_schema
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.store.engine.postgres.errors import database_errors
from whatsapp_mcp.whereabouts import PostgresSchema

_VERSION: Final = 1
_TABLES: Final = (
    "CREATE TABLE policy_book (version BIGINT NOT NULL)",
    "CREATE TABLE used (call BIGINT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL, amount BIGINT NOT NULL,"
    " caller TEXT NOT NULL)",
    "CREATE INDEX used_by_kind ON used (kind, at, amount, caller)",
    "CREATE INDEX used_by_call ON used (call)",
    "CREATE TABLE asked (rowid BIGINT GENERATED ALWAYS AS IDENTITY, code TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE,"
    " rule TEXT NOT NULL, text TEXT NOT NULL, can_be_always BIGINT NOT NULL, caller TEXT NOT NULL, at BIGINT NOT NULL,"
    " since BIGINT NOT NULL, lasts BIGINT NOT NULL, answer TEXT)",
    "CREATE TABLE standing (number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, rule TEXT NOT NULL,"
    " chat TEXT NOT NULL, caller TEXT NOT NULL, at BIGINT NOT NULL, UNIQUE (rule, chat, caller))",
)
"""As in the file (``book_file``), where ``rowid`` is SQLite's own."""
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('whatsapp_mcp policy book ' || ?, 0))"
_LIMIT: Final = 5_000
"""Milliseconds that a call waits for the database, or for the transactions of other nodes."""
_ANSWER_WITHIN: Final = _LIMIT / 1000 + 1
"""Seconds; then it is not there at all."""


class BookSchema:
    def __init__(self, where: PostgresSchema) -> None:
        self._where = where
        self._lock = threading.Lock()
        self._connection: PostgresConnection | None = None
        self._made = False

    @contextmanager
    def writing(self) -> Iterator[PostgresConnection]:
        """One transaction, alone among all nodes; undone when the body raises. Makes the tables if there are none.

        Raises:
            StoreError: the database cannot be used, or a newer version wrote the book.
        """
        with self._lock, database_errors(self._where):
            if not self._made:
                make_schema(self._where)
            with self._transaction("BEGIN") as connection:
                connection.execute(_ALONE, (self._where.schema,))
                if not self._made and not self._found(connection):
                    for statement in _TABLES:
                        connection.execute(statement)
                    connection.execute("INSERT INTO policy_book VALUES (?)", (_VERSION,))
                yield connection
            self._made = True

    @contextmanager
    def reading(self) -> Iterator[PostgresConnection | None]:
        """One state of the book; None when there is none yet. Raises StoreError as :meth:`writing` does."""
        with (
            self._lock,
            database_errors(self._where),
            self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection,
        ):
            self._made = self._made or self._found(connection)
            yield connection if self._made else None

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _found(self, connection: PostgresConnection) -> bool:
        (table,) = connection.execute(
            "SELECT CAST(to_regclass(?) AS oid)", (f'"{self._where.schema}".policy_book',)
        ).fetchone()
        if table is None:
            return False
        (version,) = connection.execute("SELECT version FROM policy_book").fetchone()
        if version > _VERSION:
            raise StoreError(
                f"the policy's book in {self._where} was written by a newer version of whatsapp-web-mcp",
                next_step="Upgrade (`whatsapp-mcp upgrade-check` says how). Nothing was changed there.",
            )
        return True

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[PostgresConnection]:
        connection = self._begun(begin)
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            if not connection.is_broken and connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, psycopg.errors.UndefinedTable):  # the account was removed meanwhile
                self._made = False
            raise

    def _begun(self, begin: str) -> PostgresConnection:
        """On a new connection, where the database ended the one before: nothing was begun on it."""
        if self._connection is None:
            self._connection = PostgresConnection(
                self._where, statement_timeout=_LIMIT, answer_within=_ANSWER_WITHIN, ends_idle=True
            )
        try:
            self._connection.execute(begin)
        except psycopg.OperationalError:
            if not self._connection.is_broken:
                raise
            self._connection.reconnect()
            self._connection.execute(begin)
        return self._connection
