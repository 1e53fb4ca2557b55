"""In which conversation a call is made."""

from __future__ import annotations

from typing import cast

import mcp.types as types
import pytest
from mcp import MCPError

from tests.unit.server.connections import connected
from tests.unit.server.fakes import FakeRunner
from whatsapp_mcp.jid import GROUP, Jid
from whatsapp_mcp.server.callers import CHAT

TRIP = Jid("120363000000000001", GROUP)


def meta(chat: object) -> types.RequestParamsMeta:
    return cast("types.RequestParamsMeta", {CHAT: chat})


@pytest.mark.parametrize("transport", ["memory", "http"])
@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_a_program_says_from_which_chat_a_call_follows(transport: str, revision: str) -> None:
    runner = FakeRunner()
    async with connected(transport, revision, runner) as client:
        for said in (None, meta(str(TRIP)), meta(str(TRIP)), None):
            await client.call_tool("echo", {"text": "hi"}, meta=said)
    whole, part, again, last = [passage.caller.conversation for passage in runner.passages]
    assert (whole.chat, part.chat) == (None, TRIP)
    assert again is part
    assert last is whole
    part.has_read([TRIP])
    assert whole.read_within(1) == {TRIP}, "it is a part of that session"


async def test_what_a_model_writes_among_the_arguments_says_nothing_of_it() -> None:
    runner = FakeRunner()
    async with connected("memory", "2026-07-28", runner) as client:
        await client.call_tool("echo", {"text": "hi", "_meta": {CHAT: str(TRIP)}})
    assert [passage.caller.conversation.chat for passage in runner.passages] == [None]


@pytest.mark.parametrize("said", ["Ana", "ana", "", 7])
async def test_a_chat_is_said_by_its_jid(said: object) -> None:
    async with connected("memory", "2026-07-28") as client:
        with pytest.raises(MCPError, match="expected the JID of a chat") as refused:
            await client.call_tool("echo", {"text": "hi"}, meta=meta(said))
    assert refused.value.code == types.INVALID_PARAMS
