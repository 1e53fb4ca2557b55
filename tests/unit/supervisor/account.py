"""An account folder for the manager's tests: what its session processes do, and what they did."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.unit.session_db.session_database import link_device
from tests.unit.supervisor import fake_process
from whatsapp_mcp.platform.processes import is_alive
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.manager import SessionManager

COMMAND = (sys.executable, "-S", "-E", fake_process.__file__)


class TestAccount:
    """``behaviours``: what the first, second, … session process does; the last one repeats (see fake_process)."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder, connect_wait=60, call_timeout=60, session_linger=0)
        self.folder = self.settings.account_dir
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "script.json").exists():
            self.will("connect")

    def will(self, *behaviours: str) -> None:
        (self.folder / "script.json").write_text(json.dumps(behaviours))

    def link_device(self) -> None:
        link_device(self.settings.session_db)

    def touch(self, name: str) -> None:
        (self.folder / name).touch()

    def manager(self, **changes: Any) -> SessionManager:
        settings = self.settings.model_copy(update=changes)
        return SessionManager(settings, command=COMMAND)

    # -- what happened ------------------------------------------------------------------------------------------------

    def journal(self) -> list[dict[str, Any]]:
        path = self.folder / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def happened(self) -> list[str]:
        return [entry["what"] for entry in self.journal()]

    @property
    def starts(self) -> int:
        return sum(entry["what"] == "start" for entry in self.journal())

    @property
    def calls(self) -> list[str]:
        return [entry["command"] for entry in self.journal() if entry["what"] == "call"]

    def alive(self) -> list[int]:
        """Processes that were started and are there still (ended ones are reaped by asyncio)."""
        return [pid for pid in {entry["pid"] for entry in self.journal()} if _is_alive(pid)]


def _is_alive(pid: int) -> bool:
    if not is_alive(pid):
        return False
    if sys.platform != "linux":
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it has gone meanwhile
        return False
    # A process whose parent was killed may stay a zombie where nobody reaps.
    return status.rpartition(")")[2].split()[0] != "Z"
