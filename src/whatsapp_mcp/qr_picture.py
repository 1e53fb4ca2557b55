"""The QR code of a login as a picture."""

from __future__ import annotations

import io
from typing import Final

QR_FILE_NAME: Final = "login-qr.png"
"""In the account's folder."""
_SCALE: Final = 6
"""Pixels per module: large enough to scan from a chat window."""
_BORDER: Final = 4
"""Modules of quiet zone that the QR standard (ISO/IEC 18004) asks for."""


def qr_picture(text: str) -> bytes:
    """A PNG."""
    import segno  # 15 ms that no start has to wait for

    buffer = io.BytesIO()
    segno.make_qr(text).save(buffer, kind="png", scale=_SCALE, border=_BORDER)
    return buffer.getvalue()
