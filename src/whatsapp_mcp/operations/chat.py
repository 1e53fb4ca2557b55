"""Operations that read chats from the store, and waiting for a message."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final

from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models import Message, MessageKind
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.recipients import person, resolve
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.render import chat_json, message_json
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.session.protocol import SetDisappearingTimer
from whatsapp_mcp.store.query import match_expression

__all__: list[str] = []

CHATS_DEFAULT, CHATS_MAX = 25, 100
MESSAGES_DEFAULT, MESSAGES_MAX = 50, 100
FOUND_DEFAULT: Final = 25
WAIT_DEFAULT: Final = 30


@operation("listChats")
async def list_chats(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    limit = arguments.get("limit", CHATS_DEFAULT)
    offset = arguments.get("offset", 0)
    page = await services.store.read(
        lambda store: store.chats(
            limit=limit,
            offset=offset,
            search=arguments.get("search") or None,
            has_media=arguments.get("has_media", False),
            archived=arguments.get("archived"),
        )
    )
    return Outcome(
        f"{len(page.rows)} of {page.total} chats.",
        {
            "data": [chat_json(chat) for chat in page.rows],
            "pagination": {"limit": limit, "offset": offset, "total": page.total},
        },
        rows="data",
        offset=offset,
        untrusted=True,
    )


@operation("getChatMessages")
async def get_chat_messages(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    chat_jid = await resolve(services, arguments["chat_jid"], field="chat_jid")
    limit = arguments.get("limit", MESSAGES_DEFAULT)
    offset = arguments.get("offset", 0)
    start, end = _period(arguments)
    chat = services.store.look(lambda store: store.chat(chat_jid))
    if chat is None:
        raise NotFound(
            "chat_jid: this chat has no stored messages",
            next_step="Take chat_jid from listChats.",
            details={"field": "chat_jid"},
        )
    page = await services.store.read(
        lambda store: store.messages(
            chat.jid,
            limit=limit,
            offset=offset,
            start=start,
            end=end,
            media_only=arguments.get("media_only", False),
            from_me=arguments.get("is_from_me"),
            search=arguments.get("search") or None,
        )
    )
    return Outcome(
        f"{len(page.rows)} of {page.total} messages, newest first.",
        {
            "data": [message_json(message) for message in page.rows],
            "pagination": {"limit": limit, "offset": offset, "total": page.total},
            "chat_info": chat_json(chat),
        },
        rows="data",
        offset=offset,
        untrusted=True,
    )


@operation("searchMessages")
async def search_messages(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    query = arguments["query"]
    if match_expression(query) is None:
        raise InvalidArgument(
            "query: holds no word to look for",
            field="query",
            next_step="Pass a word of the message; -word only leaves out.",
        )
    chat = await resolve(services, arguments["chat_jid"], field="chat_jid") if "chat_jid" in arguments else None
    sender = await person(services, arguments["sender"], field="sender") if "sender" in arguments else None
    limit, offset = arguments.get("limit", FOUND_DEFAULT), arguments.get("offset", 0)
    start, end = _period(arguments)
    kinds = (MessageKind(arguments["kind"]),) if "kind" in arguments else None
    page = await services.store.read(
        lambda store: store.search(
            query,
            chat=chat,
            sender=sender,
            from_me=arguments.get("is_from_me"),
            kinds=kinds,
            start=start,
            end=end,
            limit=limit,
            offset=offset,
        )
    )
    return Outcome(
        f"{len(page.rows)} of {page.total} messages, newest first.",
        {
            "data": [message_json(message, with_chat_name=True) for message in page.rows],
            "pagination": {"limit": limit, "offset": offset, "total": page.total},
        },
        rows="data",
        offset=offset,
        untrusted=True,
    )


def _period(arguments: Arguments) -> tuple[datetime | None, datetime | None]:
    start, end = _moment(arguments, "start_time"), _moment(arguments, "end_time")
    if start and end and start > end:
        raise InvalidArgument("start_time is after end_time", field="start_time")
    return start, end


def _moment(arguments: Arguments, field: str) -> datetime | None:
    """RFC 3339; without a zone it is UTC."""
    text = arguments.get(field)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(
            f"{field}: not a date and time", field=field, next_step="Write it like 2026-01-31T15:00:00Z."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@operation("setDisappearingTimer")
async def set_disappearing_timer(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    chat = await resolve(services, arguments["chat_jid"], field="chat_jid")
    seconds: int = arguments["timer_seconds"]
    await services.session.call(SetDisappearingTimer(chat=chat, seconds=seconds))
    return Outcome(f"New messages disappear after {seconds} seconds." if seconds else "New messages stay.")


@operation("waitForMessage")
async def wait_for_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    chat = await resolve(services, arguments["phone"]) if arguments.get("phone") else None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + arguments.get("timeout", WAIT_DEFAULT)
    position = await _position(services, arguments.get("cursor"))
    message = await _next(services, position, chat)
    if message is None:
        await services.session.ready()
    while message is None and (rest := deadline - loop.time()) > 0:
        seen = services.session.newest_arrival
        if seen <= position:
            await services.session.wait_change(rest)
        message = await _next(services, position, chat)
        if message is None:
            # Everything up to `seen` was looked at with this filter: never look at it again.
            position = max(position, seen)
    if message is None:
        return Outcome("No new message.", {"cursor": str(position), "timed_out": True})
    return Outcome(
        "A message arrived.",
        {"message": message_json(message, with_chat_name=True), "cursor": str(message.arrival), "timed_out": False},
        untrusted=True,
    )


async def _position(services: Services, cursor: str | None) -> int:
    if cursor is None:
        return services.store.look(lambda store: store.newest_arrival())
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidArgument(
            "cursor: not a cursor of waitForMessage",
            field="cursor",
            next_step="Pass the cursor of the last result, or leave it out to wait from now on.",
        )
    position = int(cursor)
    newest = services.store.look(lambda store: store.newest_arrival())
    # Arrival numbers start again with a new account; a cursor from the time before must not hide what came since.
    return position if position <= newest else 0


async def _next(services: Services, position: int, chat: Jid | None) -> Message | None:
    found: tuple[Any, ...] = await services.store.read(lambda store: store.incoming_after(position, chat=chat, limit=1))
    return found[0] if found else None
