"""The folder of a simulator, and those that killed ones left."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.simulator.network.own_folder import PREFIX, OwnFolder

PROGRAM = """
import os, signal, sys
from pathlib import Path
from whatsapp_mcp.simulator.network.own_folder import OwnFolder
print(OwnFolder.make(Path(sys.argv[1])).path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_one_left_is_removed_by_the_next(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=CHILD_LIMIT
    )
    assert killed.returncode == -signal.SIGKILL
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    mine, other = OwnFolder.make(tmp_path), OwnFolder.make(tmp_path)
    assert not left.exists()
    assert mine.path.is_dir(), "whose simulator lives keeps it"
    for folder in (mine, other):
        folder.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_simulators_stays(tmp_path: Path) -> None:
    starting, other = tmp_path / f"{PREFIX}starting", tmp_path / "other"
    for folder in (starting, other):
        folder.mkdir()
    OwnFolder.make(tmp_path).remove()
    assert starting.is_dir()
    assert other.is_dir()
