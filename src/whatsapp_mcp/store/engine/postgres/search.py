"""The search index in PostgreSQL: for each shown message its document as a ``tsvector``, by its place.

``SearchTables`` (``store.search.tables``) says what is asked of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.search.query import Filters, Query
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.store.search.tables import FoundPlaces

SEARCH_TABLES: Final = ("CREATE TABLE message_search (place BIGINT PRIMARY KEY, document tsvector)",)
"""What makes it."""


class VectorTables:
    def change(self, connection: StoreConnection, changes: Iterable[tuple[int, str | None, str | None]]) -> None:
        for place, old, new in changes:
            if old:
                connection.execute("DELETE FROM message_search WHERE place = ?", (place,))
            if new:
                connection.execute("INSERT INTO message_search (place) VALUES (?)", (place,))

    def rebuild(self, connection: StoreConnection, documents: Iterable[tuple[int, str]]) -> None:
        connection.execute("DELETE FROM message_search")
        self.change(connection, [(place, None, document) for place, document in documents])

    def count(self, connection: StoreConnection) -> int:
        return int(connection.execute("SELECT count(*) FROM message_search").fetchone()[0])

    def matching(self, connection: StoreConnection, query: Query, filters: Filters, span: Span) -> FoundPlaces | None:
        raise _not_yet()

    def count_matching(self, connection: StoreConnection, query: Query, filters: Filters, most: int) -> int | None:
        raise _not_yet()

    def lengths(self, connection: StoreConnection, places: Sequence[int]) -> Mapping[int, Any]:
        raise _not_yet()

    def fault(self, connection: StoreConnection) -> str | None:
        raise _not_yet()


def _not_yet() -> StoreError:
    return StoreError("messages in PostgreSQL cannot be searched yet", next_step="Lists without a search work.")


TABLES: Final = VectorTables()
