"""The files that are sent, made here: a picture, one second of sound, a document."""

from __future__ import annotations

import base64
import io
import math
import struct
import wave
from typing import Final

import segno

DOCUMENT_NAME: Final = "whatsapp-mcp-verify.txt"
_RATE: Final = 16_000


def picture() -> bytes:
    """PNG."""
    written = io.BytesIO()
    segno.make_qr("whatsapp-mcp verify").save(written, kind="png", scale=8)
    return written.getvalue()


def sound() -> bytes:
    """WAV: a second of a quiet tone."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        tone = (round(6_000 * math.sin(2 * math.pi * 440 * moment / _RATE)) for moment in range(_RATE))
        file.writeframes(b"".join(struct.pack("<h", value) for value in tone))
    return written.getvalue()


def document(mark: str) -> bytes:
    """Text."""
    return f"whatsapp-mcp verify {mark}\nThis file may be deleted.\n".encode()


def as_data(content: bytes, mime_type: str) -> str:
    """As tools take it."""
    return f"data:{mime_type};base64,{base64.b64encode(content).decode()}"
