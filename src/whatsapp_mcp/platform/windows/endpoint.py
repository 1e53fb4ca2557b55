"""A port on loopback, and a file that only this user can read."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from pathlib import Path

from whatsapp_mcp.platform import loopback
from whatsapp_mcp.platform.listener import Accepted, Listener

assert sys.platform == "win32"


async def listen(folder: Path, accepted: Accepted, *, limit: int) -> Listener:
    """Listen for the account in ``folder``; only for the holder of its lock, who may take a dead one's place.

    Args:
        accepted: is given the streams of everybody who connects and knows the secret.
        limit: bytes of the longest line.

    Raises:
        OSError: no port is free, or the file cannot be written.
    """
    return await loopback.listen(folder, accepted, limit=limit, write=_write)


async def connect(folder: Path, *, limit: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """The streams to who listens for the account; None when nobody does."""
    return await loopback.connect(folder, limit=limit)


def is_listening(folder: Path) -> bool:
    """Whether somebody accepts connections there; nothing is asked."""
    return loopback.is_listening(folder)


def remains(folder: Path) -> Path | None:
    """The file of the endpoint, alive or left behind; None when there is none."""
    return loopback.remains(folder)


def _write(path: Path, content: bytes) -> None:
    from whatsapp_mcp.platform.windows.files import replace
    from whatsapp_mcp.platform.windows.ownership import new_private_file

    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(new_private_file(draft), "wb") as file:
        file.write(content)
    replace(draft, path)
