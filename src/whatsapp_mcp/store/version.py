"""What this version of the program knows about the schema, for writer and readers alike."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.errors import StoreError, StoreUnusable
from whatsapp_mcp.whereabouts import Whereabouts

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
    "partial_search",
)
"""Names of all migrations, in order; they are in the ``tables`` of each engine."""

SCHEMA_VERSION: Final = len(MIGRATIONS)
"""Of a store on which all of them ran."""


def older_store(where: Whereabouts, version: int) -> StoreError:
    return StoreError(
        f"the message store {where} is of an older version of whatsapp-web-mcp (schema {version})",
        next_step="It is brought up to date when the session starts: call again in a few seconds. Without a server, "
        "`whatsapp-mcp reindex` does it.",
        details={"path": str(where)},
    )


def newer_store(where: Whereabouts, detail: str) -> StoreError:
    return StoreUnusable(
        f"the message store {where} was written by a newer version of whatsapp-web-mcp ({detail})",
        next_step="Upgrade (`whatsapp-mcp upgrade-check` says how). Nothing was changed in it.",
        details={"path": str(where)},
    )
