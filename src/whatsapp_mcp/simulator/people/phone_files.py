"""The phone's side of asking for files again: it uploads once more what the media hosts have no more (whatsmeow
mediaretry.go: SendMediaRetryReceipt; whatsapp-rust media_retry.rs)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.content.attachments import Attachment, attachment_of
from whatsapp_mcp.simulator.content.compose import unwrap
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.media_store import StoredFile
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.media_retry import NOT_FOUND, NOT_READ, open_retry, seal_retry
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e, mms_retry

log = logging.getLogger(__name__)

Remembered = Callable[[Jid, str], e2e.Message | None]
"""The message of a chat with this id."""


class PhoneFiles:
    """Answers receipts of the type ``server-error`` about messages that the phone remembers."""

    def __init__(self, world: World, remembered: Remembered) -> None:
        self._world = world
        self._remembered = remembered
        self.has_files = True
        """Switch off to see a phone whose owner has deleted them."""

    def handle_request(self, device: SimDevice, receipt: Node) -> None:
        """``<rmr jid from_me participant>`` says which message is meant; the answer has it again."""
        about = receipt.child("rmr")
        chat = about.jid("jid") if about is not None else None
        if about is None or chat is None:
            log.warning("%r asks for the file of no message: %s", device, receipt.xml())
            return
        attrs: dict[str, Attr] = {"type": "mediaretry", "id": receipt.get("id"), "t": self._world.now()}
        attrs["from"] = device.name_of(device.account).bare
        answer = self._answer(chat, receipt)
        device.deliver(Node("notification", attrs, [answer, about]))

    def _answer(self, chat: Jid, receipt: Node) -> Node:
        message_id, sealed = receipt.get("id"), receipt.child("encrypt")
        message = self._remembered(chat, message_id)
        media = attachment_of(unwrap(message)) if message is not None else None
        stored = self._world.media.find(media.direct_path) if media is not None and self.has_files else None
        if media is None or stored is None:
            return _error(NOT_FOUND)
        # Without anything sealed the phone answers too (Baileys messages-media.ts: encryptMediaRetryRequest).
        if sealed is not None and open_retry(sealed, media.reference.media_key, message_id) is None:
            return _error(NOT_READ)
        return self._again(media, stored, message_id)

    def _again(self, media: Attachment, stored: StoredFile, message_id: str) -> Node:
        uploaded = self._world.media.add(stored.kind, stored.blob)
        told = mms_retry.MediaRetryNotification(
            stanzaID=message_id,
            directPath=uploaded.direct_path,
            result=mms_retry.MediaRetryNotification.SUCCESS,
        )
        return seal_retry(told.SerializeToString(), media.reference.media_key, message_id)


def _error(code: int) -> Node:
    return Node("error", {"code": str(code)})
