"""Other processes, and what the system lets this one have."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.processes import end_now, is_alive, open_files_limit
else:
    from whatsapp_mcp.platform.posix.processes import end_now, is_alive, open_files_limit

__all__ = ["end_now", "is_alive", "open_files_limit"]
