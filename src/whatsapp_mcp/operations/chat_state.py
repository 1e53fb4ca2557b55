"""Operations that change how a chat is kept: pinned, muted, archived, read, labelled, deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from whatsapp_mcp.clock import now_ms, to_ms
from whatsapp_mcp.errors import NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import (
    MUTED_FOR_EVER,
    AppStateChange,
    ChatChanged,
    ChatDeleted,
    ChatLabelled,
    ChatMarkedRead,
    LastMessage,
)
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.addressee import recipient
from whatsapp_mcp.operations.app_state import author, change, named
from whatsapp_mcp.operations.batch import each
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import resolve
from whatsapp_mcp.pipe.messages import SetDisappearingTimer

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args


class _Known(NamedTuple):
    """A chat that the store has."""

    jid: Jid
    """As it is shown."""
    wire: Jid
    """As WhatsApp addresses it."""
    newest: Message | None


async def _known_chat(services: Services, text: str) -> _Known:
    """The chat that ``chat_jid`` names."""
    jid = await resolve(services, text, field="chat_jid")
    chat = await services.store.look(lambda store: store.chat(jid))
    if chat is None:
        raise NotFound(
            "chat_jid: there is no such chat", next_step="Take chat_jid from listChats.", details={"field": "chat_jid"}
        )
    page = await services.store.read(lambda store: store.messages(chat.jid, limit=1, offset=0, start=None, end=None))
    newest = page.rows[0] if page.rows else None
    return _Known(chat.jid, newest.wire_chat if newest is not None else chat.jid, newest)


async def _in_each(
    services: Services,
    chat_jids: Sequence[str],
    said: str,
    changed: Callable[[_Known], AppStateChange],
    *,
    first: Sequence[AppStateChange] = (),
    **more: object,
) -> Outcome:
    """The same change in each chat, in one go.

    Args:
        said: what became of them, as the end of a sentence.
        first: what is changed before.
        more: the results beside the chats; none: there are no results.
    """
    found, failed = await each(chat_jids, partial(_known_chat, services))
    chats = list({chat.jid: chat for chat in found.values()}.values())
    subject = "The chat is" if len(chats) == 1 else f"{len(chats)} chats are"
    message = await change(services, f"{subject} {said}.", *first, *map(changed, chats))
    which = {"chat_jid": str(chats[0].jid)} if len(chats) == 1 else {"chat_jids": [str(chat.jid) for chat in chats]}
    results = {"status": "success", "message": message, **which, **more} if more else None
    return Outcome(message, results, failed=failed)


def _last(newest: Message | None) -> LastMessage | None:
    """Up to which message a change of a whole chat is meant."""
    if newest is None:
        return None
    return LastMessage(newest.id, newest.from_me, to_ms(newest.timestamp), author(newest))


@operation("pinChat")
async def pin_chat(services: Services, arguments: args.PinChatArguments) -> Outcome:
    pinned = arguments["pinned"]
    said = "pinned" if pinned else "no longer pinned"
    return await _in_each(
        services, arguments["chat_jid"], said, lambda chat: ChatChanged(chat.wire, pinned=pinned), pinned=pinned
    )


@operation("muteChat")
async def mute_chat(services: Services, arguments: args.MuteChatArguments) -> Outcome:
    muted, seconds = arguments["muted"], arguments.get("duration")
    until = (now_ms() + seconds * 1000 if seconds else MUTED_FOR_EVER) if muted else 0
    said = "muted" if muted else "no longer muted"
    return await _in_each(services, arguments["chat_jid"], said, lambda chat: ChatChanged(chat.wire, muted_until=until))


@operation("markChatRead")
async def mark_chat_read(services: Services, arguments: args.MarkChatReadArguments) -> Outcome:
    read = arguments["read"]
    said = f"marked as {'read' if read else 'unread'}"
    return await _in_each(
        services,
        arguments["chat_jid"],
        said,
        lambda chat: ChatMarkedRead(chat.wire, read, last=_last(chat.newest)),
    )


@operation("deleteChat")
async def delete_chat(services: Services, arguments: args.DeleteChatArguments) -> Outcome:
    chat = await _known_chat(services, arguments["chat_jid"])
    deleted = ChatDeleted(chat.wire, last=_last(chat.newest))
    return Outcome(await change(services, "The chat was deleted on your devices.", deleted))


@operation("archiveChat")
async def archive_chat(services: Services, arguments: args.ArchiveChatArguments) -> Outcome:
    archived = arguments["archived"]
    return await _in_each(
        services,
        arguments["chat_jid"],
        "archived" if archived else "no longer archived",
        lambda chat: ChatChanged(chat.wire, archived=archived, last=_last(chat.newest)),
        archived=archived,
    )


@operation("labelChat")
async def label_chat(services: Services, arguments: args.LabelChatArguments) -> Outcome:
    label_id, labelled = arguments["label_id"].strip(), arguments["labeled"]
    return await _in_each(
        services,
        arguments["chat_jid"],
        "labelled" if labelled else "no longer labelled",
        lambda chat: ChatLabelled(label_id, chat.wire, labelled),
        first=await named(services, label_id, arguments["label_name"]) if labelled else (),
        label_id=label_id,
        labeled=labelled,
    )


@operation("setDisappearingTimer")
async def set_disappearing_timer(services: Services, arguments: args.SetDisappearingTimerArguments) -> Outcome:
    chat = await recipient(services, arguments["chat_jid"], field="chat_jid")
    seconds = arguments["timer_seconds"]
    await services.session.call(SetDisappearingTimer(chat=chat, seconds=seconds))
    return Outcome(f"New messages disappear after {seconds} seconds." if seconds else "New messages stay.")
