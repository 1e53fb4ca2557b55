"""A connection to SQLite, as the store asks for one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from whatsapp_mcp.store.database import Engine, Parameters, Restriction
from whatsapp_mcp.untrusted_text import decoded


class SqliteConnection(sqlite3.Connection):
    engine: ClassVar[Engine] = "sqlite"
    restriction: Restriction | None = None

    def each(self, sql: str, parameters: Iterable[Parameters], /) -> Iterator[list[Any]]:
        for values in parameters:
            try:
                self.text_factory = str
                rows = self.execute(sql, values).fetchall()
            except sqlite3.OperationalError:  # maybe a text is not UTF-8; to ask about each takes longer
                self.text_factory = decoded
                rows = self.execute(sql, values).fetchall()
            finally:
                self.text_factory = decoded
            yield rows
