"""WhatsApp's padding of every plaintext before Signal encrypts it (whatsmeow message.go: padMessage, unpadMessage)."""

from __future__ import annotations

import secrets

from whatsapp_mcp.simulator.signal.signal_errors import SignalError


def pad(plaintext: bytes) -> bytes:
    """Append n bytes of value n, n random in 1..15."""
    size = 1 + secrets.randbelow(15)
    return plaintext + bytes([size]) * size


def unpad(plaintext: bytes) -> bytes:
    """Take off what ``pad`` appended.

    Raises:
        SignalError: the end is not such a padding.
    """
    size = plaintext[-1] if plaintext else 0
    if size == 0 or not plaintext.endswith(bytes([size]) * size):
        raise SignalError("the plaintext is not padded")
    return plaintext[:-size]
