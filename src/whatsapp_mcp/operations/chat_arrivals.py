"""checkInbox and waitForMessage: what came, after a cursor."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.fallback import shown
from whatsapp_mcp.models.render import line_json, message_json
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.hearing import authors
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.scheduled import not_sent
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import read_from
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import News
from whatsapp_mcp.waiting import waits_for

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

USUAL_WAIT: Final = 30.0
"""Seconds that a call waits for news when nobody says how long."""


@operation("checkInbox")
async def check_inbox(services: Services, arguments: args.CheckInboxArguments) -> Outcome:
    limit, cursor = arguments["limit"], arguments.get("cursor")
    position = await position_of(services, cursor) if cursor is not None else None
    channels = arguments["channels"]

    def look(store: StoreReader) -> tuple[News, int]:
        if position is None:
            return store.unread(limit=limit, channels=channels), store.newest_arrival()
        found = store.news(position, limit=limit, channels=channels)
        # All up to the newest were looked at, unless there are more.
        more = found.total > len(found.messages)
        return found, found.messages[-1].arrival if more else max(position, store.newest_arrival())

    found, newest = await services.store.read(look)
    unsent = await services.store.read(not_sent) if not channels else None
    told, total = len(found.messages), f"more than {found.total}" if found.total_is_more else str(found.total)
    what, where = ("posts", "channels") if channels else ("messages", "chats")
    return Outcome(
        f"{told} of {total} {'unread' if position is None else 'new'} {what} in {found.chats} {where}, oldest first.",
        {
            "data": Rows(found.messages, partial(line_json, with_chat=True)),
            "total_messages": found.total,
            "total_is_more": found.total_is_more or None,
            "total_chats": found.chats,
            "more": told < found.total,
            "not_sent": unsent,
        },
        rows="data",
        cursors=[str(message.arrival) for message in found.messages],
        next_cursor=str(newest),
        untrusted=True,
        heard=authors(found.messages),
    )


@operation("waitForMessage")
async def wait_for_message(services: Services, arguments: args.WaitForMessageArguments) -> Outcome:
    chat = await read_from(services, arguments["phone"], field="phone") if arguments.get("phone") else None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds_to_wait(services, arguments.get("timeout"))
    position = await position_of(services, arguments.get("cursor"))
    message = await _next(services, position, chat)
    if message is None:
        await services.session.ready()
    while message is None and (rest := deadline - loop.time()) > 0:
        seen = services.session.newest_arrival
        if seen <= position:
            with waits_for("a message"):
                await services.session.wait_change(rest)
        message = await _next(services, position, chat)
        if message is None:
            # Everything up to `seen` was looked at with this filter: never look at it again.
            position = max(position, seen)
    if message is None:
        told = await services.store.look(lambda store: store.cursor_at(position))
        return Outcome("No new message.", {"cursor": str(told), "timed_out": True})
    return Outcome(
        "A message arrived.",
        {
            "message": shown(message, message_json, dict),
            "cursor": str(message.arrival),
            "timed_out": False,
        },
        untrusted=True,
        heard=authors([message]),
    )


def seconds_to_wait(services: Services, wanted: int | None) -> float:
    """As long as was asked for; else as long as the client waits for an answer, and not longer than half a minute."""
    return wanted if wanted is not None else min(USUAL_WAIT, services.patience.waiting or USUAL_WAIT)


async def position_of(services: Services, cursor: str | None) -> int:
    """The arrival number to go on after. Raises InvalidArgument."""
    if cursor is None:
        return await services.store.look(lambda store: store.newest_arrival())
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidArgument(
            "cursor: not one that this tool returned",
            field="cursor",
            next_step="Pass the cursor of the last result, or leave it out to wait from now on.",
        )
    return await services.store.look(lambda store: store.position(int(cursor)))


async def _next(services: Services, position: int, chat: Jid | None) -> Message | None:
    found = await services.store.read(lambda store: store.incoming_after(position, chat=chat, limit=1))
    return found[0] if found else None
