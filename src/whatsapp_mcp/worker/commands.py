"""What the session process can be asked to do: one function per command, run in a worker thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import (
    Change,
    ChatChanged,
    IdentityLearned,
    MessageEdited,
    MessageRevoked,
    ReactionChanged,
    ReceiptKind,
    ReceiptReceived,
)
from whatsapp_mcp.models.outgoing import MediaOut, MediaType
from whatsapp_mcp.models.views import StoredMessage
from whatsapp_mcp.pipe import protocol as p
from whatsapp_mcp.pipe.change_codec import decode_changes
from whatsapp_mcp.private_files import new_private_file
from whatsapp_mcp.whatsapp.account import Account, Sent
from whatsapp_mcp.whatsapp.compose import (
    QuotedMessage,
    Uploaded,
    compose,
    compose_edit,
    compose_forward,
    compose_media,
    compose_reaction,
    compose_revoke,
)
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.whatsapp.groups import Groups
from whatsapp_mcp.whatsapp.profiles import Profiles
from whatsapp_mcp.worker.group_commands import GroupHandlers, ProfileHandlers
from whatsapp_mcp.worker.sends import Sends
from whatsapp_mcp.worker.store_thread import StoreThread

__all__ = ["Handlers"]

STORE_WAIT: Final = 10.0
"""Seconds a command waits for the store thread; commits take milliseconds."""


@dataclass(frozen=True, slots=True)
class _Author:
    """Who wrote a stored message, as its chat addresses people."""

    jid: Jid
    from_me: bool


class Handlers:
    """Runs commands against the account and the store."""

    def __init__(self, account: Account, groups: Groups, profiles: Profiles, store: StoreThread) -> None:
        self._account = account
        self._store = store
        self._sends = Sends(account, store)
        self._run: dict[type[p.Command[Any]], Callable[[Any], BaseModel]] = {
            p.PairPhone: self._pair_phone,
            p.Logout: self._logout,
            p.GetDevice: self._get_device,
            p.GetPerson: self._get_person,
            p.CheckNumbers: self._check_numbers,
            p.GetPrivacy: self._get_privacy,
            p.ChangePushName: self._change_push_name,
            p.SyncContacts: self._sync_contacts,
            p.RecordChanges: self._record_changes,
            p.SendMessage: self._send,
            p.ConfirmSend: self._confirm_send,
            p.DownloadMedia: self._download,
            p.ForwardMessage: self._forward,
            p.RejectCall: self._reject_call,
            p.SetDisappearingTimer: self._set_disappearing_timer,
            p.React: self._react,
            p.Revoke: self._revoke,
            p.EditMessage: self._edit,
            p.MarkRead: self._mark_read,
            p.SetPresence: self._set_presence,
            p.SetChatPresence: self._set_chat_presence,
            **GroupHandlers(groups, account, store).by_command(),
            **ProfileHandlers(profiles).by_command(),
        }
        assert self._run.keys() == set(p.COMMANDS.values()), "a command without a handler"

    def run(self, command: p.Command[Any]) -> BaseModel:
        """Blocks until WhatsApp answered. Raises WhatsAppMcpError."""
        return self._run[type(command)](command)

    # -- account ------------------------------------------------------------------------------------------------------

    def _pair_phone(self, command: p.PairPhone) -> p.PairingCode:
        return p.PairingCode(code=self._account.pair_phone(command.digits))

    def _logout(self, _command: p.Logout) -> p.Done:
        self._account.logout()
        return p.Done()

    def _get_device(self, _command: p.GetDevice) -> p.OwnDevice:
        device = self._account.device()
        return p.OwnDevice(
            jid=device.jid,
            lid=device.lid,
            push_name=device.push_name,
            business_name=device.business_name,
            platform=device.platform,
        )

    def _get_person(self, command: p.GetPerson) -> p.PersonInfo:
        person = self._account.person(command.jid)
        return p.PersonInfo(
            jid=person.jid,
            verified_name=person.verified_name,
            status=person.status,
            picture_id=person.picture_id,
            devices=tuple(device.jid for device in person.devices),
        )

    def _check_numbers(self, command: p.CheckNumbers) -> p.NumberResults:
        checks = self._account.check_numbers(list(command.numbers))
        return p.NumberResults(
            numbers=tuple(
                p.NumberResult(number=check.number, registered=check.registered, jid=check.jid) for check in checks
            )
        )

    def _get_privacy(self, _command: p.GetPrivacy) -> p.PrivacyResult:
        return p.PrivacyResult(settings=self._account.privacy())

    def _change_push_name(self, command: p.ChangePushName) -> p.Done:
        self._account.set_push_name(command.push_name)
        return p.Done()

    def _sync_contacts(self, _command: p.SyncContacts) -> p.Done:
        changes: list[Change] = []
        for contact in self._account.contacts():
            if contact.jid.is_lid and (number := self._account.number_of(contact.jid)):
                changes.append(IdentityLearned(lid=contact.jid, number=number))
            changes.append(contact)
        self._store.apply(changes).result(STORE_WAIT)
        return p.Done()

    def _set_presence(self, command: p.SetPresence) -> p.Done:
        self._account.send_presence(available=command.available)
        return p.Done()

    def _set_chat_presence(self, command: p.SetChatPresence) -> p.Done:
        self._account.send_chat_presence(command.chat, composing=command.composing)
        return p.Done()

    def _record_changes(self, command: p.RecordChanges) -> p.Done:
        changes: list[Change] = list(decode_changes(command.changes))
        self._store.apply(changes).result(STORE_WAIT)
        return p.Done()

    # -- messages -----------------------------------------------------------------------------------------------------

    def _send(self, command: p.SendMessage) -> p.SentMessage:
        quoted = None
        if command.options.reply_to_id:
            stored = self._find(p.ChatRef(chat=command.chat, message_id=command.options.reply_to_id))
            author = self._author(stored)
            quoted = QuotedMessage(stored.id, author.jid, stored.raw, stored.text)
        outgoing = command.message
        if isinstance(outgoing, MediaOut):
            data = Path(outgoing.path).read_bytes()
            uploaded = self._account.upload(data, outgoing.media, newsletter=command.chat.is_newsletter)
            message = compose_media(outgoing, uploaded, command.options, quoted)
        else:
            message = compose(outgoing, command.options, quoted)
        return self._sends.send(command.chat, message, command.key)

    def _confirm_send(self, command: p.ConfirmSend) -> p.ConfirmedSend:
        return p.ConfirmedSend(sent=self._sends.confirm(command.key, command.handed_over))

    def _forward(self, command: p.ForwardMessage) -> p.SentMessage:
        stored = self._find(command.target)
        if not stored.raw:
            raise InvalidArgument("message_id: there is nothing to forward in this message", field="message_id")

        def upload(kind: MediaType) -> Uploaded:
            return self._account.upload(self._account.download(stored.raw), kind, newsletter=command.chat.is_newsletter)

        # Newsletters do not encrypt media, so what a chat got is of no use to them.
        again = command.upload_again or command.chat.is_newsletter
        message = compose_forward(stored.raw, command.expiration, upload if again else None)
        if read_content(message) is None:
            raise InvalidArgument("message_id: this message cannot be forwarded", field="message_id")
        return self._sends.send(command.chat, message, command.key)

    def _reject_call(self, command: p.RejectCall) -> p.Done:
        self._account.reject_call(command.caller, command.call_id)
        return p.Done()

    def _set_disappearing_timer(self, command: p.SetDisappearingTimer) -> p.Done:
        self._account.set_disappearing_timer(command.chat, command.seconds)
        self._store.apply([ChatChanged(command.chat, ephemeral_expiration=command.seconds)]).result(STORE_WAIT)
        return p.Done()

    def _download(self, command: p.DownloadMedia) -> p.Done:
        stored = self._find(command.target)
        if not stored.has_media:
            raise InvalidArgument("message_id: this message has no media", field="message_id")
        data = self._account.download(stored.raw)
        with new_private_file(Path(command.path)) as file:
            file.write(data)
        return p.Done()

    def _react(self, command: p.React) -> p.SentMessage:
        stored = self._find(command.target)
        author = self._author(stored)
        message = compose_reaction(
            chat=stored.wire_chat,
            message_id=stored.id,
            author=author.jid,
            from_me=author.from_me,
            emoji=command.emoji,
        )
        sent = self._account.send(stored.wire_chat, message)
        return self._record(
            command.target.chat,
            sent,
            ReactionChanged(
                chat=stored.wire_chat,
                message_id=stored.id,
                sender=self._account.device().jid.bare,
                emoji=command.emoji,
                timestamp=sent.timestamp,
                from_me=True,
            ),
        )

    def _revoke(self, command: p.Revoke) -> p.SentMessage:
        stored = self._find(command.target)
        author = self._author(stored)
        message = compose_revoke(chat=stored.wire_chat, message_id=stored.id, author=author.jid, from_me=author.from_me)
        sent = self._account.send(stored.wire_chat, message)
        own = self._account.device().jid.bare
        return self._record(
            command.target.chat,
            sent,
            MessageRevoked(stored.wire_chat, stored.id, revoked_by=own, timestamp=sent.timestamp),
        )

    def _edit(self, command: p.EditMessage) -> p.SentMessage:
        stored = self._find(command.target)
        message = compose_edit(chat=stored.wire_chat, message_id=stored.id, text=command.text)
        sent = self._account.send(stored.wire_chat, message)
        inner = message.editedMessage.message.protocolMessage.editedMessage
        content = read_content(inner)
        assert content is not None, "an edit carries text"
        own = self._account.device().jid.bare
        return self._record(
            command.target.chat, sent, MessageEdited(stored.wire_chat, stored.id, own, content, sent.timestamp)
        )

    def _mark_read(self, command: p.MarkRead) -> p.Done:
        stored = self._find(command.target)
        self._account.mark_read([stored.id], chat=stored.wire_chat, sender=stored.wire_sender)
        own = self._account.device().jid.bare
        read = ReceiptReceived(
            chat=stored.wire_chat,
            sender=own,
            message_ids=(stored.id,),
            kind=ReceiptKind.READ,
            timestamp=int(time.time() * 1000),
            from_me=True,
        )
        self._store.apply([read]).result(STORE_WAIT)
        return p.Done()

    # -- store --------------------------------------------------------------------------------------------------------

    def _find(self, target: p.ChatRef) -> StoredMessage:
        stored = self._store.run(lambda writer: writer.find(target.message_id, target.chat)).result(STORE_WAIT)
        if stored is None:
            raise NotFound(f"there is no message {target.message_id} in the chat {target.chat}")
        return stored

    def _author(self, stored: StoredMessage) -> _Author:
        """Our own messages carry our LID where the chat is addressed by LIDs, else our number."""
        if not stored.from_me:
            return _Author(stored.wire_sender, from_me=False)
        own = self._account.device()
        use_lid = own.lid is not None and stored.wire_chat.is_lid
        jid = own.lid if use_lid and own.lid else own.jid
        return _Author(jid.bare, from_me=True)

    def _record(self, chat: Jid, sent: Sent, change: Change) -> p.SentMessage:
        """Store what was sent before the caller learns of it."""
        self._store.apply([change]).result(STORE_WAIT)
        return p.SentMessage(message_id=sent.message_id, chat=chat, timestamp=sent.timestamp)
