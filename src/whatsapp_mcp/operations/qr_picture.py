"""The QR code of a login as a picture."""

from __future__ import annotations

import asyncio
import contextlib
import io
from pathlib import Path
from typing import Final

import segno

from whatsapp_mcp.private_files import write_private

_SCALE: Final = 6
"""Pixels per module: large enough to scan from a chat window."""
_BORDER: Final = 4
"""Modules of quiet zone that the QR standard (ISO/IEC 18004) asks for."""


async def qr_picture(text: str, path: Path, seconds: float) -> bytes:
    """A PNG. It lies at ``path`` too, for so many seconds, or until there is another one."""
    buffer = io.BytesIO()
    segno.make_qr(text).save(buffer, kind="png", scale=_SCALE, border=_BORDER)
    picture = buffer.getvalue()
    await asyncio.to_thread(write_private, path, picture)
    asyncio.get_running_loop().call_later(seconds, _remove, path, picture)
    return picture


def _remove(path: Path, picture: bytes) -> None:
    """Unless the next code has been written there meanwhile."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == picture:
            path.unlink()
