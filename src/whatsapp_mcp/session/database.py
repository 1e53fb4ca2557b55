"""Looking into neonize's session database from outside: is a device linked?"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid

__all__ = ["linked_device", "message_with_secret", "remove_session"]

logger = logging.getLogger(__name__)


def linked_device(session_db: Path) -> str | None:
    """JID of the linked device, or None when no account is linked. Only while no session process runs on the file.

    Raises:
        StoreError: the file exists and is not a session database.
    """
    if not session_db.exists() or session_db.stat().st_size == 0:
        return None
    try:
        # Nothing is written here, but after kill -9 in the middle of a transaction SQLite rolls back what was half
        # done before it lets anybody read, and a connection that may only read cannot do that.
        connection = sqlite3.connect(f"{session_db.absolute().as_uri()}?mode=rw", uri=True, timeout=5)
        try:
            row = connection.execute("SELECT jid FROM whatsmeow_device LIMIT 1").fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise StoreError(f"the session database {session_db} cannot be read: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"the session database {session_db} is damaged: {error}",
            next_step=f"Move {session_db} away and link the account again with appLogin; messages are kept.",
        ) from error
    return str(row[0]) if row else None


def message_with_secret(session_db: Path, secret: bytes) -> tuple[str, Jid] | None:
    """Id and chat, as on the wire, of the message that was given this secret; also while neonize uses the file.

    whatsmeow writes it down when it has chosen the id, before the message goes to the connection (send.go).
    """
    try:
        with closing(sqlite3.connect(f"{session_db.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            row = connection.execute(
                "SELECT message_id, chat_jid FROM whatsmeow_message_secrets WHERE key = ?", (secret,)
            ).fetchone()
        return (str(row[0]), Jid.parse(row[1]).bare) if row else None
    except (sqlite3.Error, ValueError) as error:
        logger.warning("the id of a message could not be looked up in %s: %s", session_db, error)
        return None


def remove_session(session_db: Path) -> None:
    """Delete the linked device's keys (after a logout)."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        session_db.with_name(session_db.name + suffix).unlink(missing_ok=True)
