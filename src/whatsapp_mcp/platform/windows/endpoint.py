"""A port on loopback, and a file that only this user can read."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from whatsapp_mcp.platform import loopback
from whatsapp_mcp.platform.listener import Accepted, Listener
from whatsapp_mcp.platform.loopback import connect, is_listening, remains
from whatsapp_mcp.platform.windows.files import replace
from whatsapp_mcp.platform.windows.ownership import new_private_file

assert sys.platform == "win32"

__all__ = ["connect", "is_listening", "listen", "remains"]


async def listen(folder: Path, accepted: Accepted, *, limit: int) -> Listener:
    """Listen for the account in ``folder``; only for the holder of its lock, who may take a dead one's place.

    Args:
        accepted: is given the streams of everybody who connects and knows the secret.
        limit: bytes of the longest line.

    Raises:
        OSError: no port is free, or the file cannot be written.
    """
    return await loopback.listen(folder, accepted, limit=limit, write=_write)


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(new_private_file(draft), "wb") as file:
        file.write(content)
    replace(draft, path)
