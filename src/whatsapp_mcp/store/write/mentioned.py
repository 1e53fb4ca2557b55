"""By which names the people are found whom a message mentions: those known when it is stored.

The text says only digits. The search index holds names as they were then: to take a message out of it, it must be
given the same words again.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.models.content import MENTIONED, Content
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.untrusted_text import encodable

_SEARCHED: Final = 50
"""People whose names are searched, of one message."""


def with_mentioned(connection: StoreConnection, content: Content) -> dict[str, object]:
    """The facts of a message, with the names of those whom it mentions."""
    some = [encodable(str(jid)) for jid in content.mentions[:_SEARCHED]]
    if not some:
        return content.extra
    names = connection.execute(
        "SELECT DISTINCT entities.name FROM addresses JOIN entities ON entities.id = addresses.entity"
        f" WHERE addresses.jid IN ({', '.join('?' * len(some))}) AND entities.name IS NOT NULL",
        some,
    ).fetchall()
    return {**content.extra, MENTIONED: [name for (name,) in names]} if names else content.extra
