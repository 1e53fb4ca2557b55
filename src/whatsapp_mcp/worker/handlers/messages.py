"""Commands about messages and the chats that they are in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import (
    Change,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    ReactionChanged,
    ReceiptReceived,
)
from whatsapp_mcp.models.content import CallOutcome
from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.models.outgoing import MediaOut, MediaType, SentMessage
from whatsapp_mcp.models.views import StoredMessage
from whatsapp_mcp.pipe import messages as p
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.calls import call_content
from whatsapp_mcp.whatsapp.compose import (
    Uploaded,
    compose,
    compose_edit,
    compose_forward,
    compose_media,
    compose_reaction,
    compose_revoke,
)
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.whatsapp.media_downloads import Bounds
from whatsapp_mcp.worker.dispatch import handles
from whatsapp_mcp.worker.sends import Sends
from whatsapp_mcp.worker.store_thread import StoreThread

_COPY_LIMIT: Final = 100 * MIB
"""Bytes of a file that is uploaded again: neonize holds it in memory some times over."""
_COPY_SECONDS: Final = 40.0


@dataclass(frozen=True, slots=True)
class _Author:
    """Who wrote a stored message, as its chat addresses people."""

    jid: Jid
    from_me: bool


class MessageHandlers:
    """Sends, and what is done about messages that the store has; that goes into the store too."""

    def __init__(self, account: Account, store: StoreThread, media: Path) -> None:
        """``media``: the folder of received media; copies for sending on lie beside it while they are needed."""
        self._account = account
        self._store = store
        self._media = media
        self._sends = Sends(account, store)

    @handles(p.SendMessage)
    def _send(self, command: p.SendMessage) -> SentMessage:
        quoted = None
        options = command.options
        if options.reply_to_id:
            target = p.MessageRef(chat=command.chat, message_id=options.reply_to_id, author=options.reply_to_author)
            stored = self._find(target)
            author = self._author(stored)
            quoted = replace(stored, wire_sender=author.jid)
        outgoing = command.message
        if isinstance(outgoing, MediaOut):
            uploaded = self._account.upload(outgoing.path, outgoing.kind, newsletter=command.chat.is_newsletter)
            message = compose_media(outgoing, uploaded, options, quoted)
        else:
            message = compose(outgoing, options, quoted)
        return self._sends.send(command.chat, message, command.key)

    @handles(p.ConfirmSend)
    def _confirm_send(self, command: p.ConfirmSend) -> SentMessage | None:
        return self._sends.confirm(command.key, command.handed_over)

    @handles(p.ForwardMessage)
    def _forward(self, command: p.ForwardMessage) -> SentMessage:
        stored = self._find(command.target)
        if not stored.raw:
            raise InvalidArgument("message_id: there is nothing to forward in this message", field="message_id")

        def upload(kind: MediaType) -> Uploaded:
            with self._copy(stored.file) as file:
                return self._account.upload(file, kind, newsletter=command.chat.is_newsletter)

        # Newsletters do not encrypt media, so what a chat got is of no use to them.
        again = command.upload_again or command.chat.is_newsletter
        message = compose_forward(stored.file, command.expiration, upload if again else None)
        if read_content(message) is None:
            raise InvalidArgument("message_id: this message cannot be forwarded", field="message_id")
        return self._sends.send(command.chat, message, command.key)

    @contextmanager
    def _copy(self, raw: bytes) -> Iterator[Path]:
        """The file of a message, on disk for a moment."""
        path = downloads.draft(self._media / downloads.TEMPORARY)
        try:
            self._account.download(raw, path, Bounds(_COPY_LIMIT, time.monotonic() + _COPY_SECONDS))
            yield path
        finally:
            downloads.discard(path)

    @handles(p.RejectCall)
    def _reject_call(self, command: p.RejectCall) -> None:
        self._account.reject_call(command.caller, command.call_id)
        stored = self._store.run_now(lambda writer: writer.find(command.call_id, command.caller))
        if stored is not None:  # a call that came while we listened: its row says what became of it
            self._store.apply_now(
                MessageReceived(
                    id=stored.id,
                    chat=stored.wire_chat,
                    sender=stored.wire_sender,
                    timestamp=now_ms(),
                    content=call_content(stored.id, CallOutcome.DECLINED),
                )
            )

    @handles(p.SetDisappearingTimer)
    def _set_disappearing_timer(self, command: p.SetDisappearingTimer) -> None:
        self._account.set_disappearing_timer(command.chat, command.seconds)
        self._store.apply_now(ChatChanged(command.chat, ephemeral_expiration=command.seconds))

    @handles(p.SetChatPresence)
    def _set_chat_presence(self, command: p.SetChatPresence) -> None:
        self._account.send_chat_presence(command.chat, composing=command.composing)

    @handles(p.DownloadMedia)
    def _download(self, command: p.DownloadMedia) -> None:
        stored = self._find(command.target)
        if not stored.has_media:
            raise InvalidArgument("message_id: this message has no media", field="message_id")
        bounds = Bounds(command.limit, time.monotonic() + command.seconds)
        self._account.download(stored.file, Path(command.path), bounds)

    @handles(p.React)
    def _react(self, command: p.React) -> SentMessage:
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
                author=author.jid,
            ),
        )

    @handles(p.Revoke)
    def _revoke(self, command: p.Revoke) -> SentMessage:
        stored = self._find(command.target)
        author = self._author(stored)
        message = compose_revoke(chat=stored.wire_chat, message_id=stored.id, author=author.jid, from_me=author.from_me)
        sent = self._account.send(stored.wire_chat, message)
        own = self._account.device().jid.bare
        return self._record(
            command.target.chat,
            sent,
            MessageRevoked(
                stored.wire_chat,
                stored.id,
                revoked_by=own,
                timestamp=sent.timestamp,
                author=author.jid,
                by_admin=not author.from_me,
            ),
        )

    @handles(p.EditMessage)
    def _edit(self, command: p.EditMessage) -> SentMessage:
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

    @handles(p.MarkRead)
    def _mark_read(self, command: p.MarkRead) -> None:
        stored = self._find(command.target)
        if not stored.from_me:  # else we wrote it to ourselves: nobody waits for a receipt
            chat = stored.broadcast_list or stored.wire_chat
            self._account.mark_read([stored.id], chat=chat, sender=stored.wire_sender)
        own = self._account.device().jid.bare
        read = ReceiptReceived(
            chat=stored.wire_chat,
            sender=own,
            message_ids=(stored.id,),
            kind=ReceiptKind.READ,
            timestamp=now_ms(),
            from_me=True,
        )
        self._store.apply_now(read)

    # -- small things --------------------------------------------------------------------------------------------------

    def _find(self, target: p.MessageRef) -> StoredMessage:
        stored = self._store.run_now(lambda writer: writer.find(target.message_id, target.chat, target.author))
        if stored is None:
            raise NotFound("there is no message with this id in this chat")
        return stored

    def _author(self, stored: StoredMessage) -> _Author:
        """Our own messages carry our LID where the chat is addressed by LIDs, else our number."""
        if not stored.from_me:
            return _Author(stored.wire_sender, from_me=False)
        own = self._account.device()
        use_lid = own.lid is not None and stored.wire_chat.is_lid
        jid = own.lid if use_lid and own.lid else own.jid
        return _Author(jid.bare, from_me=True)

    def _record(self, chat: Jid, sent: SentMessage, change: Change) -> SentMessage:
        """Store what was sent before the caller learns of it."""
        self._store.apply_now(change)
        return sent.model_copy(update={"chat": chat})
