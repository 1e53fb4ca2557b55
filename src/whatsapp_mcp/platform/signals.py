"""Signals that ask a process to stop."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.signals import (
        HANGUP,
        INTERRUPT,
        TERMINATE,
        exit_when_terminated,
        handled,
        unless_ignored,
    )
else:
    from whatsapp_mcp.platform.posix.signals import (
        HANGUP,
        INTERRUPT,
        TERMINATE,
        exit_when_terminated,
        handled,
        unless_ignored,
    )

__all__ = ["HANGUP", "INTERRUPT", "TERMINATE", "exit_when_terminated", "handled", "unless_ignored"]
