"""The packages of the peers that run on Node: in a folder beside the project, which Git ignores.

`python -m tests.peers` installs them (`make conformance` does so too); it takes some minutes. Nothing of them is a
dependency of this project, and tests that need them are skipped where they are not. The Signal library of Baileys has
the GPL: it runs as a program of its own, and is never distributed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
_INSTALLING: Final = 540.0
"""Seconds for one peer's packages."""


class NotInstalled(Exception):
    """A peer cannot run here; the text says why."""


@dataclass(frozen=True)
class NodePeer:
    """A module of this folder in JavaScript, beside these packages."""

    name: str
    program: str
    packages: dict[str, str]
    overrides: dict[str, str]

    @property
    def folder(self) -> Path:
        return Path(os.environ.get("WHATSAPP_MCP_PEERS") or ROOT / ".tools" / "peers") / self.name

    def command(self) -> list[str]:
        """How to run it. Raises NotInstalled."""
        node = shutil.which("node")
        if node is None:
            raise NotInstalled("Node is not there")
        if not (self.folder / "installed").exists():
            raise NotInstalled(f"the packages of {self.name} are not there: python -m tests.peers")
        shutil.copy(HERE / self.program, self.folder / self.program)  # a module finds the packages beside it
        return [node, str(self.folder / self.program)]

    def install(self) -> None:
        """Fetch the packages, unless they are there. Raises NotInstalled."""
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstalled("npm is not there: install Node.js 20 or newer")
        if (self.folder / "installed").exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        wanted = {"private": True, "dependencies": self.packages, "overrides": self.overrides}
        (self.folder / "package.json").write_text(json.dumps(wanted))
        command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        try:
            done = subprocess.run(
                command, cwd=self.folder, capture_output=True, text=True, timeout=_INSTALLING, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotInstalled("npm took too long") from None
        if done.returncode:
            raise NotInstalled((done.stderr.strip() or done.stdout.strip() or f"code {done.returncode}")[-300:])
        (self.folder / "installed").touch()


_WAY: Final = {"https-proxy-agent": "7.0.6", "undici": "6.21.3"}
"""How a Node program gets to a proxy: neither WebSocket nor fetch of Node 20 looks at the environment."""

BAILEYS_7: Final = NodePeer("baileys-7", "baileys.mjs", {"@whiskeysockets/baileys": "7.0.0-rc14", **_WAY}, {})
BAILEYS_6: Final = NodePeer(
    "baileys-6",
    "baileys.mjs",
    {"@whiskeysockets/baileys": "6.17.16", **_WAY},
    # What it asks for comes from Git, not from the registry.
    {"libsignal": "6.0.0", "@whiskeysockets/eslint-config": "npm:empty-npm-package@1.0.0"},
)
BAILEYS: Final = (BAILEYS_7, BAILEYS_6)
ZAPO: Final = NodePeer(
    "zapo", "zapo.mjs", {"zapo-js": "0.3.0", "ws": "8.18.3", "https-proxy-agent": _WAY["https-proxy-agent"]}, {}
)
NODE_PEERS: Final = (*BAILEYS, ZAPO)
