"""The wheel alone, in a fresh environment: what a person has after `pip install`.

Wants a package index, or pip's cache of one. The versions are those of requirements.lock.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from tests.e2e.harness import Host, environment, whatsapp
from tests.install.artefacts import ROOT, build

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the simulator works on Linux")


def locked(folder: Path) -> Path:
    """The versions of the lock file as constraints: without hashes, which would have to be there for the wheel too."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(line.removesuffix(" \\") for line in lines if re.match(r"[a-z]", line)))
    return constraints


def installed(folder: Path) -> Path:
    """The folder of the commands."""
    folder.mkdir()
    (wheel,) = build(ROOT, folder, "wheel")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=120)
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    pip += ["--disable-pip-version-check", "--only-binary", ":all:", "--constraint", str(locked(folder)), str(wheel)]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "venv" / "bin"


def run(command: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """In another folder than this one, with nothing of ours in the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WHATSAPP_MCP_", "PYTHON"))}
    return subprocess.run(
        [str(command), *arguments],
        env=kept,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def test_the_wheel_alone(tmp_path: Path) -> None:
    """One test, for tests that share an installation may be run by workers that do not."""
    commands = installed(tmp_path / "installed")
    it_is_what_was_built_and_nothing_of_this_tree(commands, tmp_path)
    doctor_finds_no_problem_and_says_what_is_left_out(commands, tmp_path)
    the_demo_is_played(commands, tmp_path)
    await a_conversation_and_the_way_to_videos(commands, tmp_path)


def it_is_what_was_built_and_nothing_of_this_tree(commands: Path, tmp_path: Path) -> None:
    code = "import importlib.util as u, whatsapp_mcp as w; print(u.find_spec('av'), u.find_spec('pytest'), w.__file__)"
    done = run(commands / "python", "-c", code, folder=tmp_path)
    assert done.stdout.startswith(f"None None {commands.parent}"), done.stderr


def doctor_finds_no_problem_and_says_what_is_left_out(commands: Path, tmp_path: Path) -> None:
    done = run(commands / "whatsapp-mcp", "doctor", "--data-dir", str(tmp_path / "data"), folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^ok +media +not installed", done.stdout, re.MULTILINE)


async def a_conversation_and_the_way_to_videos(commands: Path, tmp_path: Path) -> None:
    """Link, send, receive; pictures work without the extra, and what does not names it."""
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        server = StdioServerParameters(
            command=str(commands / "whatsapp-web-mcp"),
            args=["stdio", "--data-dir", str(tmp_path / "data")],
            env=environment(endpoint),
        )
        async with Client(server) as client:
            host = Host(client, tmp_path / "data")
            await host.pair(simulator)
            await host.call("sendMessage", phone=ana.number, message="from a wheel")
            cursor = await host.cursor()
            ana.say("to a wheel")
            waited = await host.call("waitForMessage", cursor=cursor, timeout=40)
            assert waited["message"]["content"] == "to a wheel"
            sound = "data:audio/mpeg;base64," + "SUQzBAAAAAAAAA=="
            refused = await host.refused("sendAudio", phone=ana.number, audio=sound)
            assert (refused["code"], "whatsapp-web-mcp[media]" in refused["next_step"]) == ("not_installed", True)


def the_demo_is_played(commands: Path, tmp_path: Path) -> None:
    done = run(commands / "whatsapp-web-mcp", "demo", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Friday at 7 works for me" in done.stdout
