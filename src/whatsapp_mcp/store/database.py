"""What the store asks of a database, whichever engine it is.

Statements are written once, in the SQL that both engines understand; ``engine`` holds everything else, and is the only
part that imports a driver. Marks are ``?``, ``?1`` or ``:name``. Of what only SQLite knows, the statements may say
``INDEXED BY`` and ``CROSS JOIN … ON`` (in this order, and no other), ``main.`` and ``temp.``, ``instr`` and
``group_concat``: that is no loss elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from whatsapp_mcp.store.journal import EventJournal
    from whatsapp_mcp.whereabouts import Whereabouts

Engine: TypeAlias = Literal["sqlite", "postgres"]
Value: TypeAlias = "int | str | bytes | None"
Parameters: TypeAlias = "Sequence[Any] | Mapping[str, Any]"


class Row(Protocol):
    """By index and by name."""

    def __getitem__(self, key: int | str, /) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __len__(self) -> int: ...
    def keys(self) -> list[str]: ...


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


@dataclass(slots=True)
class Restriction:
    """Of a connection on which there is nothing but what may be read."""

    readable: frozenset[int] = frozenset()
    """Chats and people, as entities."""
    scope: SearchScope | None = None
    looked_until: int = 0
    """Up to this arrival, the newest event that is readable is known."""
    newest_event: int = 0


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Where a search looks, as far as an expression can say it; the connection says it wholly."""

    among: tuple[int, ...] | None = None
    """Only in these chats."""
    apart_from: tuple[int, ...] = field(default=())


class StoreConnection(Protocol):
    """For one thread at a time. Outside a transaction, each statement is one of its own."""

    engine: ClassVar[Engine]

    @property
    def in_transaction(self) -> bool: ...
    @property
    def restriction(self) -> Restriction | None: ...
    def execute(self, sql: str, parameters: Parameters = ..., /) -> Cursor: ...
    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> Cursor:
        """Of a statement that puts rows in the place of those that are there, no two for the same."""

    def each(self, sql: str, parameters: Iterable[Parameters], /) -> Iterator[list[Any]]:
        """The rows that a question has for each of these, asked in one go where the way is long."""

    def close(self) -> None: ...


class Inquiry(Protocol):
    """Asks for much at once (``store.write.ahead``)."""

    def addresses(self, connection: StoreConnection, jids: Iterable[str]) -> Iterable[tuple[str, int, int]]:
        """JID, number and entity of those that are here."""

    def chats(self, connection: StoreConnection, columns: str, entities: Iterable[int]) -> Iterable[Row]: ...

    def messages(
        self, connection: StoreConnection, keys: Sequence[tuple[int, str]]
    ) -> Iterable[tuple[tuple[int, str], frozenset[int], bool, bool]]:
        """Of these chats and ids, those of which something is here: who wrote messages of this id (entities), whether
        others belong to it, whether it is awaited."""


class Readable(Protocol):
    """What may be read on a restricted connection (``store.read.readable``)."""

    def entities(self, connection: StoreConnection) -> frozenset[int]: ...


class Snapshots(Protocol):
    """Connections that only read, to a store that another process creates, writes or replaces."""

    def snapshot(self) -> AbstractContextManager[StoreConnection | None]:
        """A connection on which all queries inside see one state of the store; None when there is no store yet.

        Raises:
            StoreError: it is damaged, or a newer version wrote it, or an older one and no writer opened it since.
        """

    def close(self) -> None:
        """Close all connections; later queries open new ones."""


class Database(Protocol):
    """A message store at its whereabouts, open or not: ``engine.choice.database_at``."""

    @property
    def where(self) -> Whereabouts: ...

    def open_for_writing(self) -> StoreConnection:
        """Created and brought up to date. Raises StoreError."""

    def transaction(self, connection: StoreConnection, *, durable: bool) -> AbstractContextManager[None]:
        """All or nothing of what is done inside; ``durable``: it outlives a loss of power when the block ends."""

    def snapshots(self, readable: Readable | None = None) -> Snapshots:
        """``readable``: what the connections are restricted to."""

    def errors(self) -> AbstractContextManager[None]:
        """Whatever the engine raises inside becomes a StoreError that names the store and the way out."""

    def compact(self, connection: StoreConnection) -> tuple[int, int]:
        """Give room back; bytes before and after."""

    def journal(self) -> EventJournal:
        """What came for this store."""

    def exists(self) -> bool: ...

    def archive(self, suffix: str) -> Whereabouts | None:
        """Move a store that nobody has open aside, under its name with ``suffix`` (numbered when that is taken); where
        it is then. None: there was none. Raises StoreError."""

    def remove(self) -> None:
        """Delete a store that nobody writes, and its journal (after a logout that asked for it). Raises StoreError."""

    def check_space(self) -> None:
        """Raises StoreError when there is hardly any room left: what has come can still be stored; nothing more should
        be taken."""

    def reads_once(self, connection: StoreConnection) -> None:
        """A snapshot is about to go through most of the store, once: none of it need stay in memory."""

    def size(self) -> int:
        """Bytes that it takes; 0 when there is none."""

    def schema_version(self, connection: StoreConnection) -> int:
        """Number of migrations that ran; 0 for none. Raises StoreError when a newer program wrote it."""
