"""A session database as neonize leaves it, as far as anybody outside neonize looks into it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from whatsapp_mcp.jid import Jid

OWN = "4915100000009:7@s.whatsapp.net"
OWN_LID = "100000000000009@lid"


def link_device(path: Path, jid: str = OWN) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS whatsmeow_device (jid TEXT PRIMARY KEY, lid TEXT)")
        connection.execute("INSERT OR REPLACE INTO whatsmeow_device VALUES (?, ?)", (jid, OWN_LID))


def unlink_device(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS whatsmeow_device (jid TEXT PRIMARY KEY, lid TEXT)")
        connection.execute("DELETE FROM whatsmeow_device")


def remember_secret(path: Path, message_id: str, chat: Jid, secret: bytes) -> None:
    """As whatsmeow does before it sends a message (store/sqlstore/upgrades/00-latest-schema.sql)."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS whatsmeow_message_secrets (our_jid TEXT, chat_jid TEXT, sender_jid TEXT,"
            " message_id TEXT, key bytea NOT NULL, PRIMARY KEY (our_jid, chat_jid, sender_jid, message_id))"
        )
        row = (OWN, str(chat), OWN_LID, message_id, secret)
        connection.execute("INSERT INTO whatsmeow_message_secrets VALUES (?, ?, ?, ?, ?)", row)
