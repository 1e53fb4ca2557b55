"""What this process may use from now on: set by itself, for work on what strangers sent.

Linux has all of the limits. Where one is missing the others still hold, and whoever started the process has a deadline
of its own. macOS does not enforce a limit on memory. Windows has none on open files and on the size of a file, and no
more than user time counts; its job objects are used without having been seen at work: wine accepts them and limits
nothing.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.own_limits import allow, begin, memory_in_use, ran_out_of_time
else:
    from whatsapp_mcp.platform.posix.own_limits import allow, begin, memory_in_use, ran_out_of_time

__all__ = ["allow", "begin", "memory_in_use", "ran_out_of_time"]
