"""Whether what an operation would show has changed, without showing it."""

from __future__ import annotations

from collections.abc import Hashable

from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.errors import NotFound
from whatsapp_mcp.operations.outcome import Arguments, Watched
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import read_from, stored_message


async def watch(services: Services, operation: Operation, arguments: Arguments) -> Watched:
    """
    Raises:
        WhatsAppMcpError: there is nothing of this kind that may be read; as the operation would.
    """
    if operation.tag == "app":
        return Watched(arguments, _session_mark(services))
    name = operation.touches.chat
    if name is None:
        return Watched(arguments, await services.store.read(lambda store: store.chats_mark()))
    chat = await read_from(services, str(arguments[name]), field=name)
    there = {**arguments, name: str(chat)}
    if "message_id" in arguments:
        _, message = await stored_message(services, arguments["message_id"], str(chat))
        return Watched(there, (message.arrival, message.updated_at))
    mark = await services.store.read(lambda store: store.chat_mark(chat))
    if mark is None:
        raise NotFound(f"{name}: this chat has no stored messages", details={"field": name})
    return Watched(there, mark)


def _session_mark(services: Services) -> Hashable:
    snapshot = services.session.snapshot
    return snapshot.state, snapshot.own_jid, snapshot.push_name, snapshot.detail, snapshot.qr_text
