"""Bad input to every tool: an error result that names the field, and a server that lives on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import Tool

from tests.e2e.harness import Json, body_of, host_on, paired, whatsapp
from tests.e2e.shared import SharedAccount
from whatsapp_mcp.catalog import load_catalog

WRONG: dict[str, Any] = {"string": True, "integer": "many", "boolean": "perhaps", "array": False, "object": []}
GOOD: dict[str, Any] = {
    "phone": "12025550111",
    "chat_jid": "12025550111",
    "message": "x",
    "message_id": "3EB0AA",
    "link": "https://example.com",
    "latitude": "1",
    "longitude": "2",
    "contact_name": "Ana",
    "contact_phone": "12025550112",
    "question": "?",
    "options": ["a", "b"],
    "max_answer": 1,
    "type": "available",
    "action": "start",
    "emoji": "👍",
    "push_name": "Robin",
    "group_id": "120363000000000001@g.us",
    "participants": ["12025550111"],
    "locked": True,
    "announce": True,
    "pinned": True,
    "labeled": True,
    "timer_seconds": 86400,
    "muted": True,
    "read": True,
    "archived": True,
    "caller_jid": "12025550111",
    "newsletter_id": "120363000000000009@newsletter",
}
ONE_OF = {
    "sendImage": ("image",),
    "sendVideo": ("video",),
    "sendAudio": ("audio",),
    "sendFile": ("file",),
    "sendSticker": ("sticker",),
}
"""Of several arguments, exactly one has to be given."""
ACTS = {operation.name: not operation.reads_only for operation in load_catalog().operations}
ADDRESSES = ("phone", "chat_jid", "contact_phone", "caller_jid", "sender")
MALFORMED = ("@", "a@b@c", "12345@nowhere", "0151 234", "+", "12 34", "9" * 16 + "x", "x" * 5000, "49151\x00", "１２３")


def good_arguments(tool: Tool) -> Json:
    schema = tool.input_schema
    needed = [*schema.get("required", []), *ONE_OF.get(tool.name, ())]
    return {name: GOOD.get(name, "x") for name in needed}


def cases(tool: Tool) -> Iterator[tuple[Json, str]]:
    """Bad arguments, and the name that the error must mention."""
    schema = tool.input_schema
    good = good_arguments(tool)
    properties: dict[str, Json] = schema.get("properties", {})
    for name in schema.get("required", []):
        yield {key: value for key, value in good.items() if key != name}, name
        if properties[name].get("type") == "string" and name != "emoji":
            yield {**good, name: ""}, name
            yield {**good, name: "   "}, name
    for name, described in properties.items():
        yield {**good, name: WRONG[described["type"]]}, name
        yield {**good, name: {"nested": [None]}}, name
        if "enum" in described:
            yield {**good, name: "something else"}, name
        if described["type"] == "integer":
            yield {**good, name: -(10**30)}, name
    for name in properties:
        if ACTS.get(tool.name) and len(name) > 4:
            yield {**good, f"{name}s": 1}, f"{name}s"
    for name in ADDRESSES:
        if name in properties:
            for text in MALFORMED:
                yield {**good, name: text}, name


async def test_every_tool_names_the_field_and_an_unknown_tool_is_a_protocol_error(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (_, endpoint), host_on(endpoint, tmp_path / "data") as host:
        tools = (await host.client.list_tools()).tools
        assert len(tools) >= 24
        tried = 0
        for tool in tools:
            for arguments, field in cases(tool):
                result = await host.raw(tool.name, arguments)
                body = body_of(result)
                assert result.is_error, (tool.name, arguments, body)
                assert body["code"] in ("invalid_argument", "not_found", "not_allowed"), (tool.name, arguments, body)
                assert field in body["message"], (tool.name, arguments, body)
                assert body["next_step"]
                tried += 1
        assert tried > 300
        with pytest.raises(MCPError) as unknown:
            await host.raw("noSuchTool")
        assert unknown.value.error.code == -32602
        assert (await host.call("listChats"))["data"] == []


async def test_unknown_chats_and_messages(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        await simulator.add_contact("Ana")
        for tool in ("reactMessage", "readMessage", "revokeMessage", "updateMessage"):
            arguments = {"message_id": "3EB0FFFF", "phone": "15550009999", "emoji": "👍", "message": "x"}
            known = load_catalog().by_name[tool].input_schema["properties"]
            error = await host.refused(tool, **{name: value for name, value in arguments.items() if name in known})
            assert error["code"] == "not_found", tool
            assert "message_id" in error["message"]
        error = await host.refused("getChatMessages", chat_jid="120363999999999999@g.us")
        assert error["code"] == "not_found"


async def test_huge_texts(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        error = await host.refused("sendMessage", phone=ana.number, message="x" * 5_000_000)
        assert "message" in error["message"]
        assert "65536" in error["message"]
        await host.call("sendMessage", phone=ana.number, message="y" * 65536)
        received = await ana.wait_for_message()
        assert len(received.text) == 65536
        rows = await host.call("getChatMessages", chat_jid=ana.number)
        assert rows["data"][0]["content"].startswith("yyy")


def some_json(random: Random, depth: int = 0) -> Any:
    kind = random.randrange(14 if depth < 3 else 10)
    if kind == 10:
        return [some_json(random, depth + 1) for _ in range(random.randrange(4))]
    if kind == 11:
        return {f"k{i}": some_json(random, depth + 1) for i in range(random.randrange(4))}
    if kind == 12:
        return json.dumps(some_json(random, depth + 1))
    if kind == 13:
        return "[" * random.choice((5, 500))
    texts = ("", " ", "null", "True", "1e400", "NaN", "x" * 100_000, "a\0", "12025550111", "\u202e", "@lid")
    numbers = (None, True, False, 0, 1, -1, 5.0, 0.5, 2**53, 2**64, -(10**30), 10**300)
    return random.choice(texts if kind < 5 else numbers)


async def test_random_arguments_are_carried_out_or_refused_with_the_name_of_the_field(tmp_path: Path) -> None:
    random = Random(0)
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        for operation in load_catalog().operations:
            if operation.tag == "app" or operation.name == "waitForMessage":
                continue  # these take the session away, or time
            good = {name: GOOD.get(name, "x") for name in operation.input_schema.get("required", ())}
            names = list(operation.input_schema["properties"])
            for _ in range(5):
                picked = random.sample(names, min(len(names), random.randrange(1, 4)))
                arguments = good | ({"phone": ana.number} if "phone" in good else {})
                arguments |= {name: some_json(random) for name in picked} | {"toolCallId": some_json(random)}
                result = await host.raw(operation.name, arguments)
                body = body_of(result)
                assert body["code"] != "internal_error", (operation.name, arguments, body)
                if body["code"] == "invalid_argument":
                    details = body.get("details", {})
                    fields = details.get("fields") or [details.get("field")]
                    assert all(field and field.split("[")[0] in names for field in fields), (
                        operation.name,
                        arguments,
                        body,
                    )
        await host.call("listChats")
