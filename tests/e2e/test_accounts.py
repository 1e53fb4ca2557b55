"""Three accounts on one WhatsApp, each with hosts of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.e2e.harness import Host, environment, host_on, http_server, session_pids, until, whatsapp
from whatsapp_mcp.simulator import SimulatedPhone

ACCOUNTS = ("default", "work", "shop")


@asynccontextmanager
async def http_host(url: str, token: str, data_dir: Path, mode: str = "legacy") -> AsyncIterator[Host]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as web,
        Client(streamable_http_client(url, http_client=web), mode=mode) as client,
    ):
        yield Host(client, data_dir)


def accounts(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`whatsapp-mcp accounts`."""
    return subprocess.run(
        [sys.executable, "-m", "whatsapp_mcp", "accounts", "--data-dir", str(data_dir), *arguments],
        env=environment(Path("unused")),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def sessions(data_dir: Path) -> list[int]:
    """How many session processes each account has."""
    return [len(session_pids(data_dir, account)) for account in ACCOUNTS]


async def exchange(writer: Host, sender: SimulatedPhone, reader: Host, receiver: SimulatedPhone, text: str) -> None:
    cursor = await reader.cursor()
    await writer.call("sendMessage", phone=receiver.account.number, message=text)
    waited = await reader.call("waitForMessage", cursor=cursor, timeout=40)
    assert (waited["message"]["content"], waited["message"]["sender_jid"]) == (
        text,
        f"{sender.account.number}@s.whatsapp.net",
    )


async def test_accounts_write_to_each_other_and_see_nothing_of_each_other(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint), AsyncExitStack() as hosts:
        robin = simulator.phone
        wanda = simulator.add_account("12025550170", "Wanda at work")
        sam = simulator.add_account("12025550171", "Sam's shop")
        url, token, server = await hosts.enter_async_context(http_server(endpoint, data_dir))

        # Accounts are added while the server runs.
        for name in ("work", "shop"):
            added = await anyio.to_thread.run_sync(accounts, data_dir, "add", name)
            assert added.returncode == 0, added.stderr
        default = await hosts.enter_async_context(http_host(url, token, data_dir))
        work = await hosts.enter_async_context(http_host(f"{url}/work", token, data_dir))
        shop = await hosts.enter_async_context(host_on(endpoint, data_dir, WHATSAPP_MCP_ACCOUNT="shop"))
        assert [getattr(host.client.server_info, "title", None) for host in (default, work, shop)] == [
            "WhatsApp",
            "WhatsApp (work)",
            "WhatsApp (shop)",
        ]
        async with anyio.create_task_group() as pairing:
            for host, phone in ((default, robin), (work, wanda), (shop, sam)):
                pairing.start_soon(host.pair, simulator, phone)
        desk = await hosts.enter_async_context(host_on(endpoint, data_dir, WHATSAPP_MCP_ACCOUNT="work"))
        assert sessions(data_dir) == [1, 1, 1]

        await exchange(default, robin, work, wanda, "from the default account to work")
        assert [row["unread_count"] for row in (await desk.call("listChats"))["data"]] == [1]
        await exchange(desk, wanda, shop, sam, "from work to the shop")
        await exchange(shop, sam, default, robin, "from the shop to the default account")

        # Each has its two messages and no others.
        seen = {
            name: {row["content"] for row in (await host.call("searchMessages", query="from"))["data"]}
            for name, host in zip(ACCOUNTS, (default, work, shop), strict=True)
        }
        assert seen == {
            "default": {"from the default account to work", "from the shop to the default account"},
            "work": {"from the default account to work", "from work to the shop"},
            "shop": {"from work to the shop", "from the shop to the default account"},
        }
        chats = {row["chat_jid"] for row in (await work.call("listChats"))["data"]}
        assert chats == {f"{robin.account.number}@s.whatsapp.net", f"{sam.account.number}@s.whatsapp.net"}

        listed = json.loads((await anyio.to_thread.run_sync(accounts, data_dir, "--json")).stdout)
        assert [(row["name"], row["jid"].partition(":")[0], row["in_use"]) for row in listed] == [
            ("default", robin.account.number, True),
            ("shop", sam.account.number, True),
            ("work", wanda.account.number, True),
        ]
        refused = await anyio.to_thread.run_sync(accounts, data_dir, "remove", "work", "--yes")
        assert refused.returncode == 3
        assert "the account 'work' is in use by process" in refused.stderr

        async with httpx2.AsyncClient(base_url=url.removesuffix("/mcp"), timeout=60) as web:
            figures = set((await web.get("/metrics")).text.splitlines())
            assert (await web.get("/ready/work")).json()["state"] == "connected"
        assert {
            'whatsapp_mcp_sends_total{account="default"} 1',
            'whatsapp_mcp_session_state{account="work",state="connected"} 1',
            'whatsapp_mcp_session_state{account="shop",state="unused"} 1',  # by this server
            'whatsapp_mcp_messages{account="default"} 2',
        } <= figures
        assert any(line.startswith('whatsapp_mcp_queue{account="work"}') for line in figures)
        assert not any(phone.account.number in line for phone in (robin, wanda, sam) for line in figures)

        # With the server goes the session that nobody else uses.
        server.terminate()
        await until(lambda: sessions(data_dir) == [0, 1, 1], what="the end of the default account's session process")
        await exchange(shop, sam, desk, wanda, "from the shop to work")

        # Of the linked accounts, only one that is used is started.
        url, token, _ = await hosts.enter_async_context(http_server(endpoint, data_dir))
        again = await hosts.enter_async_context(http_host(f"{url}/work", token, data_dir))
        await exchange(shop, sam, again, wanda, "from the shop to work once more")
        assert sessions(data_dir) == [0, 1, 1]
