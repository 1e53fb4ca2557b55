"""A lock file that one process at a time holds open; a process that it starts can go on holding it.

The system lets go of it when the last process that holds it ends, however that ends.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.account_lock import FileLock
else:
    from whatsapp_mcp.platform.posix.account_lock import FileLock

__all__ = ["FileLock"]
