"""What the server asks of neonize's session database: is a device linked, which messages came or left last?"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import Decrypted, HandedOver
from whatsapp_mcp.platform.files import remove
from whatsapp_mcp.session_db.reading import reading, unreadable_session

logger = logging.getLogger(__name__)

IN_BETWEEN: Final = 128
"""More messages than there can be between whatsmeow and the session process: neonize queues 100 (main.go:
``eventChan``)."""

_OWN_IDS: Final = "3EB0"
"""Begin of the ids that whatsmeow gives to what it sends (send.go: ``GenerateMessageID``)."""
_SECRETS: Final = "SELECT message_id, chat_jid, sender_jid FROM whatsmeow_message_secrets ORDER BY rowid DESC"
_LONGEST_ID: Final = 128


def linked_device(session_db: Path) -> str | None:
    """JID of the linked device, or None when no account is linked.

    Raises:
        StoreError: the file exists and is not a session database.
    """
    if not session_db.exists() or (session_db.is_file() and session_db.stat().st_size == 0):
        return None  # a folder has no bytes on Windows
    try:
        with reading(session_db) as connection:
            row = connection.execute("SELECT jid FROM whatsmeow_device LIMIT 1").fetchone()
    except (sqlite3.OperationalError, OSError) as error:
        if "no such table" in str(error):  # nothing was ever linked
            return None
        raise unreadable_session(session_db, error) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(
            f"the session database {session_db} is damaged",
            next_step=f"Move {session_db} away and link the account again with appLogin; messages are kept.",
        ) from error
    return str(row[0]) if row else None


def handed_over(session_db: Path, message: bytes) -> HandedOver | None:
    """Under which id a message of ours went to the connection, by the secret in it; None if it did not get that far.

    whatsmeow writes the secret down when it has chosen the id, before the message goes to the connection (send.go).

    Args:
        message: serialized waE2E.Message.
    """
    from whatsapp_mcp.wire.protos import e2e  # 30 ms that only an unfinished send costs

    secret = e2e.Message.FromString(message).messageContextInfo.messageSecret
    if not secret:
        return None
    try:
        with reading(session_db) as connection:
            row = connection.execute(
                "SELECT message_id, chat_jid FROM whatsmeow_message_secrets WHERE key = ?", (secret,)
            ).fetchone()
        return HandedOver(str(row[0]), Jid.parse(row[1]).bare) if row else None
    except (sqlite3.Error, OSError, ValueError) as error:
        logger.warning("the id of a message could not be looked up in %s: %s", session_db, error)
        return None


def last_decrypted(session_db: Path, limit: int = IN_BETWEEN) -> tuple[Decrypted, ...]:
    """The messages that whatsmeow decrypted last, newest first, of those that have a secret, as nearly all have; those
    of a history sync too, but none that this program sent, and none with an id of a length that no client makes. Empty
    when there is nothing that could be read.

    whatsmeow stores the secret of a message before it hands the message over (message.go: ``processProtocolParts``).
    """
    if not session_db.exists():
        return ()
    try:
        with reading(session_db) as connection:
            own = {str(jid) for jid in _own_addresses(connection)}
            rows = map(Decrypted._make, connection.execute(_SECRETS))
            return tuple(islice((one for one in rows if all(map(_is_short, one)) and not _sent_here(one, own)), limit))
    except (sqlite3.DatabaseError, OSError, ValueError):  # neonize will say what is wrong with it
        return ()


def _own_addresses(connection: sqlite3.Connection) -> Iterator[Jid]:
    for row in connection.execute("SELECT jid, lid FROM whatsmeow_device"):
        yield from (Jid.parse(text).bare for text in row if text)


def _sent_here(message: Decrypted, own: Collection[str]) -> bool:
    """What this program sends has a secret too, and is stored when WhatsApp confirms it."""
    return message.id.startswith(_OWN_IDS) and message.sender in own


def _is_short(text: object) -> bool:
    """A sender chooses the id; one as long as no client makes it is not worth a line of that length to the session."""
    return isinstance(text, str) and len(text) <= _LONGEST_ID


def remove_session(session_db: Path) -> None:
    """Delete the linked device's keys (after a logout)."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        remove(session_db.with_name(session_db.name + suffix))
