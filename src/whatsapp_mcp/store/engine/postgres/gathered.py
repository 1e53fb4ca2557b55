"""What a transaction changes, told to the database together.

A statement that only changes rows says nothing that anybody waits for, unless it is asked how many they were. So it
waits: until another one is about the same table, or the transaction ends. Then all that waits goes in one way there
and back, and many new rows of one table as one (``COPY``). What the tables hold at the end is what they would hold if
each statement had been done at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import psycopg

from whatsapp_mcp.store.engine.postgres.translation import Translated, without_nul

_AT_MOST: Final = 1_000
"""Statements, and rows, that wait."""
_COPIED: Final = 8
"""From so many rows on, ``COPY`` costs less than a statement for each."""
_TOGETHER: Final = 4
"""From so many on, rows are put in the place of others by one statement."""
_HANGS_ON: Final = {"media": frozenset({"messages"}), "notes": frozenset({"messages"})}
"""What refers to rows of other tables, which have to be there before."""

_Raw: TypeAlias = "psycopg.Connection[Any]"


class _Change:
    """A statement that waits, once or for several rows."""

    __slots__ = ("cursor", "query", "reads", "rows", "table")

    def __init__(self, query: Translated, table: str) -> None:
        self.query = query
        self.table = table
        self.reads = query.words.union(*(_HANGS_ON[word] for word in query.words & _HANGS_ON.keys()))
        self.rows: list[Sequence[Any]] = []
        self.cursor: psycopg.Cursor[Any] | None = None

    @property
    def is_copied(self) -> bool:
        return self.query.columns is not None and len(self.rows) >= _COPIED

    def touches(self, other: _Change) -> bool:
        """Whether their order counts."""
        return self.table in other.reads or other.table in self.reads

    def copy(self, raw: _Raw) -> None:
        with raw.cursor() as cursor, cursor.copy(f"COPY {self.query.columns} FROM STDIN".encode()) as copy:
            for row in self.rows:
                copy.write_row(row)

    def execute(self, raw: _Raw) -> None:
        for row in self.rows:
            self.cursor = raw.execute(self.query.text.encode(), row or None)


class Changed:
    """What stands for the cursor of statements that wait."""

    def __init__(self, gathered: Gathered, changes: Sequence[_Change]) -> None:
        self._gathered = gathered
        self._changes = changes

    @property
    def rowcount(self) -> int:
        """Only now they have to be done; but for new rows, each of which is one."""
        return sum(1 if change.query.columns is not None else self._counted(change) for change in self._changes)

    def _counted(self, change: _Change) -> int:
        self._gathered.finish(change)
        assert change.cursor is not None
        return change.cursor.rowcount

    def fetchone(self) -> Any:
        return None

    def fetchall(self) -> list[Any]:
        return []

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class Gathered:
    """Of one transaction."""

    def __init__(self, raw: _Raw) -> None:
        self._raw = raw
        self._changes: list[_Change] = []
        self._waiting = 0

    def add(self, query: Translated, values: Iterable[Sequence[Any]]) -> Changed:
        """``query``: one that only changes rows; ``values`` of each time."""
        return Changed(self, [self._add(query, row) for row in values])

    def add_all(self, query: Translated, values: Iterable[Sequence[Any]]) -> Changed:
        """The same, of an upsert with no key twice."""
        rows, together = [*values], query.upsert
        if together is not None and len(rows) >= _TOGETHER:
            query, rows = query._replace(text=together.text), [(_as_json(together.columns, rows),)]
        return self.add(query, rows)

    def _add(self, query: Translated, row: Sequence[Any]) -> _Change:
        assert query.changes is not None
        change = self._growing(query) if query.columns is not None else None
        if change is None:
            change = _Change(query, query.changes)
            self._changes.append(change)
        change.rows.append(row)
        self._waiting += 1
        if self._waiting >= _AT_MOST:
            self._send(self._taken(self._changes))
        return change

    def execute(self, query: Translated, values: Sequence[Any]) -> psycopg.Cursor[Any]:
        """A statement that answers, after all that it could see of what waits; one that is neither a question nor a
        change, after all."""
        asks = _Change(query, query.changes or "")
        first = self._before(asks) if query.is_about_rows else self._taken(self._changes)
        if not first:
            return self._raw.execute(query.text.encode(), values or None)
        asks.rows.append(values)
        self._send([*first, asks])
        assert asks.cursor is not None
        return asks.cursor

    def finish(self, change: _Change) -> None:
        if change in self._changes:
            self._send([*self._before(change), change])

    def _growing(self, query: Translated) -> _Change | None:
        """What waits and may take one more row, as nothing after it sees, or is needed by, the new one."""
        needed = _HANGS_ON.get(query.changes or "", frozenset())
        for change in reversed(self._changes):
            if change.query is query:
                return change
            if change.table in needed or (change.query.columns is None and query.changes in change.reads):
                return None
        return None

    def _before(self, asks: _Change) -> list[_Change]:
        """What waits, and has to be done first."""
        found = [asks]
        before = self._changes[: self._changes.index(asks)] if asks in self._changes else self._changes
        for change in reversed(before):
            if any(map(change.touches, found)):
                found.append(change)
        return self._taken(found[:0:-1], asks)

    def _taken(self, changes: list[_Change], *others: _Change) -> list[_Change]:
        """They do not wait any more."""
        gone = {*changes, *others}
        taken, self._changes = changes, [change for change in self._changes if change not in gone]
        self._waiting = sum(len(change.rows) for change in self._changes)
        return taken

    def _send(self, changes: list[_Change]) -> None:
        together: list[_Change] = []
        for change in changes:
            if change.is_copied:
                self._together(together)
                together = []
                change.copy(self._raw)
            else:
                together.append(change)
        self._together(together)

    def _together(self, changes: list[_Change]) -> None:
        if len(changes) == 1 and len(changes[0].rows) == 1:
            changes[0].execute(self._raw)
        elif changes:
            with self._raw.pipeline():
                for change in changes:
                    change.execute(self._raw)


def _as_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    return json.dumps([dict(zip(columns, map(without_nul, row), strict=True)) for row in rows], ensure_ascii=False)
