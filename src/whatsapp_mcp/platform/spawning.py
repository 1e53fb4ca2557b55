"""Starting a process that outlives who started it."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.spawning import start_detached
else:
    from whatsapp_mcp.platform.posix.spawning import start_detached

__all__ = ["start_detached"]
