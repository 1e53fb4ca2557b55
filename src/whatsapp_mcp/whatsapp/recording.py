"""The record of the stanzas that neonize sends and gets: of their shapes alone, for a bug report."""

from __future__ import annotations

from pathlib import Path

from whatsapp_mcp.wire.shape_record import ShapeRecord


def recording(path: str) -> ShapeRecord | None:
    """A record in that file; None where none is wanted, so that whatsmeow need not log every stanza."""
    return ShapeRecord(Path(path)) if path else None
