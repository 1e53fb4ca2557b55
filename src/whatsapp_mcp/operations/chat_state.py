"""Operations that change how a chat is kept: pinned, muted, archived, read, labelled, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whatsapp_mcp.clock import now_ms, to_ms
from whatsapp_mcp.errors import NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import (
    MUTED_FOR_EVER,
    ChatChanged,
    ChatDeleted,
    ChatLabelled,
    ChatMarkedRead,
    LastMessage,
)
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.addressee import recipient
from whatsapp_mcp.operations.app_state import author, change, with_name
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import resolve
from whatsapp_mcp.pipe.messages import SetDisappearingTimer

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args


async def _known_chat(services: Services, text: str) -> tuple[Jid, Jid, Message | None]:
    """The chat that ``chat_jid`` names (as shown, as WhatsApp addresses it) and its newest message."""
    jid = await resolve(services, text, field="chat_jid")
    chat = services.store.look(lambda store: store.chat(jid))
    if chat is None:
        raise NotFound(
            "chat_jid: there is no such chat", next_step="Take chat_jid from listChats.", details={"field": "chat_jid"}
        )
    page = await services.store.read(lambda store: store.messages(chat.jid, limit=1, offset=0, start=None, end=None))
    newest = page.rows[0] if page.rows else None
    return chat.jid, newest.wire_chat if newest is not None else chat.jid, newest


def _last(newest: Message | None) -> LastMessage | None:
    """Up to which message a change of a whole chat is meant."""
    if newest is None:
        return None
    return LastMessage(newest.id, newest.from_me, to_ms(newest.timestamp), author(newest))


@operation("pinChat")
async def pin_chat(services: Services, arguments: args.PinChatArguments) -> Outcome:
    jid, wire, _ = await _known_chat(services, arguments["chat_jid"])
    pinned = arguments["pinned"]
    message = await change(
        services, f"The chat is {'pinned' if pinned else 'no longer pinned'}.", ChatChanged(wire, pinned=pinned)
    )
    return Outcome(message, {"status": "success", "message": message, "chat_jid": str(jid), "pinned": pinned})


@operation("muteChat")
async def mute_chat(services: Services, arguments: args.MuteChatArguments) -> Outcome:
    _, wire, _ = await _known_chat(services, arguments["chat_jid"])
    if not arguments["muted"]:
        return Outcome(await change(services, "The chat is no longer muted.", ChatChanged(wire, muted_until=0)))
    seconds = arguments.get("duration")
    until = now_ms() + seconds * 1000 if seconds else MUTED_FOR_EVER
    return Outcome(await change(services, "The chat is muted.", ChatChanged(wire, muted_until=until)))


@operation("markChatRead")
async def mark_chat_read(services: Services, arguments: args.MarkChatReadArguments) -> Outcome:
    _, wire, newest = await _known_chat(services, arguments["chat_jid"])
    read = arguments["read"]
    marked = ChatMarkedRead(wire, read, last=_last(newest))
    return Outcome(await change(services, f"The chat is marked as {'read' if read else 'unread'}.", marked))


@operation("deleteChat")
async def delete_chat(services: Services, arguments: args.DeleteChatArguments) -> Outcome:
    _, wire, newest = await _known_chat(services, arguments["chat_jid"])
    deleted = ChatDeleted(wire, last=_last(newest))
    return Outcome(await change(services, "The chat was deleted on your devices.", deleted))


@operation("archiveChat")
async def archive_chat(services: Services, arguments: args.ArchiveChatArguments) -> Outcome:
    jid, wire, newest = await _known_chat(services, arguments["chat_jid"])
    archived = arguments["archived"]
    moved = ChatChanged(wire, archived=archived, last=_last(newest))
    message = await change(services, f"The chat is {'archived' if archived else 'no longer archived'}.", moved)
    return Outcome(message, {"status": "success", "message": message, "chat_jid": str(jid), "archived": archived})


@operation("labelChat")
async def label_chat(services: Services, arguments: args.LabelChatArguments) -> Outcome:
    jid, wire, _ = await _known_chat(services, arguments["chat_jid"])
    label_id, labelled = arguments["label_id"].strip(), arguments["labeled"]
    changes = with_name(ChatLabelled(label_id, wire, labelled), arguments["label_name"])
    message = await change(services, f"The label was {'put on' if labelled else 'taken off'} the chat.", *changes)
    results = {"status": "success", "message": message, "chat_jid": str(jid), "label_id": label_id, "labeled": labelled}
    return Outcome(message, results)


@operation("setDisappearingTimer")
async def set_disappearing_timer(services: Services, arguments: args.SetDisappearingTimerArguments) -> Outcome:
    chat = await recipient(services, arguments["chat_jid"], field="chat_jid")
    seconds = arguments["timer_seconds"]
    await services.session.call(SetDisappearingTimer(chat=chat, seconds=seconds))
    return Outcome(f"New messages disappear after {seconds} seconds." if seconds else "New messages stay.")
