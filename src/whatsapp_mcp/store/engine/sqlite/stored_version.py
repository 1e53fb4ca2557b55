"""The version of a schema as SQLite's file says it."""

from __future__ import annotations

from pathlib import Path

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.version import SCHEMA_VERSION, newer_store


def schema_version(connection: StoreConnection, path: Path) -> int:
    """Number of migrations that ran (``PRAGMA user_version``); 0 for a new file.

    Raises:
        StoreError: a newer program wrote the store.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise newer_store(path, f"schema {version}, this program knows {SCHEMA_VERSION}")
    return version
