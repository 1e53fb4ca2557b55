"""The typed client, on tools that answer what a test says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from whatsapp_mcp.client import CallError, IncomingMessage, WhatsApp

Json = dict[str, Any]


class Tools:
    """In place of an MCP client: the answers in order, and what was called."""

    def __init__(self, *answers: Json) -> None:
        self._answers = list(answers)
        self.called: list[tuple[str, Json]] = []
        self.within: list[str | None] = []
        """The chat that each call was said to follow from."""

    async def call_tool(self, name: str, arguments: Json, *, meta: Json | None) -> CallToolResult:
        self.called.append((name, dict(arguments)))
        self.within.append((meta or {}).get("whatsapp-web-mcp/chat"))
        body = self._answers.pop(0)
        failed = body["code"] != "SUCCESS"
        text = TextContent(type="text", text=json.dumps(body))
        return CallToolResult(content=[text], structured_content=None if failed else body, is_error=failed)


def whatsapp_with(*answers: Json) -> tuple[WhatsApp, Tools]:
    tools = Tools(*({"code": "SUCCESS", "message": "Done."} | answer for answer in answers))
    return WhatsApp(cast(Client, tools)), tools


async def test_rows_go_on_by_cursor_or_by_offset() -> None:
    pages: list[Json] = [{"results": {"data": [{"n": 1}]}, "next_cursor": "c1"}, {"results": {"data": [{"n": 2}]}}]
    whatsapp, tools = whatsapp_with(*pages)
    assert [row["n"] async for row in whatsapp.rows("listChats", search=None, limit=1)] == [1, 2]
    assert tools.called == [("listChats", {"limit": 1}), ("listChats", {"limit": 1, "cursor": "c1"})]

    pages = [{"results": {"data": [{"n": 1}]}, "truncated": True, "next_offset": 1}, {"results": {"data": [{"n": 2}]}}]
    whatsapp, tools = whatsapp_with(*pages)
    assert [row["n"] async for row in whatsapp.rows("userMyContacts")] == [1, 2]
    assert tools.called[1] == ("userMyContacts", {"offset": 1})


async def test_the_position_is_from_before_the_send_and_moves_with_each_wait() -> None:
    row = {
        "message_id": "A1",
        "chat_jid": "1202@s.whatsapp.net",
        "chat_name": "Ana",
        "sender_name": "Ana",
        "content": "Yes",
        "timestamp": "2026-11-27T18:02+01:00",
    }
    whatsapp, tools = whatsapp_with(
        {"results": {"cursor": "7", "timed_out": True}},
        {"results": {"message_id": "B1", "chat_jid": "1202@s.whatsapp.net", "repeated": True}},
        {"results": {"cursor": "8", "message": row}},
        {"results": {"cursor": "9", "timed_out": True}},
    )
    sent = await whatsapp.send("Ana", "Coming?", idempotency_key="k")
    assert (sent.message_id, sent.repeated) == ("B1", True)
    message = await whatsapp.next_message()
    assert isinstance(message, IncomingMessage)
    assert (message.text, message.sender_jid, message.kind) == ("Yes", "1202@s.whatsapp.net", "text")
    assert await whatsapp.next_message(timeout=1) is None
    assert [arguments.get("cursor") for _, arguments in tools.called] == [None, None, "7", "8"]
    assert await whatsapp.position() == "9"


async def test_a_reply_follows_from_the_chat_that_it_goes_to() -> None:
    ana = "1202@s.whatsapp.net"
    whatsapp, tools = whatsapp_with(
        {"results": {"cursor": "7", "timed_out": True}}, {"results": {"message_id": "B1", "chat_jid": ana}}
    )
    message = IncomingMessage("A1", ana, "Ana", ana, "Ana", "ping", "text", datetime(2026, 11, 27, tzinfo=UTC))
    await whatsapp.reply(message, "pong", idempotency_key="k")
    sent = {"phone": ana, "message": "pong", "reply_message_id": "A1", "idempotency_key": "k"}
    assert tools.called[1] == ("sendMessage", sent)
    assert tools.within == [None, ana], "the position is that of the whole conversation"
    assert await whatsapp.position() == "7"


async def test_a_limit_says_when_there_is_room() -> None:
    limited = {"code": "rate_limited", "message": "too many", "details": {"retry_after_seconds": 7}}
    whatsapp, _ = whatsapp_with(limited, {"code": "not_found", "message": "nobody"})
    for seconds in (7.0, None):
        with pytest.raises(CallError) as raised:
            await whatsapp.call("sendMessage", phone="Ana", message="hi")
        assert raised.value.retry_after == seconds


async def test_what_fails_says_what_to_do() -> None:
    whatsapp, _ = whatsapp_with({"code": "rate_limited", "message": "too many", "next_step": "Wait.", "results": None})
    with pytest.raises(CallError, match=r"sendMessage: too many Wait\.") as raised:
        await whatsapp.call("sendMessage", phone="Ana", message="hi")
    assert (raised.value.code, raised.value.next_step) == ("rate_limited", "Wait.")
