"""Makes dist/whatsapp-web-mcp-VERSION.mcpb: checked and packed by `@anthropic-ai/mcpb`, which npx fetches.

python packaging/mcpb/build.py           `make mcpb` does it
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
HERE: Final = Path(__file__).resolve().parent
TOOL: Final = "@anthropic-ai/mcpb@2.1.2"
PATIENCE: Final = 600.0
"""Seconds for a step; the first fetches the tool."""


def stage(folder: Path) -> None:
    """All that the bundle holds: the host's uv installs the rest by pyproject.toml."""
    for name in ("manifest.json", "server.py"):
        shutil.copy(HERE / name, folder)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))


def main() -> int:
    version = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))["version"]
    bundle = ROOT / "dist" / f"whatsapp-web-mcp-{version}.mcpb"
    bundle.parent.mkdir(exist_ok=True)
    tool = os.environ.get("MCPB", "")
    command = [tool] if tool else ["npx", "--yes", TOOL]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "bundle"
        folder.mkdir()
        stage(folder)
        for step in (["validate", "manifest.json"], ["pack", ".", str(bundle)]):
            done = subprocess.run([*command, *step], cwd=folder, timeout=PATIENCE, check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
