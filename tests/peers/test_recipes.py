"""What docs/simulator.md says of pointing a client at the simulator is run as it stands there."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import within_limit
from tests.peers.packages import BAILEYS_6, BAILEYS_7, ROOT, ZAPO, NodePeer, NotInstalled
from whatsapp_mcp.simulator import Simulator, SimulatorConfig

PAGE = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
SECONDS = 60.0
STATE = "/tmp/wa-state"

NO_LIBMAGIC = 'import sys, types; sys.modules.setdefault("magic", types.ModuleType("magic"))\n'
"""neonize imports it, and a machine that runs tests may not have it."""
NEONIZE = """
from neonize.client import NewClient
client = NewClient(sys.argv[1])
client.qr(lambda _client, text: print(text.decode(), flush=True))
client.connect()
"""
PYWHATS = """
import asyncio, sys
from pywhats.client import Client

async def main():
    client = Client(sys.argv[1])

    @client.on("qr")
    async def show(text):
        print(text, flush=True)

    await client.connect()
    await asyncio.sleep(60)

asyncio.run(main())
"""
BAILEYS = """
import { readFileSync } from 'node:fs'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { ProxyAgent } from 'undici'
const imported = await import('@whiskeysockets/baileys')
const { makeWASocket, useMultiFileAuthState } = imported.default?.makeWASocket ? imported.default : imported
const { state } = await useMultiFileAuthState(process.argv[2])
%s
socket.ev.on('connection.update', ({ qr }) => qr && console.log('QR ' + qr))
socket.ev.on('connection.update', ({ isNewLogin }) => isNewLogin && console.log('linked'))
"""

ZAPO_BOT = """
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
const require = createRequire(import.meta.url)
const { HttpsProxyAgent } = require('https-proxy-agent')
globalThis.WebSocket ??= require('ws').WebSocket
const { createStore, WaClient } = require('zapo-js')
let kept = null
const auth = { load: async () => kept, save: async given => { kept = given }, clear: async () => { kept = null } }
const own = { stores: { auth: () => auth }, caches: {} }
const store = createStore({ backends: { own }, providers: { auth: 'own' } })
%s
client.on('auth_qr', ({ qr }) => console.log('QR ' + qr))
await client.connect()
"""


def recipe(language: str, fits: str) -> str:
    """The block of the page in this language that has the words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (found,) = [block for block in blocks if fits in block]
    return str(found)


async def is_linked(command: list[str], simulator: Simulator, **environment: str) -> bool:
    """Run a client, scan the code that it prints, and see whether it takes that."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = await asyncio.create_subprocess_exec(
        *command, env={**kept, **environment}, stdout=subprocess.PIPE, limit=1 << 22
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            while b"2@" not in (line := await process.stdout.readline()):
                assert line, "the client ended"
            shown = line.decode()
            await simulator.phone.scan(shown[shown.index("2@") :])
        return 1 in simulator.phone.account.devices
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize(("fits", "rest"), [("replace_variable", NEONIZE), ('"HTTPS_PROXY":', PYWHATS)])
async def test_a_client_in_python(fits: str, rest: str, tmp_path: Path) -> None:
    async with within_limit(), Simulator(SimulatorConfig(state=tmp_path / "state")) as simulator:
        simulator.write_endpoint(tmp_path / "state" / "endpoint.json")
        program = tmp_path / "bot.py"
        program.write_text(NO_LIBMAGIC + recipe("python", fits).replace(STATE, str(tmp_path / "state")) + rest)
        assert await is_linked([sys.executable, str(program), str(tmp_path / "session")], simulator)


@pytest.mark.parametrize(
    ("peer", "bot", "fits"),
    [(BAILEYS_7, BAILEYS, "makeWASocket"), (BAILEYS_6, BAILEYS, "makeWASocket"), (ZAPO, ZAPO_BOT, "noiseRootCa")],
    ids=lambda given: getattr(given, "name", ""),
)
async def test_a_client_on_node(peer: NodePeer, bot: str, fits: str, tmp_path: Path) -> None:
    try:
        node, _ = peer.command()
    except NotInstalled as reason:
        pytest.skip(str(reason))
    state = tmp_path / "state"
    async with within_limit(), Simulator(SimulatorConfig(state=state)) as simulator:
        simulator.write_endpoint(state / "endpoint.json")
        program = peer.folder / f"bot-{os.getpid()}.mjs"
        program.write_text(bot % recipe("js", fits).replace(STATE, str(state)))
        command = [node, str(program), str(tmp_path / "session")]
        try:
            assert await is_linked(command, simulator, NODE_EXTRA_CA_CERTS=str(state / "ca.pem"))
        finally:
            program.unlink()


def may_unshare() -> bool:
    probe = [
        "unshare",
        "--user",
        "--map-root-user",
        "--net",
        "--mount",
        "--pid",
        "--fork",
        "ip",
        "link",
        "set",
        "lo",
        "up",
    ]
    return all(map(shutil.which, ("unshare", "ip"))) and subprocess.run(probe, check=False).returncode == 0


@pytest.mark.skipif(not may_unshare(), reason="no namespaces here")
def test_a_client_that_can_be_told_nothing(tmp_path: Path) -> None:
    """It asks https://web.whatsapp.com, by name, at port 443."""
    client = tmp_path / "client.py"
    client.write_text("import urllib.request as r; print(r.urlopen('https://web.whatsapp.com/sw.js').read().decode())")
    script = (
        recipe("sh", "unshare").replace(STATE, str(tmp_path / "state")).replace("/tmp/wa-hosts", str(tmp_path / "h"))
    )
    script = script.replace("YOUR-CLIENT", f"{sys.executable} {client}")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        ["sh", "-c", script],
        env={**environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "client_revision" in done.stdout, done.stderr
