"""The QR code of a login as a picture, and as lines of characters."""

from __future__ import annotations

import io
from typing import Final

QR_FILE_NAME: Final = "login-qr.png"
"""In the account's folder."""
_SCALE: Final = 6
"""Pixels per module: large enough to scan from a chat window."""
_BORDER: Final = 4
"""Modules of quiet zone that the QR standard (ISO/IEC 18004) asks for."""


_BLOCKS: Final = " ▄▀█"


def qr_picture(text: str) -> bytes:
    """A PNG."""
    import segno  # 15 ms that no start has to wait for

    buffer = io.BytesIO()
    segno.make_qr(text).save(buffer, kind="png", scale=_SCALE, border=_BORDER)
    return buffer.getvalue()


def qr_lines(text: str, encoding: str) -> list[str]:
    """A QR code as lines of characters: two modules a block, or two ``#`` a module where a console has no blocks."""
    import segno

    rows = [[bool(cell) for cell in row] for row in segno.make_qr(text).matrix_iter(border=2)]
    try:
        _BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ["".join("  " if cell else "##" for cell in row) for row in rows]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    return [
        "".join(_BLOCKS[2 * (not up) + (not low)] for up, low in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]
