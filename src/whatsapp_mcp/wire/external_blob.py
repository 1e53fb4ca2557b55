"""App state that is too large for a stanza: a media file and an ``ExternalBlobReference`` to it.

Snapshots always travel so, and the mutations of a very large patch. Source: whatsmeow appstate/decode.go
(downloadExternal).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from whatsapp_mcp.wire.media import MediaError, MediaKind, MediaReference, open_file, seal
from whatsapp_mcp.wire.protos import server_sync

__all__ = ["MMS_TYPE", "MediaError", "SealedBlob", "open_blob", "seal_blob"]

MMS_TYPE: Final = MediaKind.APP_STATE.mms_type
"""What media hosts call this kind of file."""


class SealedBlob(NamedTuple):
    """A file for a media host, and the reference to it (its ``directPath`` is still empty)."""

    file: bytes
    reference: server_sync.ExternalBlobReference


def seal_blob(plaintext: bytes) -> SealedBlob:
    """Encrypt ``plaintext`` under a fresh media key."""
    file, opens = seal(plaintext, MediaKind.APP_STATE)
    reference = server_sync.ExternalBlobReference(
        mediaKey=opens.media_key,
        fileSizeBytes=opens.length,
        fileSHA256=opens.sha256,
        fileEncSHA256=opens.enc_sha256,
    )
    return SealedBlob(file, reference)


def open_blob(file: bytes, reference: server_sync.ExternalBlobReference) -> bytes:
    """The plaintext of a downloaded file, checked against both hashes and the MAC.

    Raises:
        MediaError: the file was altered or belongs to another reference.
    """
    opens = MediaReference(
        MediaKind.APP_STATE,
        reference.mediaKey,
        reference.fileSHA256,
        reference.fileEncSHA256,
        reference.fileSizeBytes,
    )
    return open_file([file], opens)
