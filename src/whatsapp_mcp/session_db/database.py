"""Looking into neonize's session database from outside: is a device linked, which messages were decrypted last?"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid

__all__ = ["Decrypted", "last_decrypted", "linked_device", "message_with_secret", "remove_session"]

logger = logging.getLogger(__name__)


class Decrypted(NamedTuple):
    """A message that whatsmeow decrypted; the addresses as whatsmeow wrote them."""

    id: str
    chat: str
    sender: str


def linked_device(session_db: Path) -> str | None:
    """JID of the linked device, or None when no account is linked. Only while no session process runs on the file.

    Raises:
        StoreError: the file exists and is not a session database.
    """
    if not session_db.exists() or session_db.stat().st_size == 0:
        return None
    try:
        with _opened(session_db) as connection:
            row = connection.execute("SELECT jid FROM whatsmeow_device LIMIT 1").fetchone()
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


def last_decrypted(session_db: Path, limit: int) -> list[Decrypted]:
    """The messages that whatsmeow decrypted last, newest first, of those that have a secret, as nearly all have; those
    of a history sync too. Only while nobody has the file open; empty when there is nothing that could be read.

    whatsmeow stores the secret of a message before it hands the message over (message.go: ``processProtocolParts``).
    """
    if not session_db.exists():
        return []
    try:
        with _opened(session_db) as connection:
            rows = connection.execute(
                "SELECT message_id, chat_jid, sender_jid FROM whatsmeow_message_secrets ORDER BY rowid DESC LIMIT ?",
                (limit,),
            )
            return [Decrypted(*row) for row in rows]
    except sqlite3.DatabaseError:  # neonize will say what is wrong with it
        return []


@contextmanager
def _opened(session_db: Path) -> Iterator[sqlite3.Connection]:
    # Nothing is written here, but after kill -9 in the middle of a transaction SQLite rolls back what was half done
    # before it lets anybody read, and a connection that may only read cannot do that.
    connection = sqlite3.connect(f"{session_db.absolute().as_uri()}?mode=rw", uri=True, timeout=5)
    try:
        yield connection
    finally:
        connection.close()


def remove_session(session_db: Path) -> None:
    """Delete the linked device's keys (after a logout)."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        session_db.with_name(session_db.name + suffix).unlink(missing_ok=True)
