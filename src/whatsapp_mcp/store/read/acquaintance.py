"""How the owner and a chat know each other: what the policy goes by."""

from __future__ import annotations

import sqlite3
from typing import Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.notices import Happening
from whatsapp_mcp.store.identity import find_entity
from whatsapp_mcp.store.read.stored import extra_of
from whatsapp_mcp.store.records import ChatFacts
from whatsapp_mcp.store.rows import stored_jid

_FACTS: Final = """
SELECT entities.jid, entities.lid, contacts.full_name IS NOT NULL OR contacts.first_name IS NOT NULL AS saved,
    coalesce(chats.sent_count, 0) > 0 AS written_to, coalesce(chats.gone, 0) AS gone,
    (SELECT from_me FROM messages WHERE chat = entities.id AND kind != 'notice' ORDER BY place LIMIT 1) AS first,
    EXISTS (SELECT 1 FROM meta WHERE key IN ('owner_number', 'owner_lid') AND value IN (entities.jid, entities.lid))
        AS own
FROM entities LEFT JOIN contacts ON contacts.entity = entities.id LEFT JOIN chats ON chats.entity = entities.id
WHERE entities.id = ?
"""
"""``first``: whether the first message is the owner's."""
_NOTICES: Final = "SELECT extra FROM messages WHERE chat = ? AND kind = 'notice' ORDER BY place LIMIT 20"
_OWNER: Final = "SELECT value FROM meta WHERE key IN ('owner_number', 'owner_lid')"


def chat_facts(connection: sqlite3.Connection, jid: Jid) -> ChatFacts:
    """Of an address in any form; of one that was never seen, that nothing is known of it."""
    entity = find_entity(connection, jid)
    row = connection.execute(_FACTS, (entity,)).fetchone()
    if row is None:
        return ChatFacts(jid.bare)
    return ChatFacts(
        jid=stored_jid(row["jid"]),
        lid=stored_jid(row["lid"]) if row["lid"] else None,
        saved=bool(row["saved"]),
        wrote_first=row["first"] == 0,
        written_to=bool(row["written_to"]),
        made=jid.is_group and row["first"] is None and _made(connection, entity),
        left=bool(row["gone"]),
        own=bool(row["own"]),
    )


def _made(connection: sqlite3.Connection, group: int | None) -> bool:
    """Whether the owner made a group in which nobody wrote yet, and of which so there are few rows."""
    notices = [extra_of(row["extra"]) for row in connection.execute(_NOTICES, (group,))]
    by = {notice.get("by") for notice in notices if notice.get("event") == Happening.CREATED}
    return bool(by) and any(row["value"] in by for row in connection.execute(_OWNER))
