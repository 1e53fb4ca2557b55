"""What this version of the program knows about the schema, for writer and readers alike."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import StoreError, StoreUnusable

MIGRATIONS: Final = (
    "first_tables",
    "app_state_and_votes",
    "search_tags_and_sends",
    "unread_messages",
    "message_authors",
    "message_parts",
    "group_membership",
    "pins_answers_and_sealed",
    "deferred_sends",
    "events",
    "newest_arrivals_and_looks",
    "scheduled_sends",
    "prepared_sends",
)
"""Names of all migrations, in order; they are in ``schema``."""

SCHEMA_VERSION: Final = len(MIGRATIONS)
"""``PRAGMA user_version`` of a store on which all of them ran."""


def schema_version(connection: sqlite3.Connection, path: Path) -> int:
    """Number of migrations that ran; 0 for a new file.

    Raises:
        StoreError: a newer program wrote the store.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise newer_store(path, f"schema {version}, this program knows {SCHEMA_VERSION}")
    return version


def older_store(path: Path, version: int) -> StoreError:
    return StoreError(
        f"the message store {path} is of an older version of whatsapp-web-mcp (schema {version})",
        next_step="It is brought up to date when the session starts: call again in a few seconds. Without a server, "
        "`whatsapp-mcp reindex` does it.",
        details={"path": str(path)},
    )


def newer_store(path: Path, detail: str) -> StoreError:
    return StoreUnusable(
        f"the message store {path} was written by a newer version of whatsapp-web-mcp ({detail})",
        next_step="Upgrade (`whatsapp-mcp upgrade-check` says how). Nothing was changed in the file.",
        details={"path": str(path)},
    )
