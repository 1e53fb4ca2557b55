"""What standard output and standard error can show."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.console import never_fail_on_text
else:
    from whatsapp_mcp.platform.posix.console import never_fail_on_text

__all__ = ["never_fail_on_text"]
