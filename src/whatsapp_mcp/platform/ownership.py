"""Whether a file is the user's alone: who owns it, who else may read or change it."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.ownership import (
        close_folder_to_others,
        close_to_others,
        how_to_close,
        make_private_folder,
        new_private_file,
        not_ours_alone,
        open_private_file,
        open_private_log,
        others_may_change,
        others_may_read,
    )
else:
    from whatsapp_mcp.platform.posix.ownership import (
        close_folder_to_others,
        close_to_others,
        how_to_close,
        make_private_folder,
        new_private_file,
        not_ours_alone,
        open_private_file,
        open_private_log,
        others_may_change,
        others_may_read,
    )

__all__ = [
    "close_folder_to_others",
    "close_to_others",
    "how_to_close",
    "make_private_folder",
    "new_private_file",
    "not_ours_alone",
    "open_private_file",
    "open_private_log",
    "others_may_change",
    "others_may_read",
]
