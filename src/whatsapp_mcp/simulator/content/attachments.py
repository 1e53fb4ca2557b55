"""Media of messages: how simulated people put a file on the media hosts, and get the one that a message points to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from whatsapp_mcp.simulator.state.blobs import Blob
from whatsapp_mcp.simulator.state.media_store import MediaStore, StoredFile
from whatsapp_mcp.wire.media import MediaError, MediaKind, MediaReference, Sealer, open_file, pieces
from whatsapp_mcp.wire.protos import e2e

MediaMessage = e2e.ImageMessage | e2e.VideoMessage | e2e.AudioMessage | e2e.DocumentMessage | e2e.StickerMessage

MEDIA_FIELDS = {
    "imageMessage": MediaKind.IMAGE,
    "videoMessage": MediaKind.VIDEO,
    "ptvMessage": MediaKind.VIDEO,
    "audioMessage": MediaKind.AUDIO,
    "documentMessage": MediaKind.DOCUMENT,
    "stickerMessage": MediaKind.IMAGE,
}
"""The parts of a message that point to a file."""


@dataclass(frozen=True, slots=True)
class UploadedMedia:
    """A file on the media hosts: what a message has to say about it."""

    kind: MediaKind
    direct_path: str
    url: str
    sha256: bytes
    length: int
    media_key: bytes = field(default=b"", repr=False)
    """Empty for the plain files of newsletters."""
    enc_sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class Attachment:
    """The file that a message points to."""

    kind: MediaKind
    direct_path: str
    sha256: bytes
    enc_sha256: bytes
    media_key: bytes = field(repr=False)
    length: int
    mimetype: str = ""

    async def download(self, store: MediaStore) -> bytes:
        """The content, decrypted; both hashes, the MAC and the length were checked.

        Raises:
            MediaError: there is no such file (any more), or it is not the one that the message describes.
        """
        stored = store.find(self.direct_path)
        if stored is None or stored.status is not HTTPStatus.OK:
            status = stored.status if stored else HTTPStatus.NOT_FOUND
            raise MediaError(f"nothing to download at {self.direct_path!r} ({status.value})")
        if stored.kind is not self.kind:
            raise MediaError(f"the file was uploaded as {stored.kind.mms_type}, the message needs {self.kind.mms_type}")
        return await asyncio.to_thread(self._open, stored)

    def _open(self, stored: StoredFile) -> bytes:
        if not stored.encrypted:
            if stored.blob.sha256 != self.sha256:
                raise MediaError("the content is not the one that was announced")
            return b"".join(stored.blob.pieces())
        reference = MediaReference(self.kind, self.media_key, self.sha256, self.enc_sha256, self.length)
        content = open_file(stored.blob.pieces(), reference)
        if self.length >= 0 and len(content) != self.length:
            raise MediaError(f"the content has {len(content)} bytes, the message says {self.length}")
        return content


def upload(store: MediaStore, kind: MediaKind, content: bytes) -> UploadedMedia:
    """Encrypt a file and put it on the media hosts. Safe in a worker thread."""
    sealer = Sealer(kind)

    def file() -> Iterator[bytes]:
        for piece in pieces(content):
            yield sealer.update(piece)
        yield sealer.finish()

    stored = store.put(kind, file())
    reference = sealer.reference()
    return UploadedMedia(
        kind,
        stored.direct_path,
        stored.url,
        reference.sha256,
        reference.length,
        media_key=reference.media_key,
        enc_sha256=reference.enc_sha256,
    )


def upload_plain(store: MediaStore, kind: MediaKind, content: bytes) -> UploadedMedia:
    """The same without encryption, for newsletters."""
    stored = store.add(kind, Blob.of(content), encrypted=False)
    return UploadedMedia(kind, stored.direct_path, stored.url, stored.blob.sha256, stored.blob.size)


def attachment_of(message: e2e.Message) -> Attachment | None:
    """The file of a message without wrappers; ``None``: it has none."""
    for name, kind in MEDIA_FIELDS.items():
        if message.HasField(name):  # type: ignore[arg-type]  # the stubs want literals
            media: MediaMessage = getattr(message, name)
            return Attachment(
                kind,
                media.directPath,
                media.fileSHA256,
                media.fileEncSHA256,
                media.mediaKey,
                media.fileLength,
                media.mimetype,
            )
    return None


def link_thumbnail_of(message: e2e.Message) -> Attachment | None:
    """The large picture of a link preview; ``None``: there is none. Its length is not told."""
    text = message.extendedTextMessage
    if not text.thumbnailDirectPath:
        return None
    return Attachment(
        MediaKind.LINK_THUMBNAIL,
        text.thumbnailDirectPath,
        text.thumbnailSHA256,
        text.thumbnailEncSHA256,
        text.mediaKey,
        -1,
        "image/jpeg",
    )
