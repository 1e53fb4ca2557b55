"""`serve`, and an account beside the default one: started for its webhooks, and its resources at its own path."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import mcp.types as types
import pytest
from mcp import MCPError

from tests.e2e.harness import Host, host_on, http_server, session_pids, until, whatsapp
from tests.e2e.test_accounts import accounts, http_host
from tests.e2e.test_resources import told_of
from tests.e2e.test_webhooks import command, texts
from tests.unit.webhooks.receiver import receiving
from whatsapp_mcp.simulator import SimulatedPhone, VirtualContact


async def test_an_account_that_nobody_calls_has_its_webhook_and_one_that_is_called_its_resources(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint), receiving() as receiver:
        ana, wanda = await simulator.add_contact("Ana"), simulator.add_account("12025550170", "Wanda")
        added = await anyio.to_thread.run_sync(accounts, data_dir, "add", "work")
        assert added.returncode == 0, added.stderr
        async with host_on(endpoint, data_dir, WHATSAPP_MCP_ACCOUNT="work") as host:
            await host.pair(simulator, wanda)
            hook = ("add", receiver.url, "--allow", "loopback", "--name", "bot", "--account", "work")
            await command(data_dir, *hook)
        await until(lambda: not session_pids(data_dir, "work"), what="the end of the session process")
        said = ana.say("is anybody there?", to=wanda.account)
        async with http_server(endpoint, data_dir) as (url, token, _):
            await until(lambda: receiver.got, what="the webhook's request, without any call")
            assert texts(receiver.got) == ["is anybody there?"]
            assert receiver.got[0].json["account"] == "work"
            assert session_pids(data_dir, "default") == [], "that one has no webhook"
            async with http_host(f"{url}/work", token, data_dir, mode="2026-07-28") as work:
                await resources_are_read_and_watched(work, ana, wanda, said.id)
            async with http_host(url, token, data_dir) as default:
                with pytest.raises(MCPError):
                    await default.client.read_resource(f"whatsapp://message/{ana.number}/{said.id}")


async def resources_are_read_and_watched(work: Host, ana: VirtualContact, wanda: SimulatedPhone, said: str) -> None:
    read = work.client.read_resource
    (message,) = (await read(f"whatsapp://message/{ana.number}/{said}")).contents
    assert isinstance(message, types.TextResourceContents) and "is anybody there?" in message.text
    (status,) = (await read("whatsapp://status")).contents
    assert isinstance(status, types.TextResourceContents)
    assert wanda.account.number in json.dumps(json.loads(status.text)["results"])
    uri = f"whatsapp://chat/{ana.number}"
    async with work.client.listen(resource_subscriptions=[uri]) as stream:
        answer = ana.say("then later", to=wanda.account)
        await told_of(work, stream, uri, answer.id)
