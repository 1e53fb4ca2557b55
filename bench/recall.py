"""What the held queries find in a large store, through MCP, by kind of query: hits, expected ones, false ones.

The held messages lie scattered among the generated ones, which a query may find too. Only the held ones are judged,
because only of them is it known what must find them.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from typing import Any, Final

from tests.unit.store.held_queries import HELD, QUERIES

from bench.mcp_host import SERVER, Host, environment, hosting
from bench.program import BenchError
from bench.row import Row
from bench.stores import Scale, large_store
from whatsapp_mcp.store.search.query import Query as SearchQuery

__all__ = ["Tally", "hits", "measure", "recalled"]

PAGE: Final = 100
MOST: Final = 60_000
"""Hits looked at. Held queries find less in ten million messages, some of whose words are the generator's, too."""


class Tally:
    """Of one kind of query."""

    def __init__(self) -> None:
        self.queries = self.found = self.expected = self.false = 0
        self.wrong: list[str] = []

    def add(self, query: str, hits: Collection[str], expected: Collection[str]) -> None:
        """``hits``: the held messages among what was found."""
        found, false = set(hits) & set(expected), set(hits) - set(expected)
        self.queries += 1
        self.found += len(found)
        self.expected += len(expected)
        self.false += len(false)
        if len(found) < len(expected) or false:
            self.wrong.append(query)

    @property
    def share(self) -> float:
        """100 when all expected messages were found and none else."""
        return 100 * self.found / (self.expected + self.false) if self.expected + self.false else 100.0

    def __str__(self) -> str:
        text = f"{self.queries} queries: {self.found} of {self.expected} found, {self.false} false"
        return f"{text}; wrong: {'  '.join(self.wrong)}" if self.wrong else text


async def measure(scale: Scale) -> list[Row]:
    async with large_store(scale) as (home, _), hosting(SERVER, environment(home)) as host:
        return await recalled(host)


async def recalled(host: Host) -> list[Row]:
    rows = []
    for kind, queries in groupby(QUERIES, lambda query: query.kind):
        tally = Tally()
        for query in queries:
            if not SearchQuery.parse(query.text).wanted:
                continue  # refused: there is no word in it
            tally.add(query.text, await hits(host, {"query": query.text}), query.found)
        rows.append(Row(f"recall, {kind}", tally.share, "%", at_least=100.0, note=str(tally)))
    return rows


async def hits(host: Host, arguments: dict[str, Any]) -> set[str]:
    """The held messages among all that are found."""
    hits: set[str] = set()
    offset = 0
    while offset < MOST:
        results = (await host.call("searchMessages", arguments | {"limit": PAGE, "offset": offset})).results
        if not (rows := results["data"]):
            return hits
        hits.update(row["message_id"] for row in rows if row["message_id"] in HELD)
        offset += len(rows)
        pages = results["pagination"]
        if offset >= pages["total"] and not pages.get("total_is_more"):
            return hits
    raise BenchError(f"more than {MOST} hits for {arguments['query']}: the generator writes its words")
