"""What an engine does with the documents by which messages are found: ``engine.sqlite.search`` keeps them in FTS5,
``engine.postgres.search`` as ``tsvector``. Which one a connection has, ``engine.choice.search_tables`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.search.query import Filters, Query
from whatsapp_mcp.store.search.span import Span


class FoundPlaces(Protocol):
    """Messages that fit, by their places."""

    def places(
        self, connection: StoreConnection, limit: int, *, offset: int = 0, before: int | None = None
    ) -> list[int]:
        """Newest first; ``before``: only lower ones."""


class SearchTables(Protocol):
    """What messages are found by: a document (``store.search.index``) for each shown message, by its place."""

    @property
    def ascending(self) -> bool:
        """Whether the documents of ``rebuild`` must come in the order of their places."""

    def change(self, connection: StoreConnection, changes: Iterable[tuple[int, str | None, str | None]]) -> None:
        """Place, the document that is there (None: there is none), the one that shall be; places ascend."""

    def rebuild(self, connection: StoreConnection, documents: Iterable[tuple[int, str]]) -> None:
        """Forget everything, however broken it is, and hold these. Within a transaction."""

    def gather(self, connection: StoreConnection, *, begun: bool) -> bool:
        """Do a small part of putting together what lies in many places, as after a history; False when all, or enough
        of it, is in one. ``begun``: the last call said True. Within a transaction."""

    def count(self, connection: StoreConnection) -> int:
        """How many documents there are."""

    def matching(self, connection: StoreConnection, query: Query, filters: Filters, span: Span) -> FoundPlaces | None:
        """What has the words of ``query`` as they are; None when nothing can. ``filters`` are ``scoped``."""

    def count_matching(self, connection: StoreConnection, query: Query, filters: Filters, most: int) -> int | None:
        """How many documents anywhere have them, counted up to ``most``; None when nothing can. On a restricted
        connection, of those that may be read."""

    def lengths(self, connection: StoreConnection, places: Sequence[int]) -> Mapping[int, Any]:
        """Something that sorts short documents before long ones, for each of these places that is there."""

    def fault(self, connection: StoreConnection) -> str | None:
        """What is wrong with an index that is current; None when nothing was found. Only reads."""
