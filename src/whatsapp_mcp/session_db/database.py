"""What the server asks of neonize's session database: is a device linked, which messages came or left last?"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import Decrypted, HandedOver
from whatsapp_mcp.platform.files import remove
from whatsapp_mcp.session_db.asking import KeyDatabase, NeverLinked, asking
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

logger = logging.getLogger(__name__)

IN_BETWEEN: Final = 128
"""More messages than there can be between whatsmeow and the session process: neonize queues 100 (main.go:
``eventChan``)."""

_OWN_IDS: Final = "3EB0"
"""Begin of the ids that whatsmeow gives to what it sends (send.go: ``GenerateMessageID``)."""
_SECRETS: Final = "SELECT message_id, chat_jid, sender_jid FROM whatsmeow_message_secrets ORDER BY rowid DESC"
_SECRETS_IN_POSTGRES: Final = (
    "SELECT message_id, chat_jid, sender_jid FROM whatsmeow_message_secrets ORDER BY age(xmin), ctid DESC LIMIT 2000"
)
"""By the transaction that wrote the row: the table has no column that says when, and a message has one of its own. What
is a very long time ago has no age any more, and counts as oldest. The limit is for what this program sent itself."""
_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename LIKE 'whatsmeow#_%%' ESCAPE '#'"
_LONGEST_ID: Final = 128


def linked_device(where: Whereabouts) -> str | None:
    """JID of the linked device, or None when no account is linked.

    Raises:
        StoreError: what there is cannot be read, or is no session database.
    """
    try:
        with asking(where) as connection:
            row = connection.execute("SELECT jid FROM whatsmeow_device LIMIT 1").fetchone()
    except NeverLinked:
        return None
    return str(row[0]) if row else None


def handed_over(where: Whereabouts, message: bytes) -> HandedOver | None:
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
        with asking(where) as connection:
            row = connection.execute(
                "SELECT message_id, chat_jid FROM whatsmeow_message_secrets WHERE key = ?", (secret,)
            ).fetchone()
        return HandedOver(str(row[0]), Jid.parse(row[1]).bare) if row else None
    except (NeverLinked, StoreError, ValueError) as error:
        logger.warning("the id of a message could not be looked up: %s", error or "nothing was ever linked")
        return None


def last_decrypted(where: Whereabouts, limit: int = IN_BETWEEN) -> tuple[Decrypted, ...]:
    """The messages that whatsmeow decrypted last, newest first, of those that have a secret, as nearly all have; those
    of a history sync too, but none that this program sent, and none with an id of a length that no client makes. Empty
    when there is nothing that could be read.

    whatsmeow stores the secret of a message before it hands the message over (message.go: ``processProtocolParts``).
    """
    try:
        with asking(where) as connection:
            own = {str(jid) for jid in _own_addresses(connection)}
            secrets = _SECRETS_IN_POSTGRES if isinstance(where, PostgresSchema) else _SECRETS
            rows = map(Decrypted._make, connection.execute(secrets))
            return tuple(islice((one for one in rows if all(map(_is_short, one)) and not _sent_here(one, own)), limit))
    except (NeverLinked, StoreError, ValueError):  # neonize will say what is wrong with it
        return ()


def _own_addresses(connection: KeyDatabase) -> Iterator[Jid]:
    for row in connection.execute("SELECT jid, lid FROM whatsmeow_device"):
        yield from (Jid.parse(text).bare for text in row if text)


def _sent_here(message: Decrypted, own: Collection[str]) -> bool:
    """What this program sends has a secret too, and is stored when WhatsApp confirms it."""
    return message.id.startswith(_OWN_IDS) and message.sender in own


def _is_short(text: object) -> bool:
    """A sender chooses the id; one as long as no client makes it is not worth a line of that length to the session."""
    return isinstance(text, str) and len(text) <= _LONGEST_ID


def make_place(where: PostgresSchema) -> None:
    """What neonize cannot make in a database where another account has it (0.5.2): the schema, and the table that says
    of which version its tables are. It looks for that in all schemas (dbutil/upgrades.go: ``upgradeVersionTable``),
    and reads it in its own; an empty one there is as good as none.

    Raises:
        StoreError: PostgreSQL does not do it.
    """
    from whatsapp_mcp.postgres import connected, errors_of, make_schema

    make_schema(where)
    with errors_of(where), connected(where) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS whatsmeow_version (version INTEGER, compat INTEGER)")


def remove_session(where: Whereabouts) -> None:
    """Delete the linked device's keys (after a logout), and nothing else that is there.

    Raises:
        StoreError: PostgreSQL does not do it.
    """
    if isinstance(where, PostgresSchema):
        _drop_tables(where)
        return
    for suffix in ("", "-wal", "-shm", "-journal"):
        remove(where.with_name(where.name + suffix))


def _drop_tables(where: PostgresSchema) -> None:
    from whatsapp_mcp.postgres import connected, errors_of

    with errors_of(where), connected(where) as connection:
        found = connection.execute(_TABLES, (where.schema,)).fetchall()
        if found:  # in one statement, because they refer to each other
            names = ", ".join(f'"{where.schema}"."{name}"' for (name,) in found)
            connection.execute(f"DROP TABLE {names}")
