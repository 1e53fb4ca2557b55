"""Media of messages: how simulated people put a file on the media hosts, and get the one that a message points to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
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

    reference: MediaReference
    """Without key for the plain files of newsletters."""
    direct_path: str
    url: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """The file that a message points to."""

    reference: MediaReference
    direct_path: str
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
        wanted = self.reference.kind
        if stored.kind is not wanted:
            raise MediaError(f"the file was uploaded as {stored.kind.mms_type}, the message needs {wanted.mms_type}")
        return await asyncio.to_thread(self._open, stored)

    def _open(self, stored: StoredFile) -> bytes:
        if not self.reference.media_key:  # of a newsletter
            if stored.blob.sha256 != self.reference.sha256:
                raise MediaError("the content is not the one that was announced")
            return b"".join(stored.blob.pieces())
        content, length = open_file(stored.blob.pieces(), self.reference), self.reference.length
        if length >= 0 and len(content) != length:
            raise MediaError(f"the content has {len(content)} bytes, the message says {length}")
        return content


def upload(store: MediaStore, kind: MediaKind, content: bytes) -> UploadedMedia:
    """Encrypt a file and put it on the media hosts. Safe in a worker thread."""
    sealer = Sealer(kind)

    def file() -> Iterator[bytes]:
        for piece in pieces(content):
            yield sealer.update(piece)
        yield sealer.finish()

    stored = store.add(kind, Blob.of(file()))
    return UploadedMedia(sealer.reference(), stored.direct_path, stored.url)


def upload_plain(store: MediaStore, kind: MediaKind, content: bytes) -> UploadedMedia:
    """The same without encryption, for newsletters."""
    stored = store.add(kind, Blob.of([content]), encrypted=False)
    reference = MediaReference(kind, b"", stored.blob.sha256, b"", stored.blob.size)
    return UploadedMedia(reference, stored.direct_path, stored.url)


def attachment_of(message: e2e.Message) -> Attachment | None:
    """The file of a message without wrappers; ``None``: it has none."""
    for name, kind in MEDIA_FIELDS.items():
        if message.HasField(name):  # type: ignore[arg-type]  # the stubs want literals
            media: MediaMessage = getattr(message, name)
            reference = MediaReference(kind, media.mediaKey, media.fileSHA256, media.fileEncSHA256, media.fileLength)
            return Attachment(reference, media.directPath, media.mimetype)
    return None


def link_thumbnail_of(message: e2e.Message) -> Attachment | None:
    """The large picture of a link preview; ``None``: there is none. Its length is not told."""
    text = message.extendedTextMessage
    if not text.thumbnailDirectPath:
        return None
    reference = MediaReference(
        MediaKind.LINK_THUMBNAIL, text.mediaKey, text.thumbnailSHA256, text.thumbnailEncSHA256, -1
    )
    return Attachment(reference, text.thumbnailDirectPath, "image/jpeg")
