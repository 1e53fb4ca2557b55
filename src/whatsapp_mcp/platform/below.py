"""Files below a folder, opened and deleted without ever being led out of it."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.below import (
        is_no_path,
        is_there,
        kernel_folders,
        locate,
        open_below,
        remove_below,
    )
else:
    from whatsapp_mcp.platform.posix.below import (
        is_no_path,
        is_there,
        kernel_folders,
        locate,
        open_below,
        remove_below,
    )

__all__ = ["is_no_path", "is_there", "kernel_folders", "locate", "open_below", "remove_below"]
