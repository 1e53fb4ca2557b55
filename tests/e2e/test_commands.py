"""Commands beside servers: they attach to the session process, and nobody has to stop anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import anyio

from tests.e2e.harness import Host, host_on, paired, until
from whatsapp_mcp.clock import now
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.offline.diagnosis import examine
from whatsapp_mcp.offline.diagnosis.session_process import SessionProcessStatus, session_process_status
from whatsapp_mcp.settings import Settings


async def command(data_dir: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WHATSAPP_MCP_")}
    arguments = [sys.executable, "-m", "whatsapp_mcp", name, "--data-dir", str(data_dir), *options]
    return await anyio.to_thread.run_sync(
        lambda: subprocess.run(arguments, env=kept, capture_output=True, text=True, timeout=120, check=False)
    )


async def seen(data_dir: Path) -> SessionProcessStatus:
    """What `status` sees; it costs less without a process of its own."""
    return await anyio.to_thread.run_sync(session_process_status, Settings(data_dir=data_dir))


async def attached_again(data_dir: Path, before: SessionProcessStatus) -> SessionProcessStatus:
    """What `status` sees once all servers of before are with the next session process; each looks for it by itself."""
    with anyio.fail_after(120):
        while True:
            after = await seen(data_dir)
            if after.pid != before.pid and {each.pid for each in after.clients} == {
                each.pid for each in before.clients
            }:
                return after
            await anyio.sleep(0.1)


async def test_status_reindex_export_backup_and_vacuum_beside_two_servers(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, first):
        data_dir = first.data_dir
        ana = await simulator.add_contact("Ana")
        await first.call("sendMessage", phone=ana.number, message="a needle in the hay")
        async with host_on(tmp_path / "endpoint.json", data_dir) as second:
            await second.call("appDevices")
            before = await seen(data_dir)
            assert (before.running, before.state) == (True, SessionState.CONNECTED)
            assert before.jid
            assert before.connected_since
            assert [client.kind for client in before.clients] == ["stdio", "stdio"]
            assert len({client.pid for client in before.clients}) == 2

            made = await command(data_dir, "reindex")
            assert made.returncode == 0, made.stderr
            assert " indexed in " in made.stdout
            assert f"session process {before.pid} makes the index" in made.stderr
            # Both servers go on with the next session process, and nobody has to do anything about it.
            await second.call("sendMessage", phone=ana.number, message="another needle")
            found = await first.call("searchMessages", query="needle")
            assert {row["content"] for row in found["data"]} == {"a needle in the hay", "another needle"}
            after = await attached_again(data_dir, before)

            assert "another needle" in (await command(data_dir, "export")).stdout
            kept = tmp_path / "kept.zip"
            assert (await command(data_dir, "backup", str(kept))).returncode == 0
            refused = await command(data_dir, "restore", str(kept))
            assert (refused.returncode, "in use by process" in refused.stderr) == (3, True)
            smaller = await command(data_dir, "vacuum")
            assert smaller.returncode == 0, smaller.stderr
            assert f"session process {after.pid} writes the store anew" in smaller.stderr
            await first.call("sendMessage", phone=ana.number, message="a third one, not in the backup")
            await attached_again(data_dir, after)
            examined = await anyio.to_thread.run_sync(
                lambda: examine({"data_dir": data_dir}, environment=(), now=now())
            )
            said = {check.name: check.message for check in examined.checks}
            assert "2 servers attached" in said["session-process"]
    await until(lambda: not first.session_pids(), what="the end of the session process")
    ended = await seen(data_dir)
    assert not ended.running
    assert ended.last_end is not None
    assert ended.last_end.reason == "unused"
    restored = await command(data_dir, "restore", str(kept))
    assert restored.returncode == 0, restored.stderr
    assert "login" not in restored.stderr, "the account is still linked"
    exported = (await command(data_dir, "export")).stdout
    assert "another needle" in exported
    assert "a third one" not in exported


async def told(data_dir: Path) -> tuple[int, str, int]:
    """Exit code and word of `status`, exit code of `doctor`."""
    looked, examined = await command(data_dir, "status", "--json"), await command(data_dir, "doctor")
    return looked.returncode, json.loads(looked.stdout)["standing"]["state"], examined.returncode


async def state_is(host: Host, state: str) -> None:
    with anyio.fail_after(120):
        while (await host.call("appStatus"))["state"] != state:
            await anyio.sleep(0.1)


async def test_commands_tell_the_state_as_it_is(tmp_path: Path) -> None:
    more = {"WHATSAPP_MCP_CALL_TIMEOUT": "2"}
    async with paired(tmp_path, **more) as (simulator, host):
        at = host.data_dir
        assert (await told(at))[:2] == (0, "connected")
        assert (await command(at, "doctor", "--connect")).stdout.count("WhatsApp answers, after") == 1

        simulator.faults.refuse_login(402, times=50, code=101, expire_seconds=3600)
        simulator.faults.drop()
        await state_is(host, "banned")
        assert await told(at) == (1, "banned", 1)
        simulator.faults.clear()
        await host.call("appReconnect")
        await state_is(host, "connected")

        simulator.faults.stream_error("replaced")
        await state_is(host, "replaced")
        looked = await command(at, "status", "--json")
        assert (looked.returncode, json.loads(looked.stdout)["standing"]["state"]) == (1, "replaced")
        assert (await host.refused("appLogin"))["code"] == "session_replaced"
