"""The record of the stanzas that neonize sends and gets: of their shapes alone, for a bug report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whatsapp_mcp.wire.shape_record import ShapeRecord


def recording(path: str) -> ShapeRecord | None:
    """A record in that file; None where none is wanted, so that whatsmeow need not log every stanza."""
    if not path:
        return None
    from whatsapp_mcp.wire.shape_record import ShapeRecord  # 15 ms of each start of a session process

    return ShapeRecord(Path(path))
