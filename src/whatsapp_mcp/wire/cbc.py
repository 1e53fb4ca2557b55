"""AES-256 in CBC mode with PKCS#7 padding: how WhatsApp encrypts media and app-state values. No authentication."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK: Final = 16
"""Bytes of a block, and of the initialisation vector."""


def encrypt(key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """The ciphertext, without the ``iv`` in front. ``key`` has 32 bytes, ``iv`` 16."""
    padder = padding.PKCS7(BLOCK * 8).padder()
    padded = padder.update(plaintext) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """The plaintext. Check a MAC over ``ciphertext`` first.

    Raises:
        ValueError: not whole blocks, or the padding is wrong: another key.
    """
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    unpadder = padding.PKCS7(BLOCK * 8).unpadder()
    return unpadder.update(padded) + unpadder.finalize()
