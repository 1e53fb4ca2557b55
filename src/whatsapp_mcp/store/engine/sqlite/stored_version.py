"""The version of a schema as SQLite's file says it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.version import MIGRATIONS, SCHEMA_VERSION, newer_store

MIGRATION_SET: Final = "whatsapp_mcp"
_APPLIED: Final = "SELECT name FROM _sqlite_migrations WHERE migration_set = ?"
"""As sqlite-utils writes it down."""


def schema_version(connection: StoreConnection, path: Path) -> int:
    """Number of migrations that ran (``PRAGMA user_version``); 0 for a new file.

    Raises:
        StoreError: a newer program wrote the store.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise newer_store(path, f"schema {version}, this program knows {SCHEMA_VERSION}")
    return version


def is_current(connection: StoreConnection, path: Path) -> bool:
    """Whether all migrations of this program ran, and no others; as nearly always.

    Raises:
        StoreError: a newer program wrote the store.
    """
    if schema_version(connection, path) < SCHEMA_VERSION:
        return False
    return {name for (name,) in connection.execute(_APPLIED, (MIGRATION_SET,))} == set(MIGRATIONS)
