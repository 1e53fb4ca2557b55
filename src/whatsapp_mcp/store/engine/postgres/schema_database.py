"""A message store in a schema of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from itertools import count
from typing import Final

import psycopg

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.store.database import Readable, Snapshots, StoreConnection
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.store.engine.postgres.errors import database_errors
from whatsapp_mcp.store.engine.postgres.schema_journal import PostgresJournal
from whatsapp_mcp.store.engine.postgres.schema_snapshots import SchemaSnapshots
from whatsapp_mcp.store.engine.postgres.search import TABLE as SEARCH_TABLE
from whatsapp_mcp.store.engine.postgres.tables import TABLE_NAMES, migrate, schema_version, table_number
from whatsapp_mcp.store.journal import EventJournal
from whatsapp_mcp.whereabouts import PostgresSchema

WRITING_TIMEOUT: Final = 120_000
"""Milliseconds that one statement of the writer may take: more than any takes, and less than for ever."""
_SIZE: Final = (
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class AS c"
    " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind = 'r'"
    " AND c.relname NOT LIKE 'whatsmeow_%'"
)
_TABLES: Final = (
    "SELECT tablename FROM pg_tables WHERE schemaname = ? AND tablename NOT LIKE 'whatsmeow_%' ORDER BY tablename"
)


class SchemaDatabase:
    def __init__(self, where: PostgresSchema) -> None:
        self.where = where

    def open_for_writing(self) -> StoreConnection:
        with self.errors():
            connection = PostgresConnection(self.where, statement_timeout=WRITING_TIMEOUT)
            try:
                migrate(connection, self.where)
            except BaseException:
                connection.close()
                raise
            return connection

    @contextmanager
    def transaction(self, connection: StoreConnection, *, durable: bool) -> Iterator[None]:
        assert isinstance(connection, PostgresConnection)
        _begin(connection)
        try:
            if self.where.guard and connection.execute(self.where.guard).fetchone() is None:
                raise StoreError("another machine holds the account now", next_step="It goes on there: look again.")
            if not durable:
                connection.execute("SET LOCAL synchronous_commit = off")
            with connection.gathering():
                yield
                connection.execute("UPDATE changed SET number = number + 1")
                connection.execute("COMMIT")
        except BaseException:
            if not connection.is_broken and connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def snapshots(self, readable: Readable | None = None) -> Snapshots:
        return SchemaSnapshots(self.where, readable)

    def errors(self) -> AbstractContextManager[None]:
        return database_errors(self.where)

    def schema_version(self, connection: StoreConnection) -> int:
        return schema_version(connection, self.where)

    def journal(self) -> EventJournal:
        return PostgresJournal(self.where)

    def exists(self) -> bool:
        with self._looking() as connection:
            return table_number(connection, self.where) is not None

    def archive(self, suffix: str) -> PostgresSchema | None:
        """Its tables in a schema of their own; those of the keys stay."""
        with self._looking() as connection:
            if table_number(connection, self.where) is None:
                return None
            target = f"{self.where.schema}.{suffix}"
            taken = {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace")}
            numbered = (target if number == 1 else f"{target}.{number}" for number in count(1))
            aside = next(name for name in numbered if name not in taken)
            moves = [f'ALTER TABLE {table} SET SCHEMA "{aside}"' for table in self._tables(connection)]
            connection.execute("; ".join(("BEGIN", f'CREATE SCHEMA "{aside}"', *moves, "COMMIT")))
            return replace(self.where, schema=aside)

    def remove(self) -> None:
        """Its tables; those of the keys stay."""
        with self._looking() as connection:
            if tables := self._tables(connection):
                # What readers made in their temporary schemas goes along.
                connection.execute(f"DROP TABLE {', '.join(tables)} CASCADE")

    def check_space(self) -> None:
        """Whoever runs the database looks after its disk."""

    def _tables(self, connection: StoreConnection) -> list[str]:
        return [f'"{name}"' for (name,) in connection.execute(_TABLES, (self.where.schema,))]

    @contextmanager
    def _looking(self) -> Iterator[PostgresConnection]:
        with (
            self.errors(),
            closing(PostgresConnection(self.where, statement_timeout=0)) as connection,
        ):
            yield connection

    def reads_once(self, connection: StoreConnection) -> None:
        pass

    def size(self) -> int:
        with self._looking() as connection:
            return int(connection.execute(_SIZE, (self.where.schema,)).fetchone()[0])

    def compact(self, connection: StoreConnection) -> tuple[int, int]:
        """Write the tables anew without what is free in them; others wait meanwhile."""
        before = self.size()
        connection.execute("SET statement_timeout = 0")
        try:
            for table in (*TABLE_NAMES, SEARCH_TABLE):
                connection.execute(f"VACUUM (FULL, ANALYZE) {table}")
        finally:
            connection.execute(f"SET statement_timeout = {WRITING_TIMEOUT}")
        return before, self.size()


def _begin(connection: PostgresConnection) -> None:
    """On a new connection, where the database ended the one before: nothing was begun on it."""
    try:
        connection.execute("BEGIN")
    except psycopg.OperationalError:
        if not connection.is_broken:
            raise
        connection.reconnect()
        connection.execute("BEGIN")
