"""Where a shared library that this process has loaded lies in memory."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.loaded_library import made_writable, segments
else:
    from whatsapp_mcp.platform.posix.loaded_library import made_writable, segments

__all__ = ["made_writable", "segments"]
