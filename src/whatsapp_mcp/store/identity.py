"""Who is who: every JID is an *address* of one *entity*, a person's phone number and LID of the same one."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.jid import LID, USER, Jid
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.untrusted_text import encodable

_WROTE_LAST: Final = (
    "SELECT addresses.jid FROM (SELECT arrival, sender, from_me FROM messages WHERE chat = ? AND from_history = 0"
    " ORDER BY arrival DESC LIMIT 200) AS newest JOIN addresses ON addresses.id = newest.sender"
    " WHERE newest.from_me = 0 ORDER BY newest.arrival DESC"
)
"""Live messages are kept with their author's address as the group writes it; notices are the group's own."""


def find_entity(connection: StoreConnection, jid: Jid) -> int | None:
    """The entity with this address, in any form."""
    row = connection.execute("SELECT entity FROM addresses WHERE jid = ?", (encodable(str(jid.bare)),)).fetchone()
    return None if row is None else int(row[0])


def addresses_of(connection: StoreConnection, jid: Jid) -> list[int]:
    """All addresses of who has this one."""
    wanted = "SELECT id FROM addresses WHERE entity = (SELECT entity FROM addresses WHERE jid = ?)"
    return [address for (address,) in connection.execute(wanted, (encodable(str(jid.bare)),))]


def goes_by_numbers(connection: StoreConnection, group: Jid) -> bool:
    """Whether a group names its people by their numbers still; where nobody wrote lately, it is one of today's, which
    go by LIDs."""
    wrote = connection.execute(_WROTE_LAST, (find_entity(connection, group),)).fetchall()
    servers = (jid.rpartition("@")[2] for (jid,) in wrote)
    return next((server == USER for server in servers if server in (USER, LID)), False)


def lid_of(connection: StoreConnection, person: Jid) -> Jid | None:
    """The LID of a person, where it is known."""
    wanted = "SELECT lid FROM entities WHERE id = ?"
    row = connection.execute(wanted, (find_entity(connection, person),)).fetchone()
    return Jid.parse(row[0]) if row is not None and row[0] else None
