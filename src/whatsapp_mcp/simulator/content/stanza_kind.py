"""What the server is told of a message that it cannot read: the kind of its stanza, and of its ciphertext."""

from __future__ import annotations

from whatsapp_mcp.simulator.content.attachments import MEDIA_FIELDS
from whatsapp_mcp.simulator.content.compose import unwrap
from whatsapp_mcp.wire.protos import e2e

_MEDIA_TYPES = {name: name.removesuffix("Message") for name in MEDIA_FIELDS} | {
    "contactMessage": "vcard",
    "contactsArrayMessage": "contact_array",
    "locationMessage": "location",
    "liveLocationMessage": "livelocation",
}
_POLLS = ("pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3", "pollUpdateMessage")
_HIDDEN_WHEN_UNREADABLE = (
    *("reactionMessage", "encReactionMessage", "pollUpdateMessage", "editedMessage", "protocolMessage"),
    *("pinInChatMessage", "keepInChatMessage", "secretEncryptedMessage", "encEventResponseMessage"),
)


def is_hidden_when_unreadable(message: e2e.Message) -> bool:
    """Whether its ciphertext says ``decrypt-fail=hide``: it is about another message, and who cannot decrypt it shows
    nothing (whatsmeow send.go: prepareMessageNode)."""
    if message.HasField("deviceSentMessage"):
        message = message.deviceSentMessage.message
    return any(message.HasField(name) for name in _HIDDEN_WHEN_UNREADABLE)  # type: ignore[arg-type]  # as above


def stanza_kind(message: e2e.Message) -> tuple[str, str]:
    """Type of the stanza (``text``, ``media``, ``reaction``, ``poll``) and media type of the ciphertext, perhaps empty
    (whatsmeow send.go: getTypeFromMessage, getMediaTypeFromMessage; its lists are shorter than what phones send)."""
    if message.HasField("deviceSentMessage"):
        message = message.deviceSentMessage.message
    message = unwrap(message)
    if message.HasField("reactionMessage"):
        return "reaction", ""
    if any(message.HasField(name) for name in _POLLS):  # type: ignore[arg-type]  # the stubs want literals
        return "poll", ""
    if message.extendedTextMessage.title:
        return "text", "url"
    if message.audioMessage.PTT:
        return "media", "ptt"
    if message.videoMessage.gifPlayback:
        return "media", "gif"
    for name, media_type in _MEDIA_TYPES.items():
        if message.HasField(name):  # type: ignore[arg-type]  # the stubs want literals
            return "media", media_type
    return "text", ""
