"""What a host cannot ask waits for its owner at a terminal; limits and a wrong policy.toml, through MCP."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio

from tests.e2e.harness import environment, paired

Json = dict[str, Any]


async def approve(data_dir: Path, code: str, *options: str) -> None:
    """What a person does: read the question, type the end of the code."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "whatsapp_mcp", "approve", "--data-dir", str(data_dir), code, *options]
    with subprocess.Popen(
        command, env=environment(Path("unused")), stdin=theirs, stdout=theirs, stderr=subprocess.PIPE
    ) as running:
        os.write(ours, f"{code[-4:]}\n".encode())
        _, said = await anyio.to_thread.run_sync(lambda: running.communicate(timeout=60))
    os.close(ours)
    os.close(theirs)
    assert running.returncode == 0, said


async def test_the_owner_approves_at_a_terminal_and_the_policy_is_read_again(tmp_path: Path) -> None:
    async with paired(tmp_path, WHATSAPP_MCP_POLICY="careful") as (simulator, host):
        ana = await simulator.add_contact("Ana")
        policy = tmp_path / "data" / "default" / "policy.toml"
        policy.write_text('[ask]\nother_chat = "always"\nfirst_contact = "never"\n')
        call: Json = {"phone": ana.number, "message": "hello"}

        asked = await host.refused("sendMessage", **call)
        assert asked["code"] == "confirmation_needed"
        code = asked["details"]["approval_code"]
        assert (await host.refused("sendMessage", **call))["details"]["approval_code"] == code
        await approve(tmp_path / "data", code)
        other = await host.refused("sendMessage", **call | {"message": "something else"})
        assert other["details"]["approval_code"] != code
        await host.call("sendMessage", **call)
        assert (await ana.wait_for_message()).text == "hello"
        again = await host.refused("sendMessage", **call)
        assert again["details"]["approval_code"] != code  # it was used up

        await approve(tmp_path / "data", again["details"]["approval_code"], "--always")
        await host.call("sendMessage", **call)
        await host.call("sendMessage", **call | {"message": "never asked again"})

        policy.write_text("[limits]\nsends_per_minute = 3\nsends_per_hour = 4\n")
        full = await host.refused("sendMessage", **call)
        assert (full["code"], full["details"]["limit"]) == ("rate_limited", "sends_per_minute")
        assert 0 < full["details"]["retry_after_seconds"] <= 60

        policy.write_text("[limits]\nsends_per_minut = 3\n")
        wrong = await host.refused("sendMessage", **call)
        assert wrong["code"] == "setup_error"
        assert "did you mean sends_per_minute?" in wrong["message"]
        await host.call("listChats")
