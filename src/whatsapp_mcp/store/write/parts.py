"""Messages that belong to another one, as their author says: pictures of an album, the cover of an event, and a picture
or video that comes a second time, in better quality. Of such two there is one row: the first one, with the better file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.content import BELONGS_TO
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import load_extra
from whatsapp_mcp.store.write.held import Held, find_held
from whatsapp_mcp.store.write.identities import Address

_TWINS: Final = ("hd", "hevc")
"""What comes a second time. HEVC is another encoding, which fewer programs can show: the first file stays then."""
_WITHIN: Final = 3_600_000
"""Milliseconds between the two: phones send them one after the other. Later nobody exchanges a picture unseen."""


def parent_of(extra: Mapping[str, object]) -> str | None:
    """Id of the message that one with these facts belongs to."""
    return _belonging(extra)[0]


def twin_of(connection: StoreConnection, change: MessageReceived, chat: int, author: Address) -> Held | None:
    """The message that this one shows again, if it is here."""
    parent, role = _belonging(change.content.extra)
    if parent is None or role not in _TWINS or change.content.media is None:
        return None
    held = find_held(connection, chat, parent, author)
    return held if held is not None and _fits(held, change.content.kind, change.timestamp) else None


def belonging_to(connection: StoreConnection, chat: int, message_id: str) -> list[str]:
    """Ids of the messages that belong to one of this id."""
    query = "SELECT id FROM messages WHERE chat = ? AND parent_id = ? AND parent_id IS NOT NULL"
    return [found for (found,) in connection.execute(query, (chat, message_id)).fetchall()]


def twins_before(connection: StoreConnection, message: Held, author: Address) -> Iterator[Held]:
    """Rows that show this message again, and were here before it."""
    for message_id in belonging_to(connection, message.chat, message.id):
        held = find_held(connection, message.chat, message_id, author)
        if held is None or not held.has_media or not _fits(message, held.kind, held.timestamp):
            continue
        if _belonging(load_extra(held.extra))[1] in _TWINS:
            yield held


def keeps_first_file(extra: Mapping[str, object]) -> bool:
    return _belonging(extra)[1] != "hd"


def _belonging(extra: Mapping[str, object]) -> tuple[str | None, str]:
    """Id of the message that it belongs to, and as what."""
    link = extra.get(BELONGS_TO)
    if link is None or not isinstance(link, Mapping):
        return None, ""
    return str(link.get("id", "")) or None, str(link.get("as", ""))


def _fits(first: Held, kind: str, timestamp: int) -> bool:
    return first.mimetype is not None and first.kind == kind and abs(timestamp - first.timestamp) <= _WITHIN
