"""What a decrypted message says, in plain values, for assertions and personas."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from google.protobuf.message import Message as ProtobufMessage

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.content.attachments import MEDIA_FIELDS, Attachment, attachment_of
from whatsapp_mcp.simulator.content.compose import unwrap
from whatsapp_mcp.simulator.state.media_store import MediaStore
from whatsapp_mcp.wire.protos import e2e

_POLLS: Final = ("pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3", "pollCreationMessageV5")


@dataclass(frozen=True, slots=True)
class Summary:
    """One message. Only what ``kind`` implies is filled in."""

    kind: str
    """``text``, ``image``, ``video``, ``audio``, ``voice``, ``document``, ``sticker``, ``album`` (its pictures follow),
    ``location``, ``live_location``, ``contact``, ``contacts``, ``poll``, ``vote``, ``reaction``, ``edit``, ``revoke``,
    ``disappearing``, ``protocol`` (keys, history …) or ``unknown``."""
    text: str = ""
    """Text or caption; of a poll its question, of a contact its name, of a location its name."""
    target: str | None = None
    """Id of the message that a reaction, edit, revoke or vote is about."""
    reply_to: str | None = None
    """Id of the quoted message."""
    quoted_text: str | None = None
    mentions: tuple[str, ...] = ()
    """Addresses as the sender wrote them."""
    emoji: str | None = None
    """Of a reaction; empty: the reaction is taken back."""
    options: tuple[str, ...] = ()
    """Of a poll: what one may choose; of a vote: what was chosen."""
    selectable: int = 0
    """Of a poll: how many options one may choose, 0 for any number."""
    latitude: float | None = None
    longitude: float | None = None
    vcard: str | None = None
    file_name: str | None = None
    forwarded: bool = False
    expiration: int = 0
    """Seconds after which the message disappears; 0: stays."""
    view_once: bool = False
    url: str | None = None
    """Of a link preview."""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message as a simulated device got it, decrypted."""

    id: str
    """Of the message; the client's `message_id`."""
    time: datetime
    """When the server took it (UTC)."""
    chat: Jid
    """LID of the other person in the chat, or the group."""
    sender: Jid
    """LID and device of who sent it."""
    message: e2e.Message = field(repr=False)
    """As protobuf, decrypted."""
    summary: Summary
    """The rest in plain values: `reply_to`, `quoted_text`, `mentions`, `emoji`, `options`, `target` …"""
    files: MediaStore | None = field(default=None, repr=False, compare=False)
    """Where the files of messages are."""

    @property
    def media(self) -> Attachment | None:
        """The file that comes with the message."""
        return attachment_of(unwrap(self.message))

    async def download(self) -> bytes:
        """The content of that file, decrypted; hashes, MAC and length were checked.

        Raises:
            LookupError: the message has none.
            MediaError: the file is gone, or not the one that the message describes.
        """
        media = self.media
        if media is None or self.files is None:
            raise LookupError(f"message {self.id} ({self.kind}) has no file")
        return await media.download(self.files)

    @property
    def group(self) -> Jid | None:
        """The group it was written to; ``None``: to one person."""
        return self.chat if self.chat.is_group else None

    @property
    def text(self) -> str:
        """Text or caption; of a poll its question, of a contact or location its name."""
        return self.summary.text

    @property
    def kind(self) -> str:
        """``text``, ``image``, ``voice``, ``reaction``, ``edit`` …"""
        return self.summary.kind


def summarise(message: e2e.Message) -> Summary:
    """Read what matters from a message; never fails, unknown content is ``unknown``."""
    view_once = any(
        message.HasField(name) for name in ("viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension")
    )
    message = unwrap(message)
    context = _context(message)
    return _content(
        message,
        {
            "reply_to": context.stanzaID or None,
            "quoted_text": summarise(context.quotedMessage).text if context.HasField("quotedMessage") else None,
            "mentions": tuple(context.mentionedJID),
            "forwarded": context.isForwarded,
            "expiration": context.expiration,
            "view_once": view_once or _is_view_once(message),
        },
    )


def _context(message: e2e.Message) -> e2e.ContextInfo:
    for _, value in message.ListFields():
        if isinstance(value, ProtobufMessage) and "contextInfo" in value.DESCRIPTOR.fields_by_name:
            context = getattr(value, "contextInfo")  # noqa: B009 - the field exists in many message types, not in their base
            if isinstance(context, e2e.ContextInfo):
                return context
    return e2e.ContextInfo()


def _is_view_once(message: e2e.Message) -> bool:
    return any(getattr(value, "viewOnce", False) is True for _, value in message.ListFields())


def _content(message: e2e.Message, common: dict[str, object]) -> Summary:
    def make(kind: str, text: str = "", **more: object) -> Summary:
        return Summary(kind, text, **{**common, **more})  # type: ignore[arg-type]  # fields by name

    if message.conversation:
        return make("text", message.conversation)
    if message.HasField("extendedTextMessage"):
        return make("text", message.extendedTextMessage.text, url=message.extendedTextMessage.matchedText or None)
    if message.HasField("reactionMessage"):
        reaction = message.reactionMessage
        return make("reaction", target=reaction.key.ID, emoji=reaction.text)
    if message.HasField("protocolMessage"):
        return _protocol(message.protocolMessage)
    if (poll := poll_of(message)) is not None:
        options = tuple(option.optionName for option in poll.options)
        return make("poll", poll.name, options=options, selectable=poll.selectableOptionsCount)
    if message.HasField("pollUpdateMessage"):
        return make("vote", target=message.pollUpdateMessage.pollCreationMessageKey.ID)
    if message.HasField("locationMessage"):
        place = message.locationMessage
        return make("location", place.name, latitude=place.degreesLatitude, longitude=place.degreesLongitude)
    if message.HasField("liveLocationMessage"):
        live = message.liveLocationMessage
        return make("live_location", live.caption, latitude=live.degreesLatitude, longitude=live.degreesLongitude)
    if message.HasField("albumMessage"):
        return make("album")
    if message.HasField("secretEncryptedMessage"):
        return make("unknown", target=message.secretEncryptedMessage.targetMessageKey.ID)
    if message.HasField("contactsArrayMessage"):
        cards = message.contactsArrayMessage.contacts
        return make("contacts", message.contactsArrayMessage.displayName, vcard="\n".join(card.vcard for card in cards))
    if message.HasField("contactMessage"):
        return make("contact", message.contactMessage.displayName, vcard=message.contactMessage.vcard)
    for part, value in message.ListFields():
        if part.name in MEDIA_FIELDS:
            voice = part.name == "audioMessage" and value.PTT
            kind = "voice" if voice else "video" if part.name == "ptvMessage" else part.name.removesuffix("Message")
            return make(kind, getattr(value, "caption", ""), file_name=getattr(value, "fileName", "") or None)
    return make("unknown")


def poll_of(message: e2e.Message) -> e2e.PollCreationMessage | None:
    """The poll that a message without wrappers is; ``None``: it is none."""
    for part, value in message.ListFields():
        if part.name in _POLLS:
            poll: e2e.PollCreationMessage = value
            return poll
    return None


def _protocol(message: e2e.ProtocolMessage) -> Summary:
    if message.type == e2e.ProtocolMessage.REVOKE and message.HasField("key"):
        return Summary("revoke", target=message.key.ID)
    if message.type == e2e.ProtocolMessage.MESSAGE_EDIT:
        edited = summarise(message.editedMessage)
        return Summary("edit", edited.text, target=message.key.ID, mentions=edited.mentions)
    if message.type == e2e.ProtocolMessage.EPHEMERAL_SETTING:
        return Summary("disappearing", expiration=message.ephemeralExpiration)
    return Summary("protocol", e2e.ProtocolMessage.Type.Name(message.type))
