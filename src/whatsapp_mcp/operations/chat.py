"""Operations that read chats from the store, and waiting for a message."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.fallback import shown
from whatsapp_mcp.models.render import chat_json, label_json, line_json, message_json
from whatsapp_mcp.models.seed_rows import seed_message_json
from whatsapp_mcp.models.views import Chat, Message
from whatsapp_mcp.operations.hearing import authors
from whatsapp_mcp.operations.moments import period_meant
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import read_from
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import Hint, Page, Suggestion, Surroundings
from whatsapp_mcp.store.search.query import Query
from whatsapp_mcp.untrusted_text import clean_text, text_part

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

MIN_PART: Final = 100
"""Characters of a long text that are shown at once, at the least."""
ROOM_BESIDE_PART: Final = 1_200
"""Bytes for what else stands in such a result."""


@operation("listChats")
async def list_chats(services: Services, arguments: args.ListChatsArguments) -> Outcome:
    limit = arguments["limit"]
    offset = arguments["offset"]
    full = arguments["detail"] == "full"
    page = await services.store.read(
        lambda store: store.chats(
            limit=limit,
            offset=offset,
            search=arguments.get("search") or None,
            has_media=arguments["has_media"],
            archived=arguments.get("archived"),
            cursor=arguments.get("cursor"),
        )
    )
    return Outcome(
        f"{len(page.rows)} of {page.total} chats.",
        {
            "data": Rows(page.rows, partial(chat_json, full=full)),
            "pagination": _pagination(page, limit, offset, full=full),
        },
        rows="data",
        offset=offset,
        cursors=page.cursors,
        next_cursor=page.cursors[-1] if page.more and page.cursors else None,
        untrusted=True,
        full=full,
    )


def _pagination(page: Page[Any], limit: int, offset: int, *, full: bool) -> dict[str, Any]:
    """How many there are; where the page stands among them, whoever asked for it knows."""
    total = {"total": page.total, "total_is_more": page.total_is_more or None}
    return {"limit": limit, "offset": offset, **total} if full else total


@operation("listLabels")
async def list_labels(services: Services, arguments: args.ListLabelsArguments) -> Outcome:
    labels, offset = await services.store.read(StoreReader.labels), arguments["offset"]
    said = f"{len(labels)} labels." if labels else "There are no labels; WhatsApp Business has them."
    return Outcome(said, {"data": Rows(labels[offset:], label_json)}, rows="data", offset=offset, untrusted=True)


@operation("getChatMessages")
async def get_chat_messages(services: Services, arguments: args.GetChatMessagesArguments) -> Outcome:
    chat_jid = await read_from(services, arguments["chat_jid"], field="chat_jid")
    limit = arguments["limit"]
    offset = arguments["offset"]
    start, end = _period(arguments.get("start_time"), arguments.get("end_time"), services.settings.zone)

    def look(store: StoreReader) -> tuple[Chat, Page[Message]]:
        chat = _stored(store, chat_jid)
        return chat, store.messages(
            chat.jid,
            limit=limit,
            offset=offset,
            start=start,
            end=end,
            media_only=arguments["media_only"],
            from_me=arguments.get("is_from_me"),
            search=arguments.get("search") or None,
            cursor=arguments.get("cursor"),
        )

    chat, page = await services.store.read(look)
    full = arguments["detail"] == "full"
    here = frozenset(message.id for message in page.rows)
    render = seed_message_json if full else partial(message_json, with_chat=False, beside=here)
    info = shown(chat, partial(chat_json, full=full), dict)
    return _messages(page, limit, offset, Rows(page.rows, render), full=full, chat_info=info)


def _stored(store: StoreReader, chat_jid: Jid) -> Chat:
    """Raises NotFound where nothing is stored of the chat."""
    chat = store.chat(chat_jid)
    if chat is None:
        raise NotFound(
            "chat_jid: this chat has no stored messages",
            next_step="Take chat_jid from listChats.",
            details={"field": "chat_jid"},
        )
    return chat


def _messages(
    page: Page[Message],
    limit: int,
    offset: int,
    rows: Rows[Any],
    *,
    heard: Collection[Jid] | None = None,
    full: bool = False,
    **others: object,
) -> Outcome:
    """A page of messages; ``rows`` show its messages, and what else ``heard`` says."""
    total = f"more than {page.total}" if page.total_is_more else str(page.total)
    speaking = frozenset(authors(page.rows) if heard is None else heard)
    if page.hint:
        others["hint"] = _hint_json(page.hint)
        speaking |= {*page.hint.spelled_in, *(one.jid for one in page.hint.other_chats)}
    return Outcome(
        f"{len(page.rows)} of {total} messages.",
        {"data": rows, "pagination": _pagination(page, limit, offset, full=full), **others},
        rows="data",
        offset=offset,
        cursors=page.cursors,
        next_cursor=page.cursors[-1] if page.more and page.cursors else None,
        untrusted=True,
        full=full,
        heard=speaking,
    )


@operation("searchMessages")
async def search_messages(services: Services, arguments: args.SearchMessagesArguments) -> Outcome:
    text, by_relevance = arguments.get("query", ""), arguments.get("by_relevance", False)
    _check_question(arguments, Query.parse(text))
    if by_relevance and "cursor" in arguments:
        raise InvalidArgument(
            "cursor: there is none in order of relevance",
            field="cursor",
            next_step="Page with offset, or leave out by_relevance.",
        )
    chat = await read_from(services, arguments["chat_jid"], field="chat_jid") if "chat_jid" in arguments else None
    sender = await read_from(services, arguments["sender"], field="sender") if "sender" in arguments else None
    limit, offset, around = arguments["limit"], arguments["offset"], arguments.get("context_lines", 0)
    start, end = _period(arguments.get("start_time"), arguments.get("end_time"), services.settings.zone)

    def look(store: StoreReader) -> tuple[Page[Message], Sequence[Surroundings]]:
        page = store.search(
            text,
            chat=chat,
            sender=sender,
            from_me=arguments.get("is_from_me"),
            kinds=(MessageKind(arguments["kind"]),) if "kind" in arguments else None,
            links_only=arguments.get("has_link", False),
            start=start,
            end=end,
            limit=limit,
            offset=offset,
            cursor=arguments.get("cursor"),
            by_relevance=by_relevance,
        )
        return page, store.around(page.rows, before=around, after=around) if around else ()

    page, surroundings = await services.store.read(look)
    near = surroundings or [Surroundings((), ())] * len(page.rows)
    hits = [_Hit(*hit) for hit in zip(page.rows, near, strict=True)]
    near_by = [message for hit in near for message in (*hit.before, *hit.after)]
    return _messages(page, limit, offset, Rows(hits, _hit_json), heard=authors([*page.rows, *near_by]))


def _hint_json(hint: Hint) -> dict[str, Any]:
    return {
        "fewer_words": [_suggestion_json(one) for one in hint.fewer_words] or None,
        "spelling": _suggestion_json(hint.spelling) if hint.spelling else None,
        "other_chats": [
            {"chat_jid": str(one.jid), "chat_name": one.name, "total": one.total} for one in hint.other_chats
        ]
        or None,
        "without_filters": hint.without_filters or None,
    }


def _suggestion_json(one: Suggestion) -> dict[str, Any]:
    return {"query": one.query, "total": one.total, "total_is_more": one.total_is_more or None}


class _Hit(NamedTuple):
    message: Message
    near: Surroundings


def _hit_json(hit: _Hit) -> dict[str, Any]:
    return message_json(hit.message) | {
        "context_before": [shown(message, line_json, dict) for message in hit.near.before] or None,
        "context_after": [shown(message, line_json, dict) for message in hit.near.after] or None,
    }


def _check_question(arguments: args.SearchMessagesArguments, query: Query) -> None:
    """Something must be wanted: what merely lacks a word would be almost everything."""
    narrow = any(arguments.get(name) for name in ("chat_jid", "sender", "kind", "has_link", "is_from_me"))
    limited = any(name in arguments for name in ("start_time", "end_time", "is_from_me"))
    if query.wanted or (narrow and query.unwanted) or (query.is_blank and (narrow or limited)):
        return
    raise InvalidArgument(
        "query: holds no word to look for",
        field="query",
        next_step="Pass a word of the message (-word only leaves out), or, without a query, a filter: chat_jid, sender,"
        " kind, has_link, is_from_me, start_time, end_time.",
    )


@operation("getMessageContext")
async def get_message_context(services: Services, arguments: args.GetMessageContextArguments) -> Outcome:
    chat = await read_from(services, arguments["chat_jid"], field="chat_jid")
    before, after, part_from = arguments["before"], arguments["after"], arguments.get("text_offset")
    if part_from is not None:
        before = after = 0

    def look(store: StoreReader) -> list[Message]:
        message = store.message(arguments["message_id"].strip(), chat)
        if message is None:
            return []
        (near,) = store.around([message], before=before, after=after)
        return [*near.before, message, *near.after]

    messages = await services.store.read(look)
    if not messages:
        raise NotFound(
            "message_id: no such message in this chat",
            next_step="Take message_id and chat_jid from one row of getChatMessages or searchMessages.",
            details={"field": "message_id"},
        )
    if part_from is not None:
        return _part_of(messages[0], part_from, services.settings.result_budget)
    return Outcome(
        f"{len(messages)} messages, oldest first.",
        {"data": Rows(messages, partial(message_json, beside=frozenset(message.id for message in messages)))},
        rows="data",
        untrusted=True,
        heard=authors(messages),
    )


def _part_of(message: Message, offset: int, budget: int) -> Outcome:
    """As much of a long text as a result of ``budget`` bytes can hold, of which a character takes up to four."""
    text = clean_text(message.text, sys.maxsize)
    if offset > 0 and offset >= len(text):
        raise InvalidArgument(f"text_offset: the text has {len(text)} characters", field="text_offset")
    part, then = text_part(text, offset, max(MIN_PART, (budget - ROOM_BESIDE_PART) // 4))
    row = line_json(message, with_chat=True) | {"content": part, "content_length": len(text), "next_text_offset": then}
    end = len(text) if then is None else then
    return Outcome(
        f"Characters {offset} to {end} of {len(text)}.",
        {"data": [row]},
        rows="data",
        untrusted=True,
        heard=authors([message]),
    )


def _period(
    start_time: str | None, end_time: str | None, zone: tzinfo | None
) -> tuple[datetime | None, datetime | None]:
    """An end that is a day or a minute, as rows show it, is the end of that."""
    at = now_ms()
    start = period_meant(start_time, "start_time", at, zone)[0] if start_time else None
    end = period_meant(end_time, "end_time", at, zone)[1] if end_time else None
    if start and end and start > end:
        raise InvalidArgument("start_time is after end_time", field="start_time")
    return start, end
