"""Commands about messages and the chats that they are in."""

from __future__ import annotations

from typing import Any, Final

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.models.outgoing import Outgoing, SendOptions, SentMessage
from whatsapp_mcp.models.session import HandedOver
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.pipe.command import Command, Wire


class MessageRef(Wire):
    """A message in a chat, as the caller knows it."""

    chat: Jid
    message_id: str
    author: Jid | None = None
    """Two people may have chosen the same id."""

    @classmethod
    def of(cls, message: Message) -> MessageRef:
        return cls(chat=message.chat, message_id=message.id, author=message.sender)


DAY: Final = 24 * 3600
"""Seconds."""


class SendKey(Wire):
    """One message is sent under it, however often that is asked for: a key that the caller chose, or one that is made
    of the call itself, so that its repetition has the same."""

    key: str
    fingerprint: str
    """Of the tool and its arguments; empty where the key says it all."""
    seconds: int = DAY
    """For so long after the send the key is taken."""

    @property
    def is_of_call(self) -> bool:
        """The caller chose none."""
        return self.seconds < DAY

    @property
    def kept(self) -> int:
        """``seconds`` in milliseconds."""
        return self.seconds * 1000

    @property
    def named(self) -> str:
        """What an error calls it."""
        return "by the same call a moment ago" if self.is_of_call else "under this idempotency_key"

    def sent_before(self, fingerprint: str, result: str | None) -> SentMessage | None:
        """What was sent under this key, by what the store holds under it; None while that is not known.

        Raises:
            InvalidArgument: something else was to be sent.
        """
        if fingerprint != self.fingerprint:
            raise InvalidArgument(
                "idempotency_key: this key was used for another message within the last 24 hours",
                field="idempotency_key",
                next_step="Use a new key for a new message;"
                " a repetition has to have the same arguments as the first call.",
            )
        if result is None:
            return None
        return SentMessage.model_validate_json(result).model_copy(update={"repeated": True})


class Schedule(Wire):
    """When a message is to leave, and for whom."""

    due_at: int
    """Milliseconds since 1970."""
    late: int
    """Milliseconds after it for which it may still leave."""
    ask: bool = False
    """When it is later, the owner is asked."""
    caller: str
    """The caller's grant as JSON, for the policy of that moment."""


class SendMessage(Command[SentMessage]):
    all_or_nothing = True

    chat: Jid
    message: Outgoing
    options: SendOptions = SendOptions()
    key: SendKey | None = None
    hold: int = 0
    """Seconds after which it leaves; until then the session process keeps it, and `CancelSend` stops it."""
    pending: bool = False
    """Answer at once, with an id of ours: it is sent whoever waits for that; see `AwaitSend`."""
    pending_id: str = ""
    """That id, where the caller has told it already."""
    schedule: Schedule | None = None
    """It leaves at a time of the caller's choice, in the same way."""


class ConfirmSend(Command[SentMessage | None]):
    """Wait for a send that is under way under a key, and say what became of it.

    Answered with None when nothing was sent, and the key is free.
    """

    key: SendKey
    handed_over: HandedOver | None
    """What neonize's database says of the message."""


class ForwardMessage(Command[SentMessage]):
    all_or_nothing = True

    target: MessageRef
    chat: Jid
    """Where to."""
    expiration: int = 0
    upload_again: bool = False
    """Download the media and upload it anew."""
    key: SendKey | None = None
    hold: int = 0
    pending: bool = False
    """See `SendMessage`."""


class NotePreparing(Command[None]):
    """Note that this server still converts a message whose id it has told as pending."""

    unconnected = True
    at_any_time = True

    message_id: str
    chat: Jid
    server: int
    """Its process."""


class NoteNotPrepared(Command[None]):
    """Note why such a message is not sent."""

    unconnected = True
    at_any_time = True

    message_id: str
    error: dict[str, Any]
    """As ``WhatsAppMcpError.to_wire``."""


class CancelSend(Command[DeferredState | None]):
    """Keep a held message from leaving; one that is just being sent is waited for.

    Answered with what became of it; None when there is none of this id.
    """

    unconnected = True
    at_any_time = True

    message_id: str


class AwaitSend(Command[None]):
    """Return when a message that leaves later, or is pending, has been sent or never will be; the store says which."""

    unconnected = True
    at_any_time = True

    message_id: str


class EditMessage(Command[SentMessage]):
    all_or_nothing = True

    target: MessageRef
    text: str


class Revoke(Command[SentMessage]):
    all_or_nothing = True

    target: MessageRef


class React(Command[SentMessage]):
    all_or_nothing = True

    target: MessageRef
    emoji: str


class MarkRead(Command[None]):
    targets: tuple[MessageRef, ...]


class DownloadMedia(Command[None]):
    """Fetch the media of a stored message and keep it where received media lie."""

    target: MessageRef
    file: DownloadedFile
    """Under which it is kept."""
    limit: int
    """Bytes of the largest file that is taken."""
    seconds: float
    """How long WhatsApp may take."""


class KeepTranscript(Command[None]):
    """Note what is said in a message, as a machine heard it."""

    unconnected = True
    at_any_time = True

    target: MessageRef
    text: str
    language: str


class SetChatPresence(Command[None]):
    chat: Jid
    composing: bool


class SetDisappearingTimer(Command[None]):
    chat: Jid
    seconds: int


class RejectCall(Command[None]):
    caller: Jid
    call_id: str
