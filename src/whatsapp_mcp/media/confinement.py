"""What a decoder process may use: set by itself, before it opens anything. What each system can limit:
``platform.own_limits``; the server's own deadline ends the process in any case.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.media import limits
from whatsapp_mcp.platform import own_limits

ENVIRONMENT: Final = {
    "MALLOC_ARENA_MAX": "1",  # every arena of glibc would take 64 MiB of addresses
    "HF_HUB_OFFLINE": "1",  # what loads a model takes it from this machine or not at all
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Has to be there when the process starts."""


def begin(parent: int) -> None:
    """For the whole life of the process.

    Args:
        parent: process id of the server.
    """
    own_limits.begin(parent, open_files=limits.DECODER_FILES)


class Meter:
    """Grants memory and time, job by job."""

    def __init__(self) -> None:
        self._ground = own_limits.memory_in_use()

    def loaded(self, before: int) -> None:
        """A library was loaded; what it took does not count as a job's memory."""
        self._ground += self.now() - before

    @staticmethod
    def now() -> int:
        return own_limits.memory_in_use()

    def grant(self, *, cpu_seconds: int, file_bytes: int, memory: int) -> None:
        """From now on: so much CPU time, files of that size, and the memory of one job."""
        most = self._ground + memory if self._ground else None
        own_limits.allow(memory=most, cpu_seconds=cpu_seconds, file_bytes=file_bytes)
