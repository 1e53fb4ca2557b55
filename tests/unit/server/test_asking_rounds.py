"""Revision 2026-07-28: the answer to a question is good once, and for the call that it was asked about."""

from __future__ import annotations

import asyncio
from typing import Final

import mcp.types as types
from mcp import Client
from mcp.client.context import ClientRequestContext
from pydantic import TypeAdapter

from tests.unit.server.connections import DEADLINE, fake_server
from tests.unit.server.test_asking import AskingRunner
from whatsapp_mcp.policy.caller import Consent

YES: Final = types.ElicitResult(action="accept", content={"answer": "yes"})

RESULT: Final[TypeAdapter[types.CallToolResult | types.InputRequiredResult]] = TypeAdapter(
    types.CallToolResult | types.InputRequiredResult
)


async def never(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
    del context, params
    raise AssertionError("the answers are given by hand here")


async def call(client: Client, text: str, state: str | None) -> types.CallToolResult | types.InputRequiredResult:
    request = types.CallToolRequest(
        params=types.CallToolRequestParams(
            name="echo",
            arguments={"text": text},
            input_responses={"confirmation": YES} if state is not None else None,
            request_state=state,
        )
    )
    return await client.session.send_request(request, RESULT)


async def test_an_answer_is_good_once_and_for_its_call() -> None:
    runner = AskingRunner()
    async with asyncio.timeout(DEADLINE):
        async with Client(fake_server(runner), mode="2026-07-28", elicitation_callback=never) as client:
            asked = await call(client, "one", None)
            assert isinstance(asked, types.InputRequiredResult)
            assert asked.request_state
            other = await call(client, "two", asked.request_state)
            assert isinstance(other, types.InputRequiredResult), "it was asked about another call"
            again = await call(client, "one", asked.request_state)
            assert isinstance(again, types.InputRequiredResult), "its answer is used up by the wrong call"
            done = await call(client, "one", again.request_state)
            assert isinstance(done, types.CallToolResult)
            replayed = await call(client, "one", again.request_state)
            assert isinstance(replayed, types.InputRequiredResult), "it was good once"
            forged = await call(client, "one", "digest of one")
            assert isinstance(forged, types.InputRequiredResult), "nobody can make one"
    assert runner.consents == [Consent.YES]
