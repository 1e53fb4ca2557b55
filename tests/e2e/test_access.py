"""Which chats may be read and written to: policy.toml through real servers, over stdio and HTTP, changed under them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.e2e.harness import Host, body_of, host_on, http_server, whatsapp
from tests.e2e.test_inbox import arrived

WORD: Final = "zanzibar"
ASKED: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("listChats", {}),
    ("listChats", {"search": WORD[:4]}),
    ("searchMessages", {"query": "shared"}),
    ("searchMessages", {"query": WORD[:4], "by_relevance": True}),
    ("checkInbox", {}),
    ("checkInbox", {"cursor": "0"}),
    ("catchUp", {"since": "1d", "lines": 30}),
    ("userMyContacts", {}),
    ("userMyGroups", {}),
    ("getChatMessages", {"chat_jid": "Zanzibaa"}),
)
"""What is asked without naming a hidden chat; near misses too."""


async def shown(host: Host, tool: str, **arguments: Any) -> str:
    """All of the answer, whatever it is."""
    return json.dumps(body_of(await host.raw(tool, arguments))).lower()


async def rule(host: Host, tool: str, **arguments: Any) -> tuple[str, Any]:
    error = await host.refused(tool, **arguments)
    return error["code"].lower(), (error.get("details") or {}).get("rule")


async def test_what_the_policy_hides_is_nowhere(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    policy = data_dir / "default" / "policy.toml"

    def write(content: str) -> None:
        policy.write_text(content)
        policy.chmod(0o600)

    async with (
        whatsapp(tmp_path) as (simulator, endpoint),
        host_on(endpoint, data_dir, WHATSAPP_MCP_POLICY="careful") as host,
    ):
        await host.pair(simulator)
        ana = await simulator.add_contact("Ana", saved=True)
        ben = await simulator.add_contact("Ben", saved=True)
        eve = await simulator.add_contact("Zanzibar Eve", saved=True)
        club = await simulator.add_group("Zanzibar club", [simulator.phone, ana], owner=ana)
        said = [
            eve.say(f"shared {WORD}"),
            ana.say(f"shared {WORD} club", to=club),
            ben.say("shared words"),
            ana.say("shared words"),
        ]
        hidden, open_ids = {message.id for message in said[:2]}, {message.id for message in said[2:]}
        for message in said:
            await arrived(host, message_id=message.id)
        marks = (WORD, eve.number, eve.account.lid.user, club.jid.user, *(name.lower() for name in hidden))
        before = " ".join([await shown(host, tool, **arguments) for tool, arguments in ASKED])
        assert all(mark in before for mark in marks if mark != eve.account.lid.user), "without a policy all is shown"

        rules = f'[read]\ndeny = ["+{eve.number}", "{club.jid}"]\n[send]\ndeny = ["+{ben.number}", "{club.jid}"]\n'
        write(f'{rules}[ask]\nother_chat = "never"\n')

        async def hides(host: Host) -> None:
            for tool, arguments in ASKED:
                answer = await shown(host, tool, **arguments)
                assert not [mark for mark in marks if mark in answer], (tool, arguments, answer)
            inbox = await host.call("checkInbox")
            assert {row["message_id"] for row in inbox["data"]} == open_ids
            assert (inbox["total_messages"], inbox["total_chats"]) == (2, 2)
            found = await host.call("searchMessages", query="shared")
            assert {row["message_id"] for row in found["data"]} == open_ids
            assert len((await host.call("listChats"))["data"]) == 2
            for chat in (eve.number, f"{eve.number}@s.whatsapp.net", str(eve.account.lid), str(club.jid)):
                assert await rule(host, "getChatMessages", chat_jid=chat) == ("not_allowed", "read"), chat
            by_name, nobody = [
                await host.refused("getChatMessages", chat_jid=name) for name in ("Zanzibar Eve", "Quentin Eve")
            ]
            assert by_name["code"] == nobody["code"]
            assert by_name["message"].replace("Zanzibar", "Quentin") == nobody["message"]
            assert await rule(host, "sendMessage", phone=ben.number, message="x") == ("not_allowed", "send")
            assert await rule(host, "sendMessage", phone=str(club.jid), message="x") == ("not_allowed", "send")

        async def sleeps_through(host: Host) -> None:
            cursor, woken = await host.cursor(), list[Any]()

            async def wait() -> None:
                woken.append(await host.call("waitForMessage", cursor=cursor, timeout=40))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                eve.say("wake up")
                ana.say("wake up too", to=club)
                answer = ana.say("good morning")
            assert woken[0]["message"]["message_id"] == answer.id
            open_ids.add(answer.id)

        await hides(host)
        async with (
            http_server(endpoint, data_dir, WHATSAPP_MCP_POLICY="careful") as (url, token, _process),
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as web,
            Client(streamable_http_client(url, http_client=web)) as client,
        ):
            remote = Host(client, data_dir)
            await hides(remote)
            await sleeps_through(remote)
        await sleeps_through(host)
        await host.call("sendMessage", phone=ana.number, message="good morning to you")
        await ana.wait_for_message()

        write('preset = "read-only"')
        assert await rule(host, "sendMessage", phone=ana.number, message="x") == ("not_allowed", "read_only")
        assert WORD in await shown(host, "listChats")
        tools = {tool.name for tool in (await host.client.list_tools(cache_mode="bypass")).tools}
        assert "listChats" in tools
        assert "sendMessage" not in tools
        write('preset = "locked"')
        assert (await host.call("listChats"))["data"] == []
        assert await rule(host, "sendMessage", phone=ana.number, message="x") == ("not_allowed", "send")
        assert await rule(host, "getChatMessages", chat_jid=ana.number) == ("not_allowed", "read")
