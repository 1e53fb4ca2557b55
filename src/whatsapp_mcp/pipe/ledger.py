"""What the session processes of an account did, in a file: it outlives each of them.

Only the holder of the account's lock writes it. Where it cannot be read, an account has no past.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from whatsapp_mcp.pipe.lines import Ended, EndReason
from whatsapp_mcp.private_files import write_private

BACK_OFF: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before the n-th restart in a row."""
STABLE_AFTER: Final = timedelta(seconds=60)
"""A session that was connected this long starts the count again."""
PATIENCE: Final = 30
"""Sessions in a row that were connected, though not for long, after which the pauses begin to grow. What ends them may
be what other people send; the account is not to be away for that, and yet must not log in every second all day."""

ON_REQUEST: Final = frozenset[EndReason](
    {
        "stopped",
        "restart",
        "unused",
        "retired",
        "logged_out_here",
        "moved",
        "held_elsewhere",
        "lease_lost",
        "no_database",
    }
)
"""Ends that somebody asked for, or that are for another node to go on: nothing is wrong with the account."""


class Ledger(BaseModel):
    """The process that runs, or the last one; and how many in a row did not live long."""

    pid: int = 0
    version: str = ""
    """Of this program."""
    started_at: datetime | None = None
    connected_at: datetime | None = None
    ended: Ended | None = None
    """Why it ended; None while it runs, and after a crash."""
    ended_at: datetime | None = None
    restarts: int = 0
    """How often a process ended by itself."""
    failures: int = 0
    """Ends in a row before the session was connected."""
    short_lives: int = 0
    """Ends in a row soon after it was connected."""
    erase: bool = False
    """The session has to be deleted before anything else is done."""
    erase_messages: bool = False
    """And the messages."""

    @classmethod
    def read(cls, path: Path) -> Ledger:
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            return cls()

    def write(self, path: Path) -> None:
        """Raises OSError."""
        write_private(path, self.model_dump_json(indent=1).encode() + b"\n")

    @property
    def is_open(self) -> bool:
        """A process was started, and did not say that it ended."""
        return self.started_at is not None and self.ended is None

    def start(self, pid: int, version: str, now: datetime) -> None:
        self.pid, self.version, self.started_at = pid, version, now
        self.connected_at = self.ended = self.ended_at = None

    def connect(self, now: datetime) -> None:
        self.connected_at = now
        self.failures = 0

    def end(self, ended: Ended, now: datetime) -> None:
        self.ended, self.ended_at = ended, now
        if ended.reason in ON_REQUEST:
            self.forgive()
            return
        self.restarts += 1
        if self.connected_at is None:
            self.failures += 1
            return
        if now - self.connected_at > STABLE_AFTER:
            self.short_lives = 0
        self.short_lives += 1

    def forgive(self) -> None:
        """Count from zero."""
        self.failures = self.short_lives = 0

    def pause(self, now: datetime) -> float:
        """Seconds to wait before the next start: longer after each failure in a row to connect; none, for a good while,
        after sessions that were connected."""
        if self.ended is None or self.ended_at is None or self.ended.reason in ON_REQUEST:
            return 0.0
        position = self.failures - 1 if self.failures else self.short_lives - 1 - PATIENCE
        pause = BACK_OFF[min(max(position, 0), len(BACK_OFF) - 1)]
        # A clock that was set back is not waited for.
        return min(pause, max(0.0, pause - (now - self.ended_at).total_seconds()))
