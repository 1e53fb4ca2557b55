"""A connection to SQLite, as the store asks for one."""

from __future__ import annotations

import sqlite3
from typing import ClassVar

from whatsapp_mcp.store.database import Engine, Restriction


class SqliteConnection(sqlite3.Connection):
    engine: ClassVar[Engine] = "sqlite"
    restriction: Restriction | None = None
