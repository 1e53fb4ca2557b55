"""Which machine this is."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.machine import boot_id
else:
    from whatsapp_mcp.platform.posix.machine import boot_id

__all__ = ["boot_id"]
