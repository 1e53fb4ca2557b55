"""catchUp: what happened in all chats, since a time or since the last look.

The last look is kept in the account's store, by token and name of the client, so that it survives restarts and each
client has its own. It moves when everything up to now was shown: not for a page that others follow, nor for one that
was cut, nor when the time asked for begins later than the last look.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.clock import from_ms, now_ms, to_ms
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.fallback import shown
from whatsapp_mcp.models.render import line_json
from whatsapp_mcp.models.views import Line
from whatsapp_mcp.operations.hearing import authors
from whatsapp_mcp.operations.moments import period_meant
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.scheduled import not_sent
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.account import KeepLook
from whatsapp_mcp.store.read.cursors import decode_cursor, encode_cursor
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import Asked, CaughtUp, ChatNews, Stretch

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

FIRST: Final = timedelta(days=1)
"""What who never looked is shown."""
CHATS: Final = 30
"""On one page."""
PEOPLE: Final = 10
"""Who wrote in a group, by name."""
_STORED_LATE_MS: Final = 24 * 60 * 60 * 1000
"""What WhatsApp tells of a group can be stored so much later, beside differences of clocks; what was shown is not new
whatever its time."""
_KEEP_SECONDS: Final = 2.0


@operation("catchUp")
async def catch_up(services: Services, arguments: args.CatchUpArguments) -> Outcome:
    at = now_ms()
    since = _since(arguments.get("since"), at, services.settings.zone)
    cursor, lines = arguments.get("cursor"), arguments["lines"]

    def look(store: StoreReader) -> tuple[Stretch, int, CaughtUp, list[dict[str, Any]] | None]:
        stretch, began, before = _continued(cursor) if cursor else _begun(store, services.caller, since, at)
        found = store.catch_up(stretch, cursor=before, chats=CHATS, lines=lines)
        return stretch, began, found, not_sent(store, began) if not cursor else None

    stretch, began, found, unsent = await services.store.read(look)
    cursors = [f"{_encoded(stretch, began)}-{one}" for one in found.cursors]
    told = [line for one in found.chats for line in one.lines]
    asked = sum(bool(one.asked) for one in found.chats)
    return Outcome(
        f"News in {len(found.chats)} chats{' and more' if found.more else ''}; in {asked} something seems to wait for"
        " an answer.",
        {"since": from_ms(began), "not_sent": unsent, "data": Rows(found.chats, _chat_json)},
        rows="data",
        cursors=cursors,
        next_cursor=cursors[-1] if found.more and cursors else None,
        untrusted=True,
        heard=authors(told) | {one.chat.jid for one in found.chats if one.wrote},
        seen=partial(_keep, services, stretch, began),
    )


def _begun(store: StoreReader, caller: str, since: int | None, at: int) -> tuple[Stretch, int, str | None]:
    """A first page: what is new, and since when that is."""
    newest, last = store.newest_arrival(), store.look_of(caller)
    if last is not None and last.arrival <= newest:  # else the messages from then are erased
        if since is None:
            start = max(0, last.looked_at - _STORED_LATE_MS)
            return Stretch(start, last.arrival, last.arrival, newest), last.looked_at, None
        if since <= last.looked_at:  # all since the last look, so that this is one
            return Stretch(since, 0, last.arrival, newest), since, None
    if since is None:
        since = last.looked_at if last is not None else at - int(FIRST.total_seconds() * 1000)
    return Stretch(since, 0, newest, newest), since, None


def _encoded(stretch: Stretch, began: int) -> str:
    return encode_cursor(*stretch, began)


def _continued(cursor: str) -> tuple[Stretch, int, str]:
    start, after, late, until, began, before = decode_cursor(cursor, 6)
    return Stretch(start, after, late, until), began, encode_cursor(before)


async def _keep(services: Services, stretch: Stretch, began: int) -> None:
    """The whole stretch was shown: next time, what comes after it is new."""
    last = await services.store.look(lambda store: store.look_of(services.caller))
    if last is not None and (began > last.looked_at or last.arrival >= stretch.until):
        return  # there is a gap before it, or nothing came
    command = KeepLook(caller=services.caller, arrival=stretch.until, looked_at=now_ms())
    with contextlib.suppress(WhatsAppMcpError, TimeoutError):  # then the same is new once more
        async with asyncio.timeout(_KEEP_SECONDS):  # a session that is only beginning must not hold up the answer
            await services.session.call(command)


def _chat_json(news: ChatNews) -> dict[str, Any]:
    chat = news.chat
    return {
        "chat_jid": str(chat.jid),
        "chat_name": chat.name,
        "messages": news.messages,
        "messages_are_more": news.messages_are_more or None,
        "unread_count": chat.unread_count or None,
        "wrote": [{"jid": str(one.jid), "name": one.name, "messages": one.messages} for one in news.wrote[:PEOPLE]]
        if chat.jid.is_group
        else None,
        "unanswered": len(news.asked) or None,
        "mentions": news.mentions or None,
        "missed_calls": news.missed_calls or None,
        "group_changes": news.group_changes or None,
        "left_out": max(0, news.messages - len(news.lines)) or None,
        "lines": [shown(line, partial(_line_json, news.asked), dict) for line in news.lines],
    }


def _line_json(asked: Mapping[int, Asked], line: Line) -> dict[str, Any]:
    seems = asked.get(line.arrival)
    return line_json(line) | {"unanswered": seems.value if seems else None}


def _since(text: str | None, at: int, zone: tzinfo | None) -> int | None:
    """Milliseconds since 1970; without a zone, by the clock of results."""
    return max(0, to_ms(period_meant(text, "since", at, zone)[0])) if text and text.strip() else None
