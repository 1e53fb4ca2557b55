"""The questions of ``search`` and the held queries of ``recall``, of an account in PostgreSQL among a hundred.

Floor: a trivial statement over a connection to the same database, measured alike in the same run.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

import psycopg

from bench.mcp_host import SERVER, hosting
from bench.postgres_store import large_account
from bench.recall import recalled
from bench.row import Row, median, quantile
from bench.search import REPEATS, ROUNDS, SECONDS, SECONDS_PER_MESSAGE, WARM_UP, ways_of
from bench.stores import Scale
from bench.turns import turns

__all__ = ["measure"]

AT_MOST: Final = 50.0
TIMEOUT: Final = 3600.0
"""Seconds: a million messages are stored first."""


async def measure(scale: Scale) -> list[Row]:
    seconds = SECONDS + scale.messages * SECONDS_PER_MESSAGE
    async with large_account(scale) as account, hosting(SERVER, account.environment) as host:
        ways, floors = ways_of(account.history), []
        with psycopg.connect(account.url, autocommit=True) as connection:
            for counts in turns(ROUNDS, seconds=seconds, warm_up=WARM_UP):
                if counts:
                    floors.append(median([_trivial(connection) for _ in range(REPEATS)]))
                for way in ways.values():
                    await way.ask(host, counts=counts)
        rows = await recalled(host)
    floor = quantile(floors, 0.99)
    rows += [way.row(name, floor, at_most=AT_MOST) for name, way in ways.items()]
    return [replace(row, name=f"PostgreSQL: {row.name}") for row in rows]


def _trivial(connection: psycopg.Connection) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    connection.execute("SELECT 1").fetchone()
    return (time.perf_counter() - began) * 1000
