"""Messages of the store as a file to keep: `whatsapp-mcp export`. Only reads, and works beside a running server."""

from __future__ import annotations

from whatsapp_mcp.offline.export.command import Format, run_export

__all__ = ["Format", "run_export"]
