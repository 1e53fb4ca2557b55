"""The local endpoint of an account: where its session process can be reached by programs of the same user only.

A Unix socket in the account's folder, in the user's runtime folder where that path is too long; on Windows a port on
loopback, and a secret that only who may read the folder knows. Nobody else gets an answer of any kind.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.endpoint import connect, is_listening, listen, remains
else:
    from whatsapp_mcp.platform.posix.endpoint import connect, is_listening, listen, remains

__all__ = ["connect", "is_listening", "listen", "remains"]
