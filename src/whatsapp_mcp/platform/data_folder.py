"""Where the data of a user's programs lies."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.data_folder import data_folder
else:
    from whatsapp_mcp.platform.posix.data_folder import data_folder

__all__ = ["data_folder"]
