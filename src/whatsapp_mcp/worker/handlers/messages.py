"""Commands about messages and the chats that they are in."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.received.place import ReceivedMedia, SharedFiles
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import (
    Change,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    MessageTranscribed,
    ReactionChanged,
    ReceiptReceived,
)
from whatsapp_mcp.models.content import CallOutcome
from whatsapp_mcp.models.delivery import DeferredState, ReceiptKind
from whatsapp_mcp.models.outgoing import SentMessage
from whatsapp_mcp.pipe import messages as p
from whatsapp_mcp.pipe.lines import PolicyPlaces
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.calls import call_content
from whatsapp_mcp.whatsapp.compose import compose_edit, compose_reaction, compose_revoke
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.whatsapp.media_downloads import Bounds
from whatsapp_mcp.worker.composing import Composer
from whatsapp_mcp.worker.deferring import HELD_FILES, Deferring
from whatsapp_mcp.worker.departure_check import DepartureCheck
from whatsapp_mcp.worker.dispatch import handles
from whatsapp_mcp.worker.held_files import HeldFiles
from whatsapp_mcp.worker.sends import Sends
from whatsapp_mcp.worker.store_thread import StoreThread


async def _at_once(_message_id: str) -> None: ...


class MessageHandlers:
    """Sends, and what is done about messages that the store has; that goes into the store too."""

    def __init__(
        self,
        account: Account,
        store: StoreThread,
        media: Path,
        received: ReceivedMedia,
        held_changed: Callable[[], None] = lambda: None,
        settled: Callable[[str], Awaitable[None]] = _at_once,
        *,
        policy: PolicyPlaces | None = None,
        shared: SharedFiles | None = None,
    ) -> None:
        """
        Args:
            media: files that are fetched, or on their way out, lie below it while they are needed.
            received: where those that were fetched are kept.
            policy: of the account; see `Hello`.
            shared: keeps files for the machine that holds the account next.
            held_changed: is called when there is something to do about held messages.
            settled: returns when it is known what became of the message with this id.
        """
        self._settled = settled
        self._account = account
        self._store = store
        self._received = received
        self._temporary = media / downloads.TEMPORARY
        self._sends = Sends(account, store)
        self._composer = Composer(account, store, media)
        files = HeldFiles(media / HELD_FILES, shared)
        self.deferring = Deferring(store, self._sends, self._composer, files, held_changed, DepartureCheck(policy))

    @handles(p.SendMessage)
    def _send(self, command: p.SendMessage) -> SentMessage:
        return self._begin(command)

    @handles(p.ConfirmSend)
    def _confirm_send(self, command: p.ConfirmSend) -> SentMessage | None:
        return self._sends.confirm(command.key, command.handed_over)

    @handles(p.ForwardMessage)
    def _forward(self, command: p.ForwardMessage) -> SentMessage:
        return self._begin(command)

    def _begin(self, command: p.SendMessage | p.ForwardMessage) -> SentMessage:
        scheduled = isinstance(command, p.SendMessage) and command.schedule is not None
        if command.hold or command.pending or scheduled:
            return self.deferring.hold(command)
        return self._sends.send(command.chat, self._composer.compose(command), command.key)

    @handles(p.NotePreparing)
    def _note_preparing(self, command: p.NotePreparing) -> None:
        self.deferring.preparing(command.message_id, command.chat, command.server)

    @handles(p.NoteNotPrepared)
    def _note_not_prepared(self, command: p.NoteNotPrepared) -> None:
        self.deferring.not_prepared(command.message_id, command.error)

    @handles(p.CancelSend)
    def _cancel_send(self, command: p.CancelSend) -> DeferredState | None:
        return self.deferring.cancel(command.message_id)

    @handles(p.AwaitSend)
    async def _await_send(self, command: p.AwaitSend) -> None:
        await self._settled(command.message_id)

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
        stored = self._composer.find(command.target)
        if not stored.has_media:
            raise InvalidArgument("message_id: this message has no media", field="message_id")
        bounds = Bounds(command.limit, time.monotonic() + command.seconds)
        draft = downloads.draft(self._temporary)
        try:
            self._account.download(stored.file, draft, bounds)
            self._received.keep(draft, command.file)
        finally:
            downloads.discard(draft)

    @handles(p.KeepTranscript)
    def _keep_transcript(self, command: p.KeepTranscript) -> None:
        stored = self._composer.find(command.target)
        said = MessageTranscribed(stored.wire_chat, stored.id, stored.wire_sender, command.text, command.language)
        self._store.apply_now(said)

    @handles(p.React)
    def _react(self, command: p.React) -> SentMessage:
        stored = self._composer.find(command.target)
        author = self._composer.author(stored)
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
                sender=self._account.own_number(),
                emoji=command.emoji,
                timestamp=sent.timestamp,
                from_me=True,
                author=author.jid,
            ),
        )

    @handles(p.Revoke)
    def _revoke(self, command: p.Revoke) -> SentMessage:
        stored = self._composer.find(command.target)
        author = self._composer.author(stored)
        message = compose_revoke(chat=stored.wire_chat, message_id=stored.id, author=author.jid, from_me=author.from_me)
        sent = self._account.send(stored.wire_chat, message)
        own = self._account.own_number()
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
        stored = self._composer.find(command.target)
        message = compose_edit(chat=stored.wire_chat, message_id=stored.id, text=command.text)
        sent = self._account.send(stored.wire_chat, message)
        inner = message.editedMessage.message.protocolMessage.editedMessage
        content = read_content(inner)
        assert content is not None, "an edit carries text"
        own = self._account.own_number()
        return self._record(
            command.target.chat, sent, MessageEdited(stored.wire_chat, stored.id, own, content, sent.timestamp)
        )

    @handles(p.MarkRead)
    def _mark_read(self, command: p.MarkRead) -> None:
        read: dict[tuple[Jid, Jid, Jid, bool], list[str]] = {}
        for stored in [self._composer.find(target) for target in command.targets]:
            chat = stored.broadcast_list or stored.wire_chat
            read.setdefault((stored.wire_chat, chat, stored.wire_sender, stored.from_me), []).append(stored.id)
        own = self._account.own_number()
        for (wire_chat, chat, sender, from_me), message_ids in read.items():
            if not from_me:  # else we wrote it to ourselves: nobody waits for a receipt
                self._account.mark_read(message_ids, chat=chat, sender=sender)
            self._store.apply_now(
                ReceiptReceived(
                    chat=wire_chat,
                    sender=own,
                    message_ids=tuple(message_ids),
                    kind=ReceiptKind.READ,
                    timestamp=now_ms(),
                    from_me=True,
                )
            )

    # -- small things --------------------------------------------------------------------------------------------------

    def _record(self, chat: Jid, sent: SentMessage, change: Change) -> SentMessage:
        """Store what was sent before the caller learns of it."""
        self._store.apply_now(change)
        return sent.model_copy(update={"chat": chat})
