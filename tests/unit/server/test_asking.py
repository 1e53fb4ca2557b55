"""The owner is asked by the host, in both generations of the protocol, or not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import mcp.types as types
import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext

from tests.unit.server.connections import DEADLINE, REVISIONS, fake_server, mode
from tests.unit.server.fakes import FakeRunner
from whatsapp_mcp.operations.outcome import Arguments, Outcome
from whatsapp_mcp.policy.caller import Consent, Question
from whatsapp_mcp.policy.passage import Passage

pytestmark = pytest.mark.parametrize("revision", REVISIONS)


class AskingRunner(FakeRunner):
    """Asks before everything."""

    def __init__(self, *, always: bool = True, seconds: float = 20) -> None:
        super().__init__()
        self.consents: list[Consent] = []
        self.always = always
        self.seconds = seconds

    async def run(self, passage: Passage, arguments: Arguments) -> Outcome:
        text = str(arguments.get("text"))
        question = Question("other_chat", f"Send “{text}”?", f"digest of {text}", self.always, self.seconds)
        self.consents.append(await passage.caller.ask(question))
        return await super().run(passage, arguments)


class Owner:
    """The person behind a host."""

    def __init__(self, action: Any, **content: Any) -> None:
        self.asked: list[types.ElicitRequestFormParams] = []
        self._answer = types.ElicitResult(action=action, content=content or None)

    async def __call__(self, context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        del context
        assert isinstance(params, types.ElicitRequestFormParams)
        self.asked.append(params)
        return self._answer


@pytest.mark.parametrize(
    ("owner", "consent"),
    [
        (Owner("accept", answer="yes"), Consent.YES),
        (Owner("accept"), Consent.YES),
        (Owner("accept", answer="always"), Consent.ALWAYS),
        (Owner("accept", answer="no"), Consent.NO),
        (Owner("accept", answer="what?"), Consent.NO),
        (Owner("decline"), Consent.NO),
        (Owner("cancel"), Consent.NO),
    ],
    ids=["yes", "accepted", "always", "no", "garbage", "declined", "cancelled"],
)
async def test_answers(revision: str, owner: Owner, consent: Consent) -> None:
    runner, before = AskingRunner(), len(owner.asked)
    async with asyncio.timeout(DEADLINE):
        async with Client(fake_server(runner), mode=mode(revision), elicitation_callback=owner) as client:
            await client.call_tool("echo", {"text": "hello"})
    assert runner.consents == [consent]
    (asked,) = owner.asked[before:]
    assert asked.message == "Send “hello”?"
    assert asked.requested_schema["properties"]["answer"]["enum"] == ["yes", "always", "no"]


async def test_what_cannot_be_always_is_not_offered_so(revision: str) -> None:
    owner = Owner("accept", answer="yes")
    async with asyncio.timeout(DEADLINE):
        server = fake_server(AskingRunner(always=False))
        async with Client(server, mode=mode(revision), elicitation_callback=owner) as client:
            await client.call_tool("echo", {"text": "hello"})
    assert owner.asked[0].requested_schema["properties"]["answer"]["enum"] == ["yes", "no"]


async def test_a_host_that_cannot_ask_agrees_to_nothing(revision: str) -> None:
    runner = AskingRunner()
    async with asyncio.timeout(DEADLINE):
        async with Client(fake_server(runner), mode=mode(revision)) as client:
            await client.call_tool("echo", {"text": "hello"})
    assert runner.consents == [Consent.CANNOT_ASK]


async def test_a_person_who_does_not_answer_agrees_to_nothing(revision: str) -> None:
    runner, in_rounds = AskingRunner(seconds=0.1), revision.startswith("2026")

    async def silent(context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        del context, params
        await asyncio.sleep(0.5 if in_rounds else DEADLINE)
        return types.ElicitResult(action="accept")

    async with asyncio.timeout(DEADLINE):
        async with Client(fake_server(runner), mode=mode(revision), elicitation_callback=silent) as client:
            if in_rounds:  # the host waits, and asks again with an answer that comes too late each time
                with pytest.raises(Exception, match="rounds"):
                    await client.call_tool("echo", {"text": "hello"})
            else:
                await client.call_tool("echo", {"text": "hello"})
    assert runner.consents == ([] if in_rounds else [Consent.CANNOT_ASK])


async def test_what_is_written_down_of_a_question(revision: str) -> None:
    """Each call ends once, also one that ended with the question."""
    runner, owner = AskingRunner(), Owner("accept")
    async with asyncio.timeout(DEADLINE):
        async with Client(fake_server(runner), mode=mode(revision), elicitation_callback=owner) as client:
            await client.call_tool("echo", {"text": "hello"})
            await client.call_tool("crash", {})
    calls = 2 if revision.startswith("2026") else 1
    assert [passage.operation.name for passage in runner.passages] == ["echo"] * calls + ["crash"] * calls
    assert runner.passages[calls - 1].bytes_in == len("hello")
    assert runner.passages[calls - 1].bytes_out > 20
    assert runner.passages[-1].error == "internal_error"
