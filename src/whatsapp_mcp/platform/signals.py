"""Signals that ask a process to stop."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.signals import INTERRUPT, TERMINATE, exit_when_terminated, handled
else:
    from whatsapp_mcp.platform.posix.signals import INTERRUPT, TERMINATE, exit_when_terminated, handled

__all__ = ["INTERRUPT", "TERMINATE", "exit_when_terminated", "handled"]
