"""Files that the bench's world has on its media hosts: a very large document, a long history in parts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bench.as_sent import as_histories
from bench.generate import History
from whatsapp_mcp.simulator.content.attachments import UploadedMedia, upload
from whatsapp_mcp.simulator.content.compose import document
from whatsapp_mcp.simulator.people.phone import SimulatedPhone
from whatsapp_mcp.simulator.state.blobs import Blob
from whatsapp_mcp.simulator.state.media_store import MediaStore
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.media import MediaKind, Sealer
from whatsapp_mcp.wire.protos import e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

__all__ = ["Histories", "large_document"]

_PIECE = 1 << 20


def large_document(store: MediaStore, size: int) -> Message:
    """A message with a file of so many bytes, which is in memory nowhere."""
    sealer = Sealer(MediaKind.DOCUMENT)

    def file() -> Iterator[bytes]:
        piece = os.urandom(_PIECE)
        for start in range(0, size, _PIECE):
            yield sealer.update(piece[: size - start])
        yield sealer.finish()

    stored = store.add(MediaKind.DOCUMENT, Blob.of(file()))
    return document(UploadedMedia(sealer.reference(), stored.direct_path, stored.url), name="large.bin")


class Histories:
    """The parts of a history, made before anybody asks for them."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self._notices: list[Message] = []

    def __len__(self) -> int:
        return len(self._notices)

    def make(self, messages: int, last: str) -> None:
        """See `as_sent.as_histories`."""
        self._notices = [self._notice(part) for part in as_histories(History(), messages, last=last)]

    def _notice(self, part: bytes) -> Message:
        message = e2e.Message()
        message.protocolMessage.type = e2e.ProtocolMessage.HISTORY_SYNC_NOTIFICATION
        media = upload(self._store, MediaKind.HISTORY, part)
        notice = message.protocolMessage.historySyncNotification
        notice.syncType = e2e.HistorySyncType.FULL
        notice.directPath, notice.fileLength = media.direct_path, media.reference.length
        notice.fileSHA256, notice.fileEncSHA256 = media.reference.sha256, media.reference.enc_sha256
        notice.mediaKey = media.reference.media_key
        return message

    def share(self, phone: SimulatedPhone) -> None:
        """Tell the linked devices of a phone of all parts."""
        for device in list(phone.account.devices.values()):
            if not device.is_local:
                for order, notice in enumerate(self._notices, start=1):
                    notice.protocolMessage.historySyncNotification.chunkOrder = order
                    phone.send_directly(device, notice, {"id": World.new_id(), "category": "peer"})
