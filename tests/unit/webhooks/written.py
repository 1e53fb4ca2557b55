"""The file that says how far webhooks are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whatsapp_mcp.webhooks.progress import Standing, WrittenProgress


def write_progress(path: Path, standings: Mapping[str, Standing]) -> None:
    """As the deliverer leaves it."""
    written = WrittenProgress(path)
    written.note(standings)
    written.write()
