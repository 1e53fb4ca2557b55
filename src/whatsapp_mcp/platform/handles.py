"""Descriptors that a process was started with, or keeps away from others."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.handles import (
        blocking_restorer,
        lead_nowhere,
        nobody_reads,
        private_duplicate,
        watchable,
    )
else:
    from whatsapp_mcp.platform.posix.handles import (
        blocking_restorer,
        lead_nowhere,
        nobody_reads,
        private_duplicate,
        watchable,
    )

__all__ = ["blocking_restorer", "lead_nowhere", "nobody_reads", "private_duplicate", "watchable"]
