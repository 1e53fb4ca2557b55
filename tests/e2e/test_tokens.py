"""Tokens with less than everything, over real HTTP, and a scope over stdio: made, used, revoked by the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.e2e.harness import Host, environment, host_on, http_server, whatsapp


def command(endpoint: Path, data_dir: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "whatsapp_mcp", "token", *arguments, "--data-dir", str(data_dir)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(endpoint),
    )
    return done.stdout.strip()


async def refusal(client: Client, tool: str, **arguments: Any) -> tuple[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    body = result.structured_content or {}
    return body["code"], body["details"].get("rule")


async def test_a_token_opens_what_it_was_given_until_it_is_revoked(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        async with http_server(endpoint, data_dir) as (url, default, _process):
            ana = await simulator.add_contact("Ana")
            ben = await simulator.add_contact("Ben")

            def made(name: str, *options: str) -> httpx2.AsyncClient:
                secret = command(endpoint, data_dir, "create", name, *options)
                return httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=60)

            owner = httpx2.AsyncClient(headers={"Authorization": f"Bearer {default}"}, timeout=60)
            async with owner, Client(streamable_http_client(url, http_client=owner)) as client:
                host = Host(client, data_dir)
                await host.pair(simulator)
                for contact in (ana, ben):
                    await host.call("sendMessage", phone=contact.number, message="hello")

            async with made("reader") as web, Client(streamable_http_client(url, http_client=web)) as client:
                tools = {tool.name for tool in (await client.list_tools()).tools}
                assert "listChats" in tools
                assert not {"sendMessage", "deleteChat"} & tools
                assert len((await Host(client, data_dir).call("listChats"))["data"]) == 2
                assert await refusal(client, "sendMessage", phone=ana.number, message="x") == ("not_allowed", "scope")

            async with (
                made("ana-only", "--scope", "send", "--chats", f"+{ana.number.lstrip('+')}") as web,
                Client(streamable_http_client(url, http_client=web)) as client,
            ):
                host = Host(client, data_dir)
                assert len((await host.call("listChats"))["data"]) == 1
                await host.call("sendMessage", phone=ana.number, message="from a narrow token")
                assert (await refusal(client, "sendMessage", phone=ben.number, message="x"))[0] != "SUCCESS"
                assert await refusal(client, "appLogout") == ("not_allowed", "scope")

            elsewhere = made("elsewhere", "--account", "default", "--expires", "1h")
            async with elsewhere as web:
                body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
                headers = {"Accept": "application/json, text/event-stream"}
                assert (await web.post(f"{url}/work", json=body, headers=headers)).status_code == 403
                command(endpoint, data_dir, "revoke", "elsewhere")
                assert (await web.post(f"{url}/work", json=body, headers=headers)).status_code == 401
            listed = {token["name"]: token for token in json.loads(command(endpoint, data_dir, "list", "--json"))}
            assert set(listed) == {"default", "reader", "ana-only"}
            assert all("last_used" in token for token in listed.values())

        async with host_on(endpoint, data_dir, WHATSAPP_MCP_SCOPE="read") as host:
            tools = {tool.name for tool in (await host.client.list_tools()).tools}
            assert "listChats" in tools
            assert "sendMessage" not in tools
            assert len((await host.call("listChats"))["data"]) == 2
            assert await refusal(host.client, "sendMessage", phone=ana.number, message="x") == ("not_allowed", "scope")
