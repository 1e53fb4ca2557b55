"""The questions of ``search`` and the held queries of ``recall``, of an account in PostgreSQL among a hundred.

Floor: a trivial statement over a connection to the same database, the 99th percentile of a thousand after them.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

import psycopg

from bench.mcp_host import SERVER, hosting
from bench.postgres_store import large_account
from bench.recall import recalled
from bench.row import Row, quantile
from bench.search import in_passes, ways_of
from bench.stores import Scale

__all__ = ["measure"]

AT_MOST: Final = 50.0
TRIVIAL: Final = 1000
TIMEOUT: Final = 3600.0
"""Seconds: a million messages are stored first."""


async def measure(scale: Scale) -> list[Row]:
    async with large_account(scale) as account, hosting(SERVER, account.environment) as host:
        ways = ways_of(account.history)
        await in_passes(host, [*ways.values()], scale.messages)
        with psycopg.connect(account.url, autocommit=True) as connection:
            floor = quantile([_trivial(connection) for _ in range(TRIVIAL)], 0.99)
        rows = await recalled(host)
    rows += [way.row(name, floor, at_most=AT_MOST) for name, way in ways.items()]
    return [replace(row, name=f"PostgreSQL: {row.name}") for row in rows]


def _trivial(connection: psycopg.Connection) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    connection.execute("SELECT 1").fetchone()
    return (time.perf_counter() - began) * 1000
