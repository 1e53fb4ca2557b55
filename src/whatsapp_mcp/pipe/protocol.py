"""The pipe between server process and session process: one JSON object per line, both ways.

Server -> session: a `Hello` first, then `Call`s. Session -> server: one `Reply` per call, and `Notice`s at any time.
Every command is a model that names the model of its result, so that both ends are typed.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import Outgoing, SendOptions
from whatsapp_mcp.models.session import Decrypted, HandedOver, SessionState

__all__ = [
    "COMMANDS",
    "Call",
    "ChangePushName",
    "ChatRef",
    "CheckNumbers",
    "Command",
    "ConfirmSend",
    "Done",
    "DownloadMedia",
    "EditMessage",
    "EndReason",
    "Ended",
    "ForwardMessage",
    "GetDevice",
    "GetPerson",
    "GetPrivacy",
    "Hello",
    "Logout",
    "MarkRead",
    "Notice",
    "PairPhone",
    "React",
    "RecordChanges",
    "RejectCall",
    "Reply",
    "Revoke",
    "SendKey",
    "SendMessage",
    "SetChatPresence",
    "SetDisappearingTimer",
    "SetPresence",
    "Shown",
    "StateChanged",
    "Stored",
    "SyncContacts",
    "Wire",
]


class Wire(BaseModel):
    """Whatever travels over the pipe."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, defer_build=True)


R = TypeVar("R", bound=BaseModel)


COMMANDS: dict[str, type[Command[Any]]] = {}
"""All commands by name; each registers itself when its module is imported."""


class Command(Wire, Generic[R]):
    """One request to the session process."""

    name: ClassVar[str]
    result: ClassVar[type[BaseModel]]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "name" in cls.__dict__:
            assert cls.name not in COMMANDS, f"two commands are called {cls.name}"
            COMMANDS[cls.name] = cls


# ---- results --------------------------------------------------------------------------------------------------------


class Done(Wire):
    """Nothing to say but that it worked."""


class SentMessage(Wire):
    message_id: str
    chat: Jid
    """Canonical chat, as the store keys it."""
    timestamp: int
    """Milliseconds since 1970."""
    repeated: bool = False
    """It was sent by an earlier call under the same key; nothing was sent now."""


class ConfirmedSend(Wire):
    sent: SentMessage | None
    """None: nothing was sent, and the key is free."""


class PairingCode(Wire):
    code: str


class OwnDevice(Wire):
    jid: Jid
    lid: Jid | None
    push_name: str
    business_name: str
    platform: str


class PersonInfo(Wire):
    jid: Jid
    verified_name: str
    status: str
    picture_id: str
    devices: tuple[Jid, ...]


class NumberResult(Wire):
    number: str
    registered: bool
    jid: Jid | None


class NumberResults(Wire):
    numbers: tuple[NumberResult, ...]


class PrivacyResult(Wire):
    settings: dict[str, str]


# ---- commands -------------------------------------------------------------------------------------------------------


class ChatRef(Wire):
    """A message in a chat, as the caller knows it."""

    chat: Jid
    message_id: str


class PairPhone(Command[PairingCode]):
    name = "pair_phone"
    result = PairingCode
    digits: str


class Logout(Command[Done]):
    name = "logout"
    result = Done


class GetDevice(Command[OwnDevice]):
    name = "get_device"
    result = OwnDevice


class GetPerson(Command[PersonInfo]):
    name = "get_person"
    result = PersonInfo
    jid: Jid


class CheckNumbers(Command[NumberResults]):
    name = "check_numbers"
    result = NumberResults
    numbers: tuple[str, ...]


class GetPrivacy(Command[PrivacyResult]):
    name = "get_privacy"
    result = PrivacyResult


class ChangePushName(Command[Done]):
    name = "change_push_name"
    result = Done
    push_name: str


class SyncContacts(Command[Done]):
    """Copy the names that the linked device knows into the store."""

    name = "sync_contacts"
    result = Done


class RecordChanges(Command[Done]):
    """Store what was learned beside this process; see :mod:`whatsapp_mcp.pipe.change_codec`."""

    name = "record_changes"
    result = Done
    changes: tuple[dict[str, Any], ...]


class SendKey(Wire):
    """A key that the caller chose: one message is sent under it within a day."""

    key: str
    fingerprint: str
    """Of the tool and its arguments."""


class ConfirmSend(Command[ConfirmedSend]):
    """Wait for a send that is under way under a key, and say what became of it."""

    name = "confirm_send"
    result = ConfirmedSend
    key: SendKey
    handed_over: HandedOver | None
    """What neonize's database says of the message."""


class SendMessage(Command[SentMessage]):
    name = "send_message"
    result = SentMessage
    chat: Jid
    message: Outgoing
    options: SendOptions = SendOptions()
    key: SendKey | None = None


class ForwardMessage(Command[SentMessage]):
    name = "forward_message"
    result = SentMessage
    target: ChatRef
    chat: Jid
    """Where to."""
    expiration: int = 0
    upload_again: bool = False
    """Download the media and upload it anew."""
    key: SendKey | None = None


class RejectCall(Command[Done]):
    name = "reject_call"
    result = Done
    caller: Jid
    call_id: str


class SetDisappearingTimer(Command[Done]):
    name = "set_disappearing_timer"
    result = Done
    chat: Jid
    seconds: int


class DownloadMedia(Command[Done]):
    """Write the media of a stored message to ``path``, a file that does not exist yet (mode 0600)."""

    name = "download_media"
    result = Done
    target: ChatRef
    path: str


class React(Command[SentMessage]):
    name = "react"
    result = SentMessage
    target: ChatRef
    emoji: str


class Revoke(Command[SentMessage]):
    name = "revoke"
    result = SentMessage
    target: ChatRef


class EditMessage(Command[SentMessage]):
    name = "edit_message"
    result = SentMessage
    target: ChatRef
    text: str


class MarkRead(Command[Done]):
    name = "mark_read"
    result = Done
    target: ChatRef


class SetPresence(Command[Done]):
    name = "set_presence"
    result = Done
    available: bool


class SetChatPresence(Command[Done]):
    name = "set_chat_presence"
    result = Done
    chat: Jid
    composing: bool


# ---- the lines ------------------------------------------------------------------------------------------------------


class Hello(Wire):
    """First line to a new session process: what it works on."""

    session_db: str
    store_path: str
    media_dir: str
    retention_days: int | None
    """How long messages are kept; None: for ever."""
    decrypted: tuple[Decrypted, ...]
    """The last messages that whatsmeow decrypted before this process, newest first."""
    endpoint: Endpoint | None
    """As the server read it: the file may change between the start of the process and its first line."""
    require_endpoint: bool
    log_level: str


class Call(Wire):
    id: int
    command: str
    arguments: dict[str, Any]
    timeout: float
    """Seconds."""


class Reply(Wire):
    type: Literal["reply"] = "reply"
    id: int
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    """WhatsAppMcpError.to_wire()."""


class StateChanged(Wire):
    type: Literal["state"] = "state"
    state: SessionState
    detail: str = ""
    own_jid: Jid | None = None
    own_lid: Jid | None = None
    push_name: str | None = None
    platform: str | None = None


class Shown(Wire):
    """A QR code to show now."""

    type: Literal["qr"] = "qr"
    text: str
    seconds: float
    """How long it is valid."""


class Stored(Wire):
    """The store has new content up to this arrival number."""

    type: Literal["stored"] = "stored"
    newest_arrival: int


EndReason = Literal[
    "stopped",
    "logged_out",
    "replaced",
    "outdated",
    "banned",
    "qr_timeout",
    "pairing_failed",
    "connect_failed",
    "pump_died",
    "setup_error",
    "store_error",
]


class Ended(Wire):
    """Last line: the process ends by itself, in order."""

    type: Literal["ended"] = "ended"
    reason: EndReason
    detail: str = ""


Notice = Annotated[Reply | StateChanged | Shown | Stored | Ended, Field(discriminator="type")]
