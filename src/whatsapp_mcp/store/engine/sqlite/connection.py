"""A connection to SQLite, as the store asks for one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from whatsapp_mcp.store.database import Engine, Parameters, Restriction


class SqliteConnection(sqlite3.Connection):
    engine: ClassVar[Engine] = "sqlite"
    restriction: Restriction | None = None

    def each(self, sql: str, parameters: Iterable[Parameters], /) -> Iterator[list[Any]]:
        return (self.execute(sql, values).fetchall() for values in parameters)
