"""A linked account moves from its files into PostgreSQL and back, twice, and is the same device everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import psycopg

from tests.e2e.harness import Host, environment, host_on, whatsapp
from tests.e2e.test_keys_in_postgres import shown, tables
from tests.postgres import restartable_server
from whatsapp_mcp.simulator import VirtualContact

PASSWORD = "h#u/n@t:e r'\\%&=?+ü"


def move(tmp_path: Path, endpoint: Path, database: str, direction: str) -> dict[str, Any]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "whatsapp_mcp", "accounts", "move", "default", f"--{direction}", "--json"),
            *("--data-dir", str(tmp_path / "data")),
        ],
        env=environment(endpoint, WHATSAPP_MCP_DATABASE=database),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "h%23u" not in done.stdout + done.stderr
    results: dict[str, Any] = json.loads(done.stdout)["results"]
    return results


async def speak(host: Host, ana: VirtualContact, said: list[str], turn: str) -> None:
    """One message each way; all that was said before is there, and nothing was undecryptable."""
    ana.say(f"{turn} in")
    said.append(f"{turn} in")
    assert (await shown(host, ana, len(said)))[::-1] == said
    await host.call("sendMessage", phone=ana.number, message=f"{turn} out")
    said.append(f"{turn} out")
    await ana.inbox.wait_for(lambda received: received.text == f"{turn} out")
    assert (await shown(host, ana, len(said)))[::-1] == said
    found = await host.call("searchMessages", query=turn)
    assert sorted(row["content"] for row in found["data"]) == sorted((f"{turn} in", f"{turn} out"))


async def test_one_device_there_and_back_twice(tmp_path: Path) -> None:
    data, said = tmp_path / "data", list[str]()
    with restartable_server(PASSWORD) as server:
        async with whatsapp(tmp_path) as (simulator, endpoint):
            ana = await simulator.add_contact("Ana")
            async with host_on(endpoint, data) as host:
                device = (await host.pair(simulator))["device"]
                await speak(host, ana, said, "first")
            for turn in ("second", "third"):
                moved = await anyio.to_thread.run_sync(move, tmp_path, endpoint, server.url, "into-database")
                assert moved["linked"]
                assert moved["messages"] == len(said)
                assert not {path.name for path in (data / "default").iterdir()} & {"session.db", "messages.db"}
                ana.say(f"{turn} on the way")
                said.append(f"{turn} on the way")
                async with host_on(endpoint, data, WHATSAPP_MCP_DATABASE=server.url) as host:
                    await shown(host, ana, len(said))
                    await speak(host, ana, said, f"{turn}database")
                    assert (await host.call("appDevices"))[0]["device"] == device
                moved = await anyio.to_thread.run_sync(move, tmp_path, endpoint, server.url, "out-of-database")
                assert moved["linked"]
                assert moved["messages"] == len(said)
                assert tables(server.url, "wa_default") == tables(server.url, "mv_default") == set()
                async with host_on(endpoint, data) as host:
                    await speak(host, ana, said, f"{turn}files")
                    assert (await host.call("appDevices"))[0]["device"] == device
            assert len(simulator.phone.account.devices) <= 2
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'mv%'").fetchall() == []
