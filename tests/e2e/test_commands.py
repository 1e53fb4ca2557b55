"""Commands beside servers: they attach to the session process, and nobody has to stop anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio

from tests.e2e.harness import host_on, paired, until


async def command(data_dir: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WHATSAPP_MCP_")}
    arguments = [sys.executable, "-m", "whatsapp_mcp", name, "--data-dir", str(data_dir), *options]
    return await anyio.to_thread.run_sync(
        lambda: subprocess.run(arguments, env=kept, capture_output=True, text=True, timeout=120, check=False)
    )


async def test_status_reindex_export_and_doctor_beside_two_servers(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, first):
        data_dir = first.data_dir
        ana = await simulator.add_contact("Ana")
        await first.call("sendMessage", phone=ana.number, message="a needle in the hay")
        async with host_on(tmp_path / "endpoint.json", data_dir) as second:
            await second.call("appDevices")
            before = json.loads((await command(data_dir, "status", "--json")).stdout)["process"]
            assert (before["running"], before["state"]) == (True, "connected")
            assert before["jid"]
            assert before["connected_since"]
            assert [client["kind"] for client in before["clients"]] == ["stdio", "stdio"]
            assert len({client["pid"] for client in before["clients"]}) == 2

            made = await command(data_dir, "reindex")
            assert made.returncode == 0, made.stderr
            assert "messages indexed" in made.stdout.replace("message indexed", "messages indexed")
            assert f"session process {before['pid']} makes the index" in made.stderr
            # Both servers go on with the next session process, and nobody has to do anything about it.
            await second.call("sendMessage", phone=ana.number, message="another needle")
            found = await first.call("searchMessages", query="needle")
            assert {row["content"] for row in found["data"]} == {"a needle in the hay", "another needle"}
            after = json.loads((await command(data_dir, "status", "--json")).stdout)["process"]
            assert after["pid"] != before["pid"]
            assert {client["pid"] for client in after["clients"]} == {client["pid"] for client in before["clients"]}

            exported = await command(data_dir, "export")
            assert "another needle" in exported.stdout
            examined = await command(data_dir, "doctor")
            assert examined.returncode == 0, examined.stdout
            assert "2 servers attached" in examined.stdout
    await until(lambda: not first.session_pids(), what="the end of the session process")
    ended = json.loads((await command(data_dir, "status", "--json")).stdout)["process"]
    assert not ended["running"]
    assert ended["last_end"]["reason"] == "unused"
