"""Connections that only read, one for each query that runs at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from whatsapp_mcp.store.database import Readable
from whatsapp_mcp.store.engine.postgres.connection import STATEMENT_TIMEOUT, PostgresConnection
from whatsapp_mcp.store.engine.postgres.errors import database_errors
from whatsapp_mcp.store.engine.postgres.restricted import make_views, refresh
from whatsapp_mcp.store.engine.postgres.tables import schema_version, table_number
from whatsapp_mcp.store.version import SCHEMA_VERSION, older_store
from whatsapp_mcp.whereabouts import PostgresSchema

_ANSWER_WITHIN: Final = STATEMENT_TIMEOUT / 1000 + 5


class SchemaSnapshots:
    def __init__(self, where: PostgresSchema, readable: Readable | None = None) -> None:
        """``readable``: what the connections are restricted to."""
        self._where = where
        self._readable = readable
        self._lock = threading.Lock()
        self._idle: list[PostgresConnection] = []

    @contextmanager
    def snapshot(self) -> Iterator[PostgresConnection | None]:
        with database_errors(self._where):
            connection = self._taken()
            try:
                if connection is not None and self._readable is not None:
                    refresh(connection, self._readable)
                yield connection
            finally:
                if connection is not None:
                    self._give_back(connection)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _taken(self) -> PostgresConnection | None:
        """In a transaction; None when there is no store. What lay idle may have been ended by the database, or may be
        one to a store that was moved aside."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._opened()
            try:
                connection.begin_snapshot()
                if table_number(connection, self._where) == connection.tables:
                    return connection
            except psycopg.OperationalError:
                pass
            connection.close()

    def _opened(self) -> PostgresConnection | None:
        connection = PostgresConnection(self._where, answer_within=_ANSWER_WITHIN, ends_idle=True)
        try:
            connection.tables = table_number(connection, self._where)
            version = schema_version(connection, self._where)
            if 0 < version < SCHEMA_VERSION:
                raise older_store(self._where, version)
            if version:
                if self._readable is not None:
                    make_views(connection)
                connection.begin_snapshot()
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    def _give_back(self, connection: PostgresConnection) -> None:
        if connection.is_broken or (connection.has_failed and self._readable is not None):
            connection.close()
            return
        try:
            connection.end_snapshot()
        except psycopg.Error:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)
