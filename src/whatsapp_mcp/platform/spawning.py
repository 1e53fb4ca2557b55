"""Starting a process that outlives who started it, and ending one that hangs."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.spawning import end_process, start_detached
else:
    from whatsapp_mcp.platform.posix.spawning import end_process, start_detached

__all__ = ["end_process", "start_detached"]
