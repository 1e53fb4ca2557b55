"""What a linked account can do through neonize: typed calls, protobuf in, models out.

Only the calls that work in neonize 0.5.2 and with the arguments that make them work. Every method blocks up to 75
seconds (whatsmeow's request timeout) and is meant for a worker thread; every method raises a WhatsAppMcpError.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import NotConnected, NotEncrypted, NotFound, NotLoggedIn, WhatsAppRefused
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.models.changes import ContactSeen
from whatsapp_mcp.models.outgoing import MediaType, SentMessage
from whatsapp_mcp.models.views import Device, NumberCheck, Person
from whatsapp_mcp.whatsapp.addresses import from_proto, optional, readable, to_proto
from whatsapp_mcp.whatsapp.client import Client
from whatsapp_mcp.whatsapp.compose import Uploaded
from whatsapp_mcp.whatsapp.content import file_of, unwrap
from whatsapp_mcp.whatsapp.history import announced_part
from whatsapp_mcp.whatsapp.media_downloads import Bounds, MediaDownloads
from whatsapp_mcp.whatsapp.refusals import error_for, send_error_for
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.protos import e2e, neonize_pb2

if TYPE_CHECKING:
    from neonize.proto import Neonize_pb2
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import HistorySyncNotification, Message

_PASSING_REFUSALS: Final = (b'<error code="409"', b"no app state keys")
"""In the answer to a change of settings that another change came before, or that comes right after pairing, before the
phone has shared its keys. Nothing was changed, and whatsmeow does not repeat by itself."""
_REFUSAL_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 3.0, 4.0)
"""Seconds before each repetition."""
_REMEMBERED: Final = 64
"""More messages than are sent at once."""
_CHROME: Final = 1
"""Client type of a pairing code; with display name "Chrome (Linux)" the pair that WhatsApp accepts."""

_MEDIA_TYPES: Final[dict[MediaType, int]] = {"image": 0, "video": 1, "audio": 2, "document": 3, "sticker": 0}
"""neonize's MediaType of what is uploaded (neonize 0.5.2: utils/enum.py)."""

_PRIVACY_NAMES: Final = {
    "ALL": "all",
    "CONTACTS": "contacts",
    "CONTACT_BLACKLIST": "contact_blacklist",
    "MATCH_LAST_SEEN": "match_last_seen",
    "KNOWN": "known",
    "NONE": "none",
}


class Account:
    """Calls on one connected client."""

    def __init__(self, client: Client, downloads: MediaDownloads | None = None) -> None:
        """``downloads``: the way to the media hosts; None: files of messages cannot be had."""
        self._client = client
        self._downloads = downloads
        self._own: Jid | None = None
        self._without: dict[str, set[Jid]] = {}
        """Of the last messages with somebody whose phone they could not be encrypted for: who."""

    def device(self) -> Device:
        """Raises NotLoggedIn when no account is linked."""
        me = parse(neonize_pb2.Device, self._client.call("GetMe"))
        if not me.HasField("JID") or not me.JID.User:
            raise NotLoggedIn("no WhatsApp account is linked")
        return Device(
            jid=from_proto(me.JID),
            lid=optional(me.LID),
            push_name=me.PushName,
            business_name=me.BussinessName,
            platform=me.Platform,
        )

    def own_number(self) -> Jid:
        """The address that stays the same as long as this process lasts. Raises NotLoggedIn like ``device``."""
        if self._own is None:
            self._own = self.device().jid.bare
        return self._own

    def pair_phone(self, digits: str) -> str:
        """Ask for a pairing code for the account with this number; to be entered on the phone within 160 seconds."""
        params = neonize_pb2.PairPhoneParams(
            phone=digits, clientDisplayName="Chrome (Linux)", clientType=_CHROME, showPushNotification=True
        ).SerializeToString()
        answer = parse(neonize_pb2.PairPhoneReturnFunction, self._client.call("PairPhone", params, len(params)))
        if answer.Error:
            raise error_for(answer.Error, "issue a pairing code")
        return answer.Code

    def logout(self) -> None:
        """Unlink this device; the session database is empty afterwards."""
        self._check(self._client.call("Logout"), "unlink this device")

    def goes_without(self, message_id: str, person: Jid) -> None:
        """A message that is being sent could not be encrypted for this person's phone. whatsmeow sends it all the same,
        and says so in its log only, in the thread that sends, before ``send`` has its answer."""
        self._without.setdefault(message_id, set()).add(person)
        if len(self._without) > _REMEMBERED:
            self._without.pop(next(iter(self._without)), None)

    def send(self, chat: Jid, message: Message) -> SentMessage:
        """
        Raises:
            OutcomeUnknown: it may have been sent.
            NotEncrypted: it was, but not to the phone of the person whom it was for. (In a group, whoever lacks the key
                asks for it, and whatsmeow answers.)
            WhatsAppMcpError: it was not.
        """
        to, payload = to_proto(chat).SerializeToString(), message.SerializeToString()
        raw = self._client.call("SendMessage", to, len(to), payload, len(payload))
        answer = parse(neonize_pb2.SendMessageReturnFunction, raw)
        if answer.Error:
            raise send_error_for(answer.Error)
        response = answer.SendResponse
        wire_chat = optional(response.Chat) or chat
        if wire_chat.bare in self._without.pop(response.ID, ()):
            raise NotEncrypted("the message could not be encrypted for the recipient's phone, so it did not get there")
        moment = response.Timestamp * 1000 or now_ms()
        post = response.ServerID if wire_chat.is_newsletter else 0
        return SentMessage(message_id=response.ID, chat=wire_chat.bare, timestamp=moment, server_id=post)

    def upload(self, file: Path, kind: MediaType, *, newsletter: bool) -> Uploaded:
        """Encrypt and upload; to a newsletter, upload as it is. neonize holds some copies of the file meanwhile.

        Raises:
            OSError: the file cannot be read.
        """
        function = "UploadNewsletter" if newsletter else "Upload"
        data = file.read_bytes()
        raw = self._client.call(function, data, len(data), _MEDIA_TYPES[kind])
        answer = parse(neonize_pb2.UploadReturnFunction, raw)
        if answer.Error:
            raise error_for(answer.Error, "take the file")
        return Uploaded(answer.UploadResponse)

    def download(self, raw_message: bytes, path: Path, bounds: Bounds) -> None:
        """The media of a serialized waE2E.Message, decrypted and checked; see ``MediaDownloads.fetch``."""
        if self._downloads is None:
            raise NotConnected("there is no way to WhatsApp's media hosts")
        message, _ = unwrap(parse(e2e.Message, raw_message))
        self._downloads.fetch(file_of(message), path, bounds)

    def download_picture(self, address: str, path: Path, bounds: Bounds) -> None:
        """A profile picture; see ``MediaDownloads.fetch_picture``."""
        if self._downloads is None:
            raise NotConnected("there is no way to WhatsApp's media hosts")
        self._downloads.fetch_picture(address, path, bounds)

    def history_part(self, announced: HistorySyncNotification) -> bytes:
        """A part of a history, as an event has it; see ``history.announced_part``."""
        if self._downloads is None:
            raise NotConnected("there is no way to WhatsApp's media hosts")
        return announced_part(announced, self._downloads.fetch_history)

    def mark_read(self, message_ids: list[str], *, chat: Jid, sender: Jid) -> None:
        """Send read receipts. ``sender``: the author as the chat addresses it (matters in groups)."""
        to, author = to_proto(chat).SerializeToString(), to_proto(sender).SerializeToString()
        ids = " ".join(message_ids).encode()
        answer = self._client.call("MarkRead", ids, now_ms() // 1000, to, len(to), author, len(author), b"read")
        self._check(answer, "mark the message as read")

    def reject_call(self, caller: Jid, call_id: str) -> None:
        who = to_proto(caller).SerializeToString()
        answer = self._client.call("RejectCall", who, len(who), ctypes.create_string_buffer(call_id.encode()))
        self._check(answer, "reject the call")

    def set_disappearing_timer(self, chat: Jid, seconds: int) -> None:
        """0 switches it off. neonize 0.5.2 takes nanoseconds here."""
        to = to_proto(chat).SerializeToString()
        answer = self._client.call("SetDisappearingTimer", to, len(to), seconds * 1_000_000_000, 0)
        self._check(answer, "change the disappearing timer")

    def send_presence(self, *, available: bool) -> None:
        self._check(
            self._client.call("SendPresence", b"available" if available else b"unavailable"), "set the presence"
        )

    def send_chat_presence(self, chat: Jid, *, composing: bool) -> None:
        to = to_proto(chat).SerializeToString()
        self._check(
            self._client.call("SendChatPresence", to, len(to), 0 if composing else 1, 0), "show the typing state"
        )

    def set_push_name(self, name: str) -> None:
        self._await_own_name()
        answer = self._client.call("SetPushName", name.encode())
        for pause in _REFUSAL_PAUSES:
            if not any(refusal in answer for refusal in _PASSING_REFUSALS):
                break
            time.sleep(pause)
            answer = self._client.call("SetPushName", name.encode())
        self._check(answer, "change the display name")

    def _await_own_name(self) -> None:
        """Raises NotLoggedIn, where neonize 0.5.2 would abort the process.

        The name comes with the first app state after linking. A change while whatsmeow is storing that would be refused
        and brings patches of its own, which whatsmeow applies at the same time (appstate.go): it may then be left with
        a state to which no later patch fits ("mismatching LTHash").
        """
        for pause in _REFUSAL_PAUSES:
            if self.device().push_name:
                return
            time.sleep(pause)

    def check_numbers(self, numbers: Iterable[str]) -> list[NumberCheck]:
        """``numbers``: digits only."""
        joined = " ".join(numbers).encode()
        answer = parse(neonize_pb2.IsOnWhatsAppReturnFunction, self._client.call("IsOnWhatsApp", joined, len(joined)))
        if answer.Error:
            raise error_for(answer.Error, "look the number up")
        return [
            NumberCheck(number=entry.Query, registered=entry.IsIn, jid=optional(entry.JID))
            for entry in answer.IsOnWhatsAppResponse
        ]

    def person(self, jid: Jid) -> Person:
        query = neonize_pb2.JIDArray(JIDS=[to_proto(jid)]).SerializeToString()
        answer = parse(neonize_pb2.GetUserInfoReturnFunction, self._client.call("GetUserInfo", query, len(query)))
        if answer.Error:
            raise error_for(answer.Error, "look the person up")
        for entry in answer.UsersInfo:
            info = entry.UserInfo
            return Person(
                jid=from_proto(entry.JID).bare,
                verified_name=info.VerifiedName.Details.verifiedName,
                status=info.Status,
                picture_id=info.PictureID,
                devices=tuple(readable(from_proto, info.Devices)),
            )
        raise NotFound(
            f"WhatsApp knows nobody with the number {jid.user}", next_step="Check the number with userCheck."
        )

    def privacy(self) -> dict[str, str]:
        """Who may see or do what, per setting.

        neonize 0.5.2 hides a failure of this request behind settings that are all undefined.
        """
        answer = parse(neonize_pb2.PrivacySettings, self._client.call("GetPrivacySettings"))
        settings = {
            field: _PRIVACY_NAMES.get(answer.PrivacySetting.Name(getattr(answer, name)), "")
            for field, name in (
                ("group_add", "GroupAdd"),
                ("last_seen", "LastSeen"),
                ("status", "Status"),
                ("profile", "Profile"),
                ("read_receipts", "ReadReceipts"),
                ("call_add", "CallAdd"),
                ("online", "Online"),
            )
        }
        if not any(settings.values()):
            raise WhatsAppRefused("WhatsApp did not tell the privacy settings", next_step="Try again in some seconds.")
        return {name: value for name, value in settings.items() if value}

    def contacts(self) -> list[ContactSeen]:
        """Names that the linked device knows."""
        self.device()  # neonize 0.5.2 aborts the process when this is called without a linked account
        answer = parse(neonize_pb2.ContactsGetAllContactsReturnFunction, self._client.call("GetAllContacts"))
        if answer.Error:
            raise error_for(answer.Error, "list the contacts")
        return readable(_contact, answer.Contact)

    def number_of(self, lid: Jid) -> Jid | None:
        """The phone number behind a LID, when the linked device knows it."""
        self.device()  # neonize 0.5.2 aborts the process when this is called without a linked account
        query = to_proto(lid).SerializeToString()
        answer = parse(neonize_pb2.GetJIDFromStoreReturnFunction, self._client.call("GetPNFromLID", query, len(query)))
        jid = None if answer.Error else optional(answer.Jid)
        return jid.bare if jid and jid.server == USER and jid.user else None

    def lid_of(self, number: Jid) -> Jid | None:
        """The LID of a phone number, when the linked device knows it."""
        self.device()  # as in ``number_of``
        query = to_proto(number).SerializeToString()
        answer = parse(neonize_pb2.GetJIDFromStoreReturnFunction, self._client.call("GetLIDFromPN", query, len(query)))
        jid = None if answer.Error else optional(answer.Jid)
        return jid.bare if jid and jid.is_lid and jid.user else None

    @staticmethod
    def _check(answer: bytes, action: str) -> None:
        if answer:
            raise error_for(answer.decode("utf-8", "replace"), action)


def _contact(entry: Neonize_pb2.Contact) -> ContactSeen:
    return ContactSeen(
        jid=from_proto(entry.JID).bare,
        push_name=entry.Info.PushName or None,
        full_name=entry.Info.FullName or None,
        first_name=entry.Info.FirstName or None,
        business_name=entry.Info.BusinessName or None,
    )
