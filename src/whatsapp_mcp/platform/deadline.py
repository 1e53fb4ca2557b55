"""The end of this process at a moment that is set in advance, and the clock by which that is."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.deadline import Deadline, boot_clock
else:
    from whatsapp_mcp.platform.posix.deadline import Deadline, boot_clock

__all__ = ["Deadline", "boot_clock"]
