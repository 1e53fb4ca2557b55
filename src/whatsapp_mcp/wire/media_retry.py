"""Asking the phone for a file that the media hosts have no more, and its answer.

Both are sealed with the file's media key (whatsmeow mediaretry.go, whatsapp-rust media_retry.rs).
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from whatsapp_mcp.wire.keys import hkdf
from whatsapp_mcp.wire.node import Node

NOT_FOUND: Final = 2
"""Code of an ``<error>``: the phone has no such file either."""
NOT_READ: Final = 3
"""The phone cannot open the request."""
_INFO: Final = b"WhatsApp Media Retry Notification"
_IV_SIZE: Final = 12


def _cipher(media_key: bytes) -> AESGCM:
    return AESGCM(hkdf(media_key, 32, info=_INFO))


def seal_retry(content: bytes, media_key: bytes, message_id: str) -> Node:
    """``<encrypt>`` with a serialised ``ServerErrorReceipt`` or ``MediaRetryNotification``."""
    iv = secrets.token_bytes(_IV_SIZE)
    sealed = _cipher(media_key).encrypt(iv, content, message_id.encode())
    return Node("encrypt", {}, [Node("enc_p", {}, sealed), Node("enc_iv", {}, iv)])


def open_retry(encrypt: Node, media_key: bytes, message_id: str) -> bytes | None:
    """What :func:`seal_retry` sealed; ``None``: it was sealed for another file or message, or is damaged."""
    sealed, iv = encrypt.child("enc_p"), encrypt.child("enc_iv")
    if sealed is None or iv is None or len(iv.data) != _IV_SIZE:
        return None
    try:
        return _cipher(media_key).decrypt(iv.data, sealed.data, message_id.encode())
    except InvalidTag:
        return None
