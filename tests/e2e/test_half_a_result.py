"""Hosts that show a model one half of a result: the text, or the structured content. Either is enough."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from bench.everyday import TASKS, Player, people_talk
from mcp.types import CallToolResult, TextContent

from tests.e2e.harness import Host, Json, host_on, pictures, whatsapp
from tests.unit.media import samples
from whatsapp_mcp.simulator import Simulator

FEW = 8


class Shown(NamedTuple):
    """What reaches the model."""

    body: Json
    pictures: int


def text_alone(result: CallToolResult) -> Shown:
    (text,) = [block.text for block in result.content if isinstance(block, TextContent)]
    return Shown(json.loads(text), len(pictures(result)))


def structured_if_any(result: CallToolResult) -> Shown:
    """As Codex, opencode and pydantic-ai: where there is structured content, the blocks are not looked at."""
    return text_alone(result) if result.structured_content is None else Shown(result.structured_content, 0)


HALVES = pytest.mark.parametrize("half", [text_alone, structured_if_any])
Half = Callable[[CallToolResult], Shown]


def player(host: Host, half: Half) -> Player:
    async def ask(tool: str, arguments: Json) -> Json:
        result = await host.raw(tool, arguments)
        body = half(result).body
        assert not result.is_error, body
        return body

    return Player(ask)


@HALVES
async def test_everyday_tasks_can_be_done(tmp_path: Path, half: Half) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        settings = {"WHATSAPP_MCP_SIDE_LOGIN_DISTANCE": "0"}
        async with host_on(endpoint, tmp_path / "data", **settings) as host:
            login = half(await host.raw("appLogin"))
            assert login.pictures == 1, "the code, as a picture"
            await simulator.phone.scan(login.body["results"]["qr_text"])
            model = player(host, half)
            await people_talk(simulator, model, FEW)
            for name, task in TASKS.items():
                calls = 0

                async def counted(tool: str, arguments: Json) -> Json:
                    nonlocal calls
                    calls += 1
                    return await model.ask(tool, arguments)

                await task.play(Player(counted))
                assert calls <= task.calls, name
            await pictures_are_seen(simulator, host, half)
            await cursors_lead_on(simulator, host, half)
            await errors_say_what_to_do(host, half)


async def pictures_are_seen(simulator: Simulator, host: Host, half: Half) -> None:
    ana = simulator.contact("Ana Souza")
    photo = ana.send_image(samples.jpeg(), caption="The view")
    waited = half(await host.raw("waitForMessage", {"phone": ana.number, "cursor": "0", "timeout": 40})).body
    while waited["results"]["message"]["message_id"] != photo.id:
        cursor = {"phone": ana.number, "cursor": waited["results"]["cursor"], "timeout": 40}
        waited = half(await host.raw("waitForMessage", cursor)).body
    got = half(await host.raw("downloadMessageMedia", {"phone": ana.number, "message_id": photo.id}))
    assert got.pictures == 1 and got.body["results"]["media_type"] == "image/jpeg"


async def cursors_lead_on(simulator: Simulator, host: Host, half: Half) -> None:
    model = player(host, half)
    for tool, arguments in (
        ("listChats", {"limit": 3}),
        ("getChatMessages", {"chat_jid": "Ana Souza", "limit": 20}),
        ("searchMessages", {"query": "the", "limit": 5}),
    ):
        first = await model.call(tool, **arguments)
        second = await model.call(tool, **arguments, cursor=first["next_cursor"])
        ids = [
            {row.get("message_id", row.get("chat_jid")) for row in page["results"]["data"]} for page in (first, second)
        ]
        assert ids[1] and not ids[0] & ids[1], tool
    before = (await model.call("waitForMessage", timeout=0))["results"]["cursor"]
    said = simulator.contact("Bruno Lima").say("one more thing")
    heard = (await model.call("waitForMessage", cursor=before, timeout=40))["results"]
    assert heard["message"]["message_id"] == said.id and heard["cursor"] != before


async def errors_say_what_to_do(host: Host, half: Half) -> None:
    refused = await host.raw("sendMessage", {"phone": "Carla", "message": "Hello"})
    unknown = half(refused).body
    assert refused.is_error and unknown["code"] == "not_found" and unknown["next_step"]
    assert "Carla Berg" in json.dumps(unknown["details"]), "who may be meant"
    missing = half(await host.raw("downloadMessageMedia", {"phone": "Ana Souza", "message_id": "3EB0NOTTHERE"})).body
    assert missing["code"] == "not_found" and missing["next_step"]
