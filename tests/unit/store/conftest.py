"""One fresh store per test, on each engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.store.build import Store
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Whereabouts:
    """Where no store is yet."""
    if request.param == "sqlite":
        return tmp_path / "account" / "messages.db"
    schema: PostgresSchema = request.getfixturevalue("postgres_schema")
    return schema


@pytest.fixture
def store(where: Whereabouts) -> Iterator[Store]:
    store = Store(where)
    yield store
    store.close()
