"""A connection to PostgreSQL, as the store asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Final, cast

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumper

from whatsapp_mcp import postgres
from whatsapp_mcp.bounded_connection import BoundedConnection
from whatsapp_mcp.postgres import for_psycopg
from whatsapp_mcp.store.database import Cursor, Engine, Parameters, Restriction
from whatsapp_mcp.store.engine.postgres.gathered import Gathered
from whatsapp_mcp.store.engine.postgres.translation import translated, without_nul
from whatsapp_mcp.whereabouts import PostgresSchema

_ALIVE: Final = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""Seconds, and milliseconds: a host that is gone says nothing, so the system asks after it."""
_BEGUN_WITHIN: Final = 5.0
"""Seconds."""
STATEMENT_TIMEOUT: Final = 30_000
"""Milliseconds that one statement may take, where somebody waits for it."""


class _TextDumper(StrDumper):
    """The one way of text into PostgreSQL, but for JSON."""

    def dump(self, obj: str) -> Buffer | None:
        return super().dump(without_nul(obj))


class _FlagDumper(Int8Dumper):
    """Flags are numbers, as in SQLite."""

    def dump(self, obj: bool) -> Buffer | None:
        return super().dump(int(obj))


class _WholeLoader(Loader):
    """Sums of numbers are numbers; there are no fractions in the store."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


class PostgresRow(tuple[Any, ...]):
    """By index and by name, as ``sqlite3.Row``."""

    __slots__ = ()
    columns: ClassVar[tuple[str, ...]] = ()
    names: ClassVar[dict[str, int]] = {}

    def __getitem__(self, key: Any, /) -> Any:
        return tuple.__getitem__(self, self.names[key] if isinstance(key, str) else key)

    def keys(self) -> list[str]:
        return list(self.columns)


_kinds: dict[tuple[str, ...], type[PostgresRow]] = {}


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], PostgresRow]:
    columns = tuple(column.name for column in cursor.description or ())
    kind = _kinds.get(columns)
    if kind is None:
        names = {name: index for index, name in reversed(list(enumerate(columns)))}
        kind = _kinds[columns] = type(
            "PostgresRow", (PostgresRow,), {"__slots__": (), "columns": columns, "names": names}
        )
    return kind


class PostgresConnection:
    """In autocommit mode: whoever wants more than one statement says BEGIN and COMMIT."""

    engine: ClassVar[Engine] = "postgres"

    def __init__(
        self,
        where: PostgresSchema,
        *,
        statement_timeout: int = STATEMENT_TIMEOUT,
        answer_within: float | None = None,
        ends_idle: bool = False,
    ) -> None:
        """
        Args:
            answer_within: seconds after which a connection that says nothing is closed; None: when the system says so.
            ends_idle: whether the database ends it when it was not used for a minute.

        Raises:
            psycopg.Error: the database cannot be reached, or refuses.
        """
        self.where = where
        self.restriction: Restriction | None = None
        self.tables: int | None = None
        """Which store it was that it saw first: the number of one of its tables."""
        self.state: int | None = None
        """Of a connection that only reads: which state of the store it saw last."""
        self._answers: dict[tuple[Any, ...], list[PostgresRow]] | None = None
        self._gathered: Gathered | None = None
        self._timeout = statement_timeout
        self._answer_within = answer_within
        self._idle_timeout = postgres.IDLE_SECONDS if ends_idle else 0
        self._raw = self._connected()

    def _connected(self) -> BoundedConnection[PostgresRow]:
        parameters = for_psycopg(self.where)
        parameters["options"] += f" -c statement_timeout={self._timeout} -c idle_session_timeout={self._idle_timeout}s"
        raw: BoundedConnection[PostgresRow] = BoundedConnection.connect(
            **cast("dict[str, Any]", _ALIVE | parameters),
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            row_factory=_rows,
        )
        raw.answer_within = self._answer_within
        # One type for each kind of value, whatever its size: a statement is prepared once.
        raw.adapters.register_dumper(int, Int8Dumper)
        raw.adapters.register_dumper(bool, _FlagDumper)
        raw.adapters.register_dumper(str, _TextDumper)
        raw.adapters.register_loader("numeric", _WholeLoader)
        return raw

    @property
    def in_transaction(self) -> bool:
        return self._raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    @property
    def has_failed(self) -> bool:
        """A statement of the transaction did; nothing more can be done in it."""
        return self._raw.info.transaction_status == psycopg.pq.TransactionStatus.INERROR

    @property
    def is_broken(self) -> bool:
        """The database ended it, or cannot be reached any more."""
        return self._raw.closed

    def reconnect(self) -> None:
        """Begin anew after ``is_broken``."""
        self._raw.close()
        self._raw = self._connected()

    def begin(self, sql: str) -> None:
        """The statement that begins a transaction, which takes no time: whether there is still somebody who answers."""
        self._raw.answer_within = _BEGUN_WITHIN
        try:
            self.execute(sql)
        finally:
            self._raw.answer_within = self._answer_within

    def execute(self, sql: str, parameters: Parameters = (), /) -> Cursor:
        query = translated(sql, self.where.schema)
        values = query.bound(parameters)
        if self._gathered is None:
            return self._raw.execute(query.text.encode(), values or None)
        return self._gathered.add(query, [values]) if query.changes else self._gathered.execute(query, values)

    def executemany(self, sql: str, parameters: Iterable[Parameters], /) -> Cursor:
        query = translated(sql, self.where.schema)
        if self._gathered is not None and query.changes:
            return self._gathered.add_all(query, map(query.bound, parameters))
        cursor = self._raw.cursor()
        cursor.executemany(query.text.encode(), map(query.bound, parameters))
        return cursor

    def each(self, sql: str, parameters: Iterable[Parameters], /) -> Iterator[list[Any]]:
        query = translated(sql, self.where.schema)
        values = [query.bound(one) for one in parameters]
        if self._gathered is not None:
            yield from (self.execute(sql, one).fetchall() for one in values)
        elif values:
            cursor = self._raw.cursor()
            cursor.executemany(query.text.encode(), values, returning=True)
            yield cursor.fetchall()
            while cursor.nextset():
                yield cursor.fetchall()

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Inside, changes wait until somebody could tell the difference; the transaction must be ended inside."""
        self._gathered = Gathered(self._raw)
        try:
            yield
        finally:
            self._gathered = None

    def begin_snapshot(self) -> None:
        """A transaction in which nothing changes, and each answer of ``asked`` stays what it is."""
        self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._answers = {}

    def end_snapshot(self) -> None:
        self._answers = None
        self._raw.execute(b"ROLLBACK" if self.has_failed else b"COMMIT")

    def asked(self, sql: str, parameters: Sequence[Any] = ()) -> list[PostgresRow]:
        """The rows that answer a question, asked once in a snapshot: a search that finds nothing tries much the same
        again and again."""
        if self._answers is None:
            return list(self.execute(sql, parameters))
        key = (sql, *(tuple(value) if isinstance(value, list) else value for value in parameters))
        if key not in self._answers:
            self._answers[key] = list(self.execute(sql, parameters))
        return self._answers[key]

    def stream(self, sql: str, parameters: Parameters = ()) -> Iterator[PostgresRow]:
        """Row by row, of a result that is too large to be held at once; nothing else is done meanwhile."""
        query = translated(sql, self.where.schema)
        return self._raw.cursor().stream(query.text.encode(), query.bound(parameters) or None, size=500)

    @property
    def raw(self) -> psycopg.Connection[PostgresRow]:
        """For what only psycopg can: COPY, pipelines, notices."""
        return self._raw

    def close(self) -> None:
        self._raw.close()
