"""Who is who: every JID is an *address* of one *entity*, a person's phone number and LID of the same one."""

from __future__ import annotations

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.untrusted_text import encodable


def find_entity(connection: StoreConnection, jid: Jid) -> int | None:
    """The entity with this address, in any form."""
    row = connection.execute("SELECT entity FROM addresses WHERE jid = ?", (encodable(str(jid.bare)),)).fetchone()
    return None if row is None else int(row[0])


def addresses_of(connection: StoreConnection, jid: Jid) -> list[int]:
    """All addresses of who has this one."""
    wanted = "SELECT id FROM addresses WHERE entity = (SELECT entity FROM addresses WHERE jid = ?)"
    return [address for (address,) in connection.execute(wanted, (encodable(str(jid.bare)),))]
