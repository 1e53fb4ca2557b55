"""The clients, and where their packages are: in a folder of the user's cache, one below it for each client.

Nothing of them is a dependency of this project. What is installed stays there for the next time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
_INSTALLING: Final = 480.0
"""Seconds for one client's packages."""


class NotInstalled(Exception):
    """Packages that cannot be had here; the text says why."""


def cache_folder() -> Path:
    given = os.environ.get("WHATSAPP_MCP_CLIENTS")
    return Path(given) if given else user_cache_path("whatsapp-mcp-clients")


@dataclass(frozen=True)
class PythonClient:
    """A module of this folder, run in an environment with these packages."""

    name: str
    program: str
    packages: tuple[str, ...]

    def command(self) -> list[str]:
        """Install what is missing, and say how to run it. Raises NotInstalled."""
        folder = cache_folder() / _folder_name(self.packages)
        python = folder / "bin" / "python"
        if not (folder / "installed").exists():
            _run([sys.executable, "-m", "venv", "--clear", str(folder)])
            _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *self.packages])
            (folder / "installed").touch()
        return [str(python), "-m", f"tests.clients.{self.program}"]


@dataclass(frozen=True)
class NodeClient:
    """A module of this folder in JavaScript, beside these packages; or a Python program that is told where they are."""

    name: str
    program: str
    packages: tuple[str, ...]
    arguments: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """Install what is missing, and say how to run it. Raises NotInstalled."""
        folder = cache_folder() / _folder_name(self.packages)
        npm = shutil.which("npm")
        if npm is None:
            raise NotInstalled("npm is not there: install Node.js")
        if not (folder / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            _run([npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", *self.packages])
            (folder / "installed").touch()
        tools = folder / "node_modules" / ".bin"
        if not self.program.endswith(".mjs"):
            return [sys.executable, "-m", f"tests.clients.{self.program}", str(tools)]
        for module in HERE.glob("*.mjs"):  # a module finds the packages that lie beside it
            shutil.copy(module, folder / module.name)
        return [str(tools / "node"), str(folder / self.program), *self.arguments]


_NODE: Final = "node@22"
_TYPESCRIPT_2: Final = (_NODE, "@modelcontextprotocol/client@2.4.0")

CLIENTS: Final[tuple[PythonClient | NodeClient, ...]] = (
    NodeClient("typescript-sdk-1", "typescript_1_client.mjs", (_NODE, "@modelcontextprotocol/sdk@1.32.2")),
    NodeClient("typescript-sdk-2", "typescript_2_client.mjs", _TYPESCRIPT_2),
    NodeClient("typescript-sdk-2-auto", "typescript_2_client.mjs", _TYPESCRIPT_2, ("auto",)),
    NodeClient("inspector", "inspector_client", (_NODE, "@modelcontextprotocol/inspector@2.12.0")),
    PythonClient("fastmcp", "fastmcp_client", ("fastmcp==4.2.3",)),
    PythonClient("openai-agents", "openai_agents_client", ("openai-agents==0.24.0",)),
    PythonClient("langchain", "langchain_client", ("langchain-mcp-adapters==0.3.2",)),
    PythonClient("pydantic-ai", "pydantic_ai_client", ("pydantic-ai-slim[mcp]==2.68.0",)),
)


def _folder_name(packages: tuple[str, ...]) -> str:
    return "+".join(packages).replace("/", "-")


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALLING, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{command[0]} took too long") from None
    if done.returncode:
        raise NotInstalled((done.stderr.strip() or done.stdout.strip() or f"code {done.returncode}")[-300:])
