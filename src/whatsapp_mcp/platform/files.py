"""Files that others have open, bytes at a place, and when they are on the disk."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.files import (
        REMOVABLE_WHILE_OPEN,
        is_deleted,
        open_shared,
        remove,
        replace,
        reserve,
        sync,
        write_at,
    )
else:
    from whatsapp_mcp.platform.posix.files import (
        REMOVABLE_WHILE_OPEN,
        is_deleted,
        open_shared,
        remove,
        replace,
        reserve,
        sync,
        write_at,
    )

__all__ = ["REMOVABLE_WHILE_OPEN", "is_deleted", "open_shared", "remove", "replace", "reserve", "sync", "write_at"]
