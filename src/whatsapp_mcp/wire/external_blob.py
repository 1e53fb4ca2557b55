"""App state that is too large for a stanza: an encrypted file on a media host and an ``ExternalBlobReference`` to it.

Snapshots always travel so, and the mutations of a very large patch. The file is what media files are: ciphertext and a
short MAC, under keys derived from the media key. Source: whatsmeow download.go (downloadAndDecrypt), mediakeys in
download.go, appstate/decode.go (downloadExternal).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final, NamedTuple

from whatsapp_mcp.wire import cbc
from whatsapp_mcp.wire.keys import hkdf
from whatsapp_mcp.wire.protos import server_sync

__all__ = ["MMS_TYPE", "BlobError", "SealedBlob", "open_blob", "seal_blob"]

MMS_TYPE: Final = "md-app-state"
"""What media hosts call this kind of file."""

_INFO: Final = b"WhatsApp App State Keys"
_MAC_SIZE: Final = 10


class BlobError(ValueError):
    """The downloaded file is not the one that the reference describes."""


class SealedBlob(NamedTuple):
    """A file for a media host, and the reference to it (its ``directPath`` is still empty)."""

    file: bytes
    reference: server_sync.ExternalBlobReference


class _Keys(NamedTuple):
    iv: bytes
    cipher: bytes
    mac: bytes


def seal_blob(plaintext: bytes) -> SealedBlob:
    """Encrypt ``plaintext`` under a fresh media key."""
    media_key = secrets.token_bytes(32)
    keys = _derive(media_key)
    ciphertext = cbc.encrypt(keys.cipher, keys.iv, plaintext)
    file = ciphertext + _mac(keys, ciphertext)
    reference = server_sync.ExternalBlobReference(
        mediaKey=media_key,
        fileSizeBytes=len(plaintext),
        fileSHA256=hashlib.sha256(plaintext).digest(),
        fileEncSHA256=hashlib.sha256(file).digest(),
    )
    return SealedBlob(file, reference)


def open_blob(file: bytes, reference: server_sync.ExternalBlobReference) -> bytes:
    """The plaintext of a downloaded file, checked against both hashes and the MAC.

    Raises:
        BlobError: the file was altered or belongs to another reference.
    """
    if len(reference.mediaKey) != 32:
        raise BlobError("the reference has no media key")
    if not hmac.compare_digest(hashlib.sha256(file).digest(), reference.fileEncSHA256):
        raise BlobError("the file is not the one that was announced")
    keys = _derive(reference.mediaKey)
    ciphertext, mac = file[:-_MAC_SIZE], file[-_MAC_SIZE:]
    if not hmac.compare_digest(mac, _mac(keys, ciphertext)):
        raise BlobError("the MAC of the file is wrong")
    try:
        plaintext = cbc.decrypt(keys.cipher, keys.iv, ciphertext)
    except ValueError:
        raise BlobError("the file cannot be decrypted") from None
    if reference.fileSHA256 and not hmac.compare_digest(hashlib.sha256(plaintext).digest(), reference.fileSHA256):
        raise BlobError("the content is not the one that was announced")
    return plaintext


def _derive(media_key: bytes) -> _Keys:
    expanded = hkdf(media_key, 112, info=_INFO)
    return _Keys(iv=expanded[:16], cipher=expanded[16:48], mac=expanded[48:80])


def _mac(keys: _Keys, ciphertext: bytes) -> bytes:
    return hmac.digest(keys.mac, keys.iv + ciphertext, "sha256")[:_MAC_SIZE]
