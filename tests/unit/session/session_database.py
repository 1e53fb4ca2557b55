"""A session database as neonize leaves it, as far as anybody outside neonize looks into it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

OWN = "4915100000009:7@s.whatsapp.net"


def link_device(path: Path, jid: str = OWN) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS whatsmeow_device (jid TEXT PRIMARY KEY)")
        connection.execute("INSERT OR REPLACE INTO whatsmeow_device VALUES (?)", (jid,))


def unlink_device(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS whatsmeow_device (jid TEXT PRIMARY KEY)")
        connection.execute("DELETE FROM whatsmeow_device")
