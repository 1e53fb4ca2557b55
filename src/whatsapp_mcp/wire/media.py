"""Media files as they lie on WhatsApp's hosts: ciphertext and a short MAC, under keys derived from a media key.

Sources: whatsmeow download.go (MediaType, getMediaKeys, validateMedia), util/cbcutil. Everything works piece by piece,
so that a large file needs no copy of itself in memory.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from whatsapp_mcp.wire.cbc import BLOCK
from whatsapp_mcp.wire.keys import hkdf

MAC_SIZE: Final = 10
"""Bytes at the end of a file: the first ones of an HMAC-SHA256 over initialisation vector and ciphertext."""
PIECE: Final = 1 << 18
"""Bytes that are worked on at a time."""
_KEY_SIZE: Final = 32


class MediaError(ValueError):
    """The file is not the one that the reference describes."""


_ALSO: Final = {"ptt": "audio", "ptv": "video", "gif": "video", "sticker": "image"}
"""Finer names that WhatsApp Web has (zapo-js 0.3.0 media/constants.js), for kinds with the same keys."""


class MediaKind(Enum):
    """What a file is for: its keys are derived with ``info``, and media hosts call it ``mms_type``."""

    IMAGE = ("WhatsApp Image Keys", "image")
    """Stickers too."""
    VIDEO = ("WhatsApp Video Keys", "video")
    AUDIO = ("WhatsApp Audio Keys", "audio")
    DOCUMENT = ("WhatsApp Document Keys", "document")
    HISTORY = ("WhatsApp History Keys", "md-msg-hist")
    APP_STATE = ("WhatsApp App State Keys", "md-app-state")
    STICKER_PACK = ("WhatsApp Sticker Pack Keys", "sticker-pack")
    LINK_THUMBNAIL = ("WhatsApp Link Thumbnail Keys", "thumbnail-link")

    def __init__(self, info: str, mms_type: str) -> None:
        self.info = info.encode()
        self.mms_type = mms_type

    @classmethod
    def of_mms_type(cls, mms_type: str) -> MediaKind | None:
        wanted = _ALSO.get(mms_type, mms_type)
        return next((kind for kind in cls if kind.mms_type == wanted), None)


@dataclass(frozen=True, slots=True, repr=False)
class MediaKeys:
    """What a media key expands to. ``reference`` is derived but nowhere used."""

    iv: bytes
    cipher: bytes
    mac: bytes
    reference: bytes

    @classmethod
    def derive(cls, media_key: bytes, kind: MediaKind) -> MediaKeys:
        """The keys of a file.

        Raises:
            MediaError: a media key has 32 bytes.
        """
        if len(media_key) != _KEY_SIZE:
            raise MediaError(f"a media key has {_KEY_SIZE} bytes, not {len(media_key)}")
        expanded = hkdf(media_key, 112, info=kind.info)
        return cls(expanded[:16], expanded[16:48], expanded[48:80], expanded[80:])


@dataclass(frozen=True, slots=True)
class MediaReference:
    """What a message says about its file, in order to open it. The address of the file is no part of it."""

    kind: MediaKind
    media_key: bytes = field(repr=False)
    """32 bytes."""
    sha256: bytes
    """Of the content."""
    enc_sha256: bytes
    """Of the file: ciphertext and MAC."""
    length: int
    """Bytes of the content."""


class Sealer:
    """Encrypts content that comes in pieces: ``update`` … ``finish``, then :meth:`reference`."""

    def __init__(self, kind: MediaKind, *, media_key: bytes | None = None) -> None:
        self._kind = kind
        self._media_key = secrets.token_bytes(_KEY_SIZE) if media_key is None else media_key
        keys = MediaKeys.derive(self._media_key, kind)
        self._padder = padding.PKCS7(BLOCK * 8).padder()
        self._encryptor = Cipher(algorithms.AES(keys.cipher), modes.CBC(keys.iv)).encryptor()
        self._mac = hmac.new(keys.mac, keys.iv, hashlib.sha256)
        self._content_hash = hashlib.sha256()
        self._file_hash = hashlib.sha256()
        self._length = 0

    def update(self, content: bytes | memoryview) -> bytes:
        """The next part of the file for the next part of the content; perhaps empty."""
        self._length += len(content)
        self._content_hash.update(content)
        ciphertext = self._encryptor.update(self._padder.update(content))
        self._mac.update(ciphertext)
        self._file_hash.update(ciphertext)
        return ciphertext

    def finish(self) -> bytes:
        """The end of the file, with the MAC."""
        last = self._encryptor.update(self._padder.finalize()) + self._encryptor.finalize()
        self._mac.update(last)
        end = last + self._mac.digest()[:MAC_SIZE]
        self._file_hash.update(end)
        return end

    def reference(self) -> MediaReference:
        """What opens the file; after ``finish`` only."""
        return MediaReference(
            self._kind, self._media_key, self._content_hash.digest(), self._file_hash.digest(), self._length
        )


class Opener:
    """Decrypts a file that comes in pieces. Nothing of it may be trusted before ``finish`` returned."""

    def __init__(self, reference: MediaReference) -> None:
        keys = MediaKeys.derive(reference.media_key, reference.kind)
        self._reference = reference
        self._unpadder = padding.PKCS7(BLOCK * 8).unpadder()
        self._decryptor = Cipher(algorithms.AES(keys.cipher), modes.CBC(keys.iv)).decryptor()
        self._mac = hmac.new(keys.mac, keys.iv, hashlib.sha256)
        self._content_hash = hashlib.sha256()
        self._file_hash = hashlib.sha256()
        self._held = b""
        """The last bytes so far: perhaps the MAC."""

    def update(self, file: bytes | memoryview) -> bytes:
        """The next part of the content for the next part of the file; perhaps empty."""
        self._file_hash.update(file)
        joined = self._held + file
        ciphertext, self._held = joined[:-MAC_SIZE], joined[-MAC_SIZE:]
        self._mac.update(ciphertext)
        content = self._unpadder.update(self._decryptor.update(ciphertext))
        self._content_hash.update(content)
        return content

    def finish(self) -> bytes:
        """The end of the content.

        Raises:
            MediaError: a hash or the MAC does not fit, or the padding is wrong.
        """
        if not hmac.compare_digest(self._file_hash.digest(), self._reference.enc_sha256):
            raise MediaError("the file is not the one that was announced")
        if not hmac.compare_digest(self._mac.digest()[:MAC_SIZE], self._held):
            raise MediaError("the MAC of the file is wrong")
        try:
            last = self._unpadder.update(self._decryptor.finalize()) + self._unpadder.finalize()
        except ValueError:
            raise MediaError("the file cannot be decrypted") from None
        self._content_hash.update(last)
        if not hmac.compare_digest(self._content_hash.digest(), self._reference.sha256):
            raise MediaError("the content is not the one that was announced")
        return last


def pieces(data: bytes, size: int = PIECE) -> Iterator[memoryview]:
    """``data`` in parts of up to ``size`` bytes, without copying."""
    view = memoryview(data)
    return (view[start : start + size] for start in range(0, len(view), size))


def seal(content: bytes, kind: MediaKind, *, media_key: bytes | None = None) -> tuple[bytes, MediaReference]:
    """Encrypt a whole content under a fresh media key (or the given one); returns the file and what opens it."""
    sealer = Sealer(kind, media_key=media_key)
    file = b"".join([*(sealer.update(piece) for piece in pieces(content)), sealer.finish()])
    return file, sealer.reference()


def open_file(file: Iterable[bytes | memoryview], reference: MediaReference) -> bytes:
    """The content of a downloaded file, given in parts of any size, checked against both hashes and the MAC.

    Raises:
        MediaError: the file was altered or belongs to another reference.
    """
    opener = Opener(reference)
    content = bytearray()
    for part in file:
        content += opener.update(part)
    content += opener.finish()
    return bytes(content)
