"""How one message is named: by its id, or where that is not enough by ``ID from AUTHOR`` or ``ID from AUTHOR in CHAT``.

An id is chosen by who writes the message. Two people's messages under one id are two messages, and the same person can
use an id again in another chat; author and chat are JIDs. WhatsApp's ids have no blanks. Who makes one that looks like
the longer form makes it for that message only: the longer form is always understood as such first.
"""

from __future__ import annotations

import re
from typing import Final

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.identity import find_entity
from whatsapp_mcp.store.read.views import messages_query, messages_view
from whatsapp_mcp.untrusted_text import encodable

_LONG: Final = re.compile(r"(?P<id>.+) from (?P<author>\S+@\S+?)(?: in (?P<chat>\S+@\S+))?", re.DOTALL)
_OF_AUTHOR: Final = " AND sender IN (SELECT id FROM addresses WHERE entity = ?)"
_CANDIDATES: Final = 10


def one_message(connection: StoreConnection, name: str, chat: Jid | None, field: str = "message_id") -> Message | None:
    """The message that is shown under this name, in one chat or in any; ``field`` is the argument that names it.

    Raises:
        InvalidArgument: there are several.
    """
    found = _of_long_name(connection, name, chat) or _found(connection, name, None, chat)
    if len(found) > 1:
        raise InvalidArgument(
            f"{field}: several messages have this id",
            field=field,
            next_step=f"As {field}, pass the id of one of the candidates: it also says whose message it is.",
            details={"candidates": [_candidate(message) for message in found]},
        )
    return found[0] if found else None


def _of_long_name(connection: StoreConnection, name: str, chat: Jid | None) -> tuple[Message, ...]:
    parts = _LONG.fullmatch(name.strip())
    if parts is None:
        return ()
    author, where = _jid(parts["author"]), _jid(parts["chat"]) if parts["chat"] else chat
    if author is None or (parts["chat"] and where is None):
        return ()
    if chat is not None and where is not None and find_entity(connection, chat) != find_entity(connection, where):
        return ()
    return _found(connection, parts["id"], author, where)


def _found(connection: StoreConnection, message_id: str, author: Jid | None, chat: Jid | None) -> tuple[Message, ...]:
    where, by = (find_entity(connection, jid) if jid else None for jid in (chat, author))
    if (chat and where is None) or (author and by is None):
        return ()
    # Without a chat, one look into the index per chat; the sign keeps SQLite from the index of places.
    chats = "chats.entity = ? AND" if where is not None else ""
    wanted = (
        "SELECT arrival FROM chats CROSS JOIN messages ON chat = chats.entity AND id = ? AND +place > 0"
        f" WHERE {chats} 1 = 1{_OF_AUTHOR if by is not None else ''} LIMIT {_CANDIDATES}"
    )
    values = (encodable(message_id), *(value for value in (where, by) if value is not None))
    rows = connection.execute(messages_query(wanted, "m.place"), values).fetchall()
    return messages_view(connection, rows)


def _candidate(message: Message) -> dict[str, str | bool | None]:
    return {
        "message_id": f"{message.id} from {message.sender} in {message.chat}",
        "is_from_me": message.from_me,
        "sender_name": message.sender_name,
        "chat_name": message.chat_name,
    }


def _jid(text: str) -> Jid | None:
    try:
        return Jid.parse(text)
    except ValueError:
        return None
