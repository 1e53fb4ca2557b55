"""The same server over stdio and HTTP, for clients of three protocol revisions; --simulated; the demo."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests.e2e.harness import LIMIT, Host, environment, host_on, http_server, session_ended, until, whatsapp

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_conversation_over_http(tmp_path: Path, mode: str) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint), http_server(endpoint, data_dir) as (url, token, process):
        assert stat.S_IMODE((data_dir / "http-token").stat().st_mode) == 0o600
        ana = await simulator.add_contact("Ana")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as web:
            transport = streamable_http_client(url, http_client=web)
            async with Client(transport, mode=mode) as client:
                host = Host(client, data_dir)
                await host.pair(simulator)
                await host.call("sendMessage", phone=ana.number, message=f"over HTTP, {mode}")
                assert (await ana.wait_for_message()).text == f"over HTTP, {mode}"
        process.terminate()
        with anyio.fail_after(120):
            assert await anyio.to_thread.run_sync(process.wait) == 0
        await session_ended(data_dir)


async def test_http_wants_the_token(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (_, endpoint), http_server(endpoint, tmp_path / "data") as (url, token, _process):
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        async with httpx2.AsyncClient() as web:
            headers = {"Accept": "application/json, text/event-stream"}
            assert (await web.post(url, json=body, headers=headers)).status_code == 401
            wrong = {**headers, "Authorization": "Bearer " + "x" * 43}
            assert (await web.post(url, json=body, headers=wrong)).status_code == 401
            right = {**headers, "Authorization": f"Bearer {token}"}
            assert (await web.post(url, json=body, headers={**right, "Host": "evil.example"})).status_code == 421
            assert (
                await web.post(url, json=body, headers={**right, "Origin": "http://evil.example"})
            ).status_code == 403
            # The owner's page is opened by another key, once.
            page = url.removesuffix("/mcp") + "/approve"
            key = (tmp_path / "data" / "http-approve").read_text().splitlines()[1]
            assert [(await web.get(page, headers=given)).status_code for given in ({}, right)] == [403, 403]
            assert (await web.get(page, params={"key": key}, follow_redirects=True)).status_code == 200
            assert "Nothing waits for an answer" in (await web.get(page)).text
            web.cookies.clear()
            assert (await web.get(page, params={"key": key})).status_code == 403
        shown = subprocess.run(
            [sys.executable, "-m", "whatsapp_mcp", "token", "--data-dir", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            check=True,
            env=environment(endpoint),
        )
        assert shown.stdout.strip() == token


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_conversation_over_stdio_in_both_eras(tmp_path: Path, mode: str) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, tmp_path / "data", mode=mode) as host:
            await host.pair(simulator)
            await host.call("sendMessage", phone=ana.number, message=mode)
            assert (await ana.wait_for_message()).text == mode


async def test_initialize_does_not_wait_for_whatsapp(tmp_path: Path) -> None:
    """The endpoint accepts connections and never says a word: the server answers all the same."""
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
        await session_ended(data_dir)
        simulator.faults.silence()
        async with host_on(endpoint, data_dir, WHATSAPP_MCP_CONNECT_WAIT="1") as host:
            assert (await host.client.list_tools()).tools
            error = await host.refused("appDevices")
            assert error["code"] == "not_connected"
            assert (await host.call("listChats"))["data"] == []
        simulator.faults.resume()


async def test_toolsets_and_read_only(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (_, endpoint):
        async with host_on(endpoint, tmp_path / "a", WHATSAPP_MCP_TOOLSETS="chat") as host:
            names = {tool.name for tool in (await host.client.list_tools()).tools}
            assert {"listChats", "getChatMessages", "waitForMessage"} <= names
            assert "sendMessage" not in names
        async with host_on(endpoint, tmp_path / "b", WHATSAPP_MCP_READ_ONLY="true") as host:
            tools = (await host.client.list_tools()).tools
            assert tools
            assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in tools)
        wrong = subprocess.run(
            [sys.executable, "-m", "whatsapp_mcp", "stdio", "--toolsets", "chta"],
            env=environment(endpoint),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=40,
        )
        assert wrong.returncode == 1
        assert "chta" in wrong.stderr
        assert "chat" in wrong.stderr
        assert wrong.stdout == ""


def simulated_server(*options: str) -> StdioServerParameters:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHATSAPP_MCP_")}
    kept |= {"WHATSAPP_MCP_SESSION_LINGER": "0", "WHATSAPP_MCP_CONNECT_WAIT": "60"}
    arguments = ["-m", "whatsapp_mcp", "stdio", "--simulated", "--toolsets", "all", *options]
    return StdioServerParameters(command=sys.executable, args=arguments, env=kept)


async def test_simulated_whatsapp_scans_and_answers() -> None:
    with anyio.fail_after(LIMIT):
        async with Client(simulated_server()) as client:
            host = Host(client, Path("unused"))
            login = await host.call("appLogin")
            folder = Path(login["qr_link"].removeprefix("file://")).parent
            assert login["qr_text"]
            await host.call("appDevices")
            await host.call("sendMessage", phone="Ana", message="Dinner on Friday?")
            waited = await host.call("waitForMessage", timeout=40, cursor="0")
            assert waited["message"]["sender_name"] == "Ana"
        await until(lambda: not folder.parent.exists(), what="the end of the temporary data directory")


async def test_servers_of_a_data_directory_share_its_simulated_whatsapp(tmp_path: Path) -> None:
    with anyio.fail_after(LIMIT):
        given = ("--data-dir", str(tmp_path))
        async with Client(simulated_server(*given)) as one, Client(simulated_server(*given)) as other:
            first, second = Host(one, tmp_path), Host(other, tmp_path)
            # Both show the code to the phone, which scans it once.
            login, _ = await first.call("appLogin"), await second.raw("appLogin")
            assert login["qr_text"]
            devices = [(await host.call("appDevices"))[0]["device"] for host in (first, second)]
            assert devices[0] == devices[1]
            assert not (tmp_path / "default" / "login-qr.png").exists(), "the code is used"
            await second.call("sendMessage", phone="Ana", message="Dinner on Friday?")
            waited = await first.call("waitForMessage", timeout=40, cursor="0")
            assert waited["message"]["sender_name"] == "Ana"
            simulator = json.loads((tmp_path / "default" / "simulator.json").read_text())
            assert Path(simulator["control"]).exists()
        await until(lambda: not Path(simulator["control"]).exists(), what="the end of the simulator")
        await session_ended(tmp_path)


def test_demo_plays_to_its_end() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHATSAPP_MCP_")}
    played = subprocess.run(
        [sys.executable, "-m", "whatsapp_mcp", "demo"],
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )
    assert played.returncode == 0, played.stderr
    assert "Friday at 7 works for me" in played.stdout
    assert "Done" in played.stdout
    assert "▄" in played.stdout, "the QR code is drawn"
    assert "Login event" not in played.stdout


async def test_simulate_command_ends_with_its_parent(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "whatsapp_mcp", "simulate", "--exit-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    endpoint = json.loads(Path(ready["endpoint"]).read_text())
    assert set(endpoint) == {"proxy", "ca_file", "noise_root"}
    assert stat.S_ISSOCK(Path(ready["control"]).stat().st_mode)
    process.stdin.close()
    assert process.wait(60) == 0
    assert not Path(ready["endpoint"]).exists()
    other = subprocess.Popen([sys.executable, "-m", "whatsapp_mcp", "simulate"], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    other.stdout.readline()
    other.send_signal(signal.SIGTERM)
    assert other.wait(60) == 0
    process.stdout.close()
    other.stdout.close()
