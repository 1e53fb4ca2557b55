"""Sending; a message with a key goes out once, however often and from wherever it is asked for.

neonize chooses a message's id and tells it with WhatsApp's acknowledgement, so a process that is killed in between
leaves a claim without a result, under which nobody sends again. What went out all the same is found by the secret in
the message: neonize's database says under which id it was handed to the connection (the server looks there), and a
receipt for that id proves that it was sent.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.errors import OutcomeUnknown, SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import MessageReceived, SendFinished
from whatsapp_mcp.models.content import SERVER_ID
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.models.outgoing import SentMessage
from whatsapp_mcp.models.session import HandedOver
from whatsapp_mcp.pipe import messages as p
from whatsapp_mcp.store.records import KeyedSend, NewDeferred
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.compose import give_secret, load_message
from whatsapp_mcp.whatsapp.content import read_content
from whatsapp_mcp.worker.store_thread import StoreThread

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

TURN_WAIT: Final = 90.0
"""Seconds to wait for another send under the same key: whatsmeow gives up after 75."""


class Sends:
    """Sends messages and stores them; claims a key in the store before something is sent under it."""

    def __init__(self, account: Account, store: StoreThread) -> None:
        self._account = account
        self._store = store
        self._under_way: set[str] = set()
        self._turn = threading.Condition()

    def send(self, chat: Jid, message: Message, key: p.SendKey | None) -> SentMessage:
        """Send and store a message; with a key, only if nothing was sent under it.

        Raises:
            InvalidArgument: under this key, something else was to be sent.
            OutcomeUnknown: it may have been sent, now or under this key before.
            WhatsAppMcpError: nothing was sent, and the key is free.
        """
        own = self._account.own_number()
        if not chat.is_newsletter:  # where everybody could read it
            give_secret(message)
        if key is None:
            return self._record(chat, message, own, self._account.send(chat, message))
        raw = message.SerializeToString()
        with self.alone(key.key):
            stood = self._store.at_once(lambda writer: writer.claim_send(key.key, key.fingerprint, raw, key.kept))
            if stood is not None:
                return self._known(key, stood)
            try:
                sent = self._account.send(chat, message)
            except OutcomeUnknown:
                raise
            except WhatsAppMcpError:
                self._store.at_once(lambda writer: writer.release_send(key.key))
                raise
            return self._record(chat, message, own, sent, key)

    def hold(self, new: NewDeferred, key: p.SendKey) -> SentMessage | None:
        """Keep a message that leaves later, and take its key; what was sent, or is held, under it, if it is not free.

        Raises:
            InvalidArgument: under this key, something else was to be sent.
            OutcomeUnknown: it may have been sent under this key before.
        """
        with self.alone(key.key):
            stood = self._store.run_now(lambda writer: writer.with_deferred(lambda held: held.hold(new)))
            return self._known(key, stood) if stood is not None else None

    def leave(self, held_id: str, key: str, chat: Jid, message: Message) -> None:
        """Send what was held, unless it is not held any more; the same rules as for ``send`` under a key.

        Raises:
            OutcomeUnknown: it may have been sent.
            WhatsAppMcpError: if it was not sent, it is held as before.
        """
        own = self._account.own_number()
        if not chat.is_newsletter:
            give_secret(message)
        raw = message.SerializeToString()
        with self.alone(key):
            if not self._store.run_now(lambda writer: writer.with_deferred(lambda held: held.leave(held_id, raw))):
                return
            try:
                sent = self._account.send(chat, message)
            except OutcomeUnknown:
                raise
            except WhatsAppMcpError:
                self._store.run_now(lambda writer: writer.with_deferred(lambda held: held.stay(held_id)))
                raise
            self._record(chat, message, own, sent, p.SendKey(key=key, fingerprint=""))

    def confirm(self, key: p.SendKey, handed_over: HandedOver | None) -> SentMessage | None:
        """What was sent under a key, waiting for a send that is under way; None: the key is free.

        Args:
            handed_over: what neonize's database says of the message that was to be sent.

        Raises:
            InvalidArgument: under this key, something else was to be sent.
            OutcomeUnknown: it may have been sent.
        """
        with self.alone(key.key):
            stood = self._store.run_now(lambda writer: writer.find_send(key.key, key.kept))
            return self._known(key, stood, handed_over) if stood is not None else None

    def _known(self, key: p.SendKey, stood: KeyedSend, handed_over: HandedOver | None = None) -> SentMessage:
        result = key.sent_before(stood.fingerprint, stood.result)
        if result is None and handed_over is not None:
            result = self._proven(key, stood, handed_over)
        if result is None:
            raise OutcomeUnknown(f"a message was to be sent {key.named}; whether it was is unknown")
        return result

    def _proven(self, key: p.SendKey, stood: KeyedSend, handed_over: HandedOver) -> SentMessage | None:
        """What a receipt proves to have been sent, though its acknowledgement was lost; it is stored now."""
        message_id, chat = handed_over.id, handed_over.chat
        if not self._store.run_now(lambda writer: writer.has_receipt(message_id, chat)):
            return None
        number = self._account.number_of(chat) if chat.is_lid else None
        sent = SentMessage(message_id=message_id, chat=chat, timestamp=stood.started_at // 1000 * 1000)
        message = load_message(stood.message or b"")
        result = self._record(number or chat, message, self._account.own_number(), sent, key)
        return result.model_copy(update={"repeated": True})

    def _record(
        self, chat: Jid, message: Message, own: Jid, sent: SentMessage, key: p.SendKey | None = None
    ) -> SentMessage:
        """Store what was sent, and under which key, in one transaction before the caller learns of it."""
        content = read_content(message)
        assert content is not None, "only what can be read back is sent"
        if sent.server_id:
            content = replace(content, extra={**content.extra, SERVER_ID: sent.server_id})
        received = MessageReceived(
            id=sent.message_id,
            chat=sent.chat,
            sender=own,
            timestamp=sent.timestamp,
            content=content,
            from_me=True,
            chat_alt=_other_form(sent.chat, chat),
            raw=message.SerializeToString(),
            status=DeliveryStatus.SENT,
            sent_here=True,
        )
        result = sent.model_copy(update={"chat": chat})
        finished = [SendFinished(key.key, result.model_dump_json(exclude={"repeated"}))] if key else []
        self._store.record(received, *finished)
        return result

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """One call at a time per key."""
        with self._turn, waits_for("the same message to be sent by an earlier call"):
            if not self._turn.wait_for(lambda: key not in self._under_way, TURN_WAIT):
                raise SessionTimeout("another call for the same message is still under way")
            self._under_way.add(key)
        try:
            yield
        finally:
            with self._turn:
                self._under_way.discard(key)
                self._turn.notify_all()


def _other_form(wire: Jid, given: Jid) -> Jid | None:
    """The number for a LID chat (and the other way round) when the caller addressed it so."""
    return given.bare if given.is_person and given.server != wire.server else None
