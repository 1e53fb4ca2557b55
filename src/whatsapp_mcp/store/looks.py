"""Up to where each caller has caught up: what ``catchUp`` without a time begins after.

It stands beside the messages, because its arrival numbers are theirs: erased with them, and the same for every process.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.records import Look

KEPT: Final = 200
"""Callers that are remembered; the names of clients are their own choice."""


def find(connection: StoreConnection, caller: str) -> Look | None:
    row = connection.execute("SELECT arrival, looked_at FROM looks WHERE caller = ?", (caller,)).fetchone()
    return Look(*row) if row else None


def keep(connection: StoreConnection, caller: str, look: Look) -> None:
    """Never back: of two conversations that catch up at once, the later look stays."""
    connection.execute(
        "INSERT INTO looks (caller, arrival, looked_at) VALUES (?, ?, ?) ON CONFLICT (caller) DO UPDATE"
        " SET arrival = excluded.arrival, looked_at = excluded.looked_at WHERE excluded.arrival >= looks.arrival",
        (caller, look.arrival, look.looked_at),
    )
    connection.execute(
        "DELETE FROM looks WHERE caller NOT IN (SELECT caller FROM looks ORDER BY looked_at DESC LIMIT ?)",
        (KEPT,),
    )
