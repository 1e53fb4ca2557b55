"""Sends under a key: a key sends once, whatever happens between the claim and the answer."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.records import KeyedSend

KEPT: Final = 24 * 60 * 60 * 1000
"""Milliseconds for which a key is remembered at most."""

_CLAIM: Final = (
    "INSERT INTO sends (key, fingerprint, message, started_at) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE"
    " SET fingerprint = excluded.fingerprint, result = NULL, message = excluded.message,"
    " started_at = excluded.started_at"
)


def find(connection: StoreConnection, key: str, now: int, kept: int = KEPT) -> KeyedSend | None:
    """What stands under a key, unless that is older than ``kept``. ``now``: milliseconds since 1970."""
    row = connection.execute(
        "SELECT fingerprint, result, message, started_at FROM sends WHERE key = ? AND (started_at > ?"
        " OR EXISTS (SELECT 1 FROM deferred_sends AS d WHERE d.key = sends.key AND d.state IN ('held', 'leaving')))",
        (key, now - kept),
    ).fetchone()
    return KeyedSend(*row) if row else None


def claim(
    connection: StoreConnection, key: str, fingerprint: str, message: bytes, now: int, kept: int = KEPT
) -> KeyedSend | None:
    """Take a key that is free; what stands under it if it is not. Forgets all keys that are older than a day."""
    connection.execute("DELETE FROM sends WHERE started_at <= ?", (now - KEPT,))
    earlier = find(connection, key, now, kept)
    if earlier is None:
        connection.execute(_CLAIM, (key, fingerprint, message, now))
    return earlier


def finish(connection: StoreConnection, key: str, result: str, now: int) -> None:
    """The message was sent; ``result`` is what the caller of this key gets from now on."""
    connection.execute("UPDATE sends SET result = ?, message = NULL, started_at = ? WHERE key = ?", (result, now, key))


def release(connection: StoreConnection, key: str) -> None:
    """Nothing was sent: the key is free again. One under which something was sent stays."""
    connection.execute("DELETE FROM sends WHERE key = ? AND result IS NULL", (key,))
