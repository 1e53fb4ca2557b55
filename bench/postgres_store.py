"""A large generated account in PostgreSQL, one of a hundred in the same database, each in a schema of its own.

The others are copies of a small one, made by the database.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from tests.postgres import postgres_server

from bench.generate import History, fill
from bench.mcp_host import environment
from bench.stores import Scale, held_messages
from whatsapp_mcp.whereabouts import PostgresSchema, schema_name

__all__ = ["LargeAccount", "large_account"]

_ACCOUNT: Final = "default"
_OTHERS: Final = 99
_MESSAGES_OF_OTHERS: Final = 1000


class LargeAccount(NamedTuple):
    environment: dict[str, str]
    """Of a server that serves it."""
    history: History
    url: str


@asynccontextmanager
async def large_account(scale: Scale) -> AsyncIterator[LargeAccount]:
    with tempfile.TemporaryDirectory(prefix="bench-") as home, postgres_server() as url:
        other = PostgresSchema(url, schema_name("other0"))
        await fill(other, _MESSAGES_OF_OTHERS)
        with psycopg.connect(url, autocommit=True) as connection:
            for number in range(1, _OTHERS):
                _copy(connection, other.schema, schema_name(f"other{number}"))
        history = History()
        account = PostgresSchema(url, schema_name(_ACCOUNT))
        await fill(account, scale.messages, history=history, more=held_messages(history))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")  # as the database does by itself, some minutes after
        yield LargeAccount(environment(Path(home), WHATSAPP_MCP_DATABASE=url), history, url)


def _copy(connection: psycopg.Connection, schema: str, to: str) -> None:
    connection.execute(f'CREATE SCHEMA "{to}"'.encode())
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)).fetchall()
    for (table,) in tables:
        connection.execute(f'CREATE TABLE "{to}"."{table}" (LIKE "{schema}"."{table}" INCLUDING ALL)'.encode())
        connection.execute(
            f'INSERT INTO "{to}"."{table}" OVERRIDING SYSTEM VALUE SELECT * FROM "{schema}"."{table}"'.encode()
        )
