"""One fresh store per test, on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psycopg
import pytest

from tests.postgres import new_schema
from tests.unit.store.build import Store
from tests.unit.systems import examples
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


@dataclass(frozen=True)
class Places:
    """Where the stores of a property's examples are, one after the other, on one engine."""

    schema: PostgresSchema | None

    def examples(self, number: int) -> int:
        """How many are drawn; fewer where emptying a store takes longer than filling it."""
        return examples(number) if self.schema is None else max(examples(number) // 10, 1)

    @contextmanager
    def place(self) -> Iterator[Whereabouts]:
        """Where no store is yet."""
        if self.schema is not None:
            yield emptied(self.schema)
            return
        with TemporaryDirectory() as folder:
            yield Path(folder) / "messages.db"


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest) -> Places:
    return Places(request.getfixturevalue("used_schema") if request.param == "postgres" else None)


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
