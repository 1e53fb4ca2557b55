"""One fresh store per test, on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.postgres import new_schema
from tests.unit.store.build import Store
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts


@pytest.fixture(scope="session")
def used_schema(postgres_url: str) -> Iterator[PostgresSchema]:
    """With a store in it: to make one for each test takes longer than the tests."""
    with new_schema(postgres_url) as where:
        StoreWriter(where).close()
        yield where


def emptied(where: PostgresSchema) -> PostgresSchema:
    """The same without all that a test left in it."""
    with psycopg.connect(where.url, autocommit=True) as connection:
        named = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename NOT IN ('migrations', 'changed')"
        found = {name for (name,) in connection.execute(named, (where.schema,))}
        order = sorted(found, key=lambda name: (name == "messages", name))  # what hangs on the messages first
        script = [f'SET search_path = "{where.schema}"']
        script += [f"DELETE FROM {name}" + " WHERE key != 'index_version'" * (name == "meta") for name in order]
        script += [f"ALTER TABLE {table} ALTER COLUMN {column} RESTART" for table, column in _COUNTED]
        connection.execute("; ".join(script).encode())
    return where


_COUNTED: Final = (("entities", "id"), ("addresses", "id"), ("sealed", "number"))


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Whereabouts:
    """Where no store is yet."""
    if request.param == "sqlite":
        return tmp_path / "account" / "messages.db"
    return emptied(request.getfixturevalue("used_schema"))


@pytest.fixture
def store(where: Whereabouts) -> Iterator[Store]:
    store = Store(where)
    yield store
    store.close()
