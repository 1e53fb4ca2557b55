"""Sending under a key that the caller chose: once, however often and at however many places it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from whatsapp_mcp.errors import InvalidArgument, OutcomeUnknown, SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models import MessageReceived, SendFinished
from whatsapp_mcp.session import protocol as p
from whatsapp_mcp.session.store_thread import StoreThread
from whatsapp_mcp.store.records import KeyedSend
from whatsapp_mcp.whatsapp.account import Sent

__all__ = ["KeyedSends", "result_under"]

STORE_WAIT: Final = 10.0
"""Seconds; commits take milliseconds."""
TURN_WAIT: Final = 90.0
"""Seconds to wait for another send under the same key: whatsmeow gives up after 75."""


def result_under(key: p.SendKey, stood: KeyedSend) -> p.SentMessage | None:
    """What was sent under a key before; None while that is not known.

    Raises:
        InvalidArgument: under this key, something else was to be sent.
    """
    if stood.fingerprint != key.fingerprint:
        raise InvalidArgument(
            "idempotency_key: this key was used for another message within the last 24 hours",
            field="idempotency_key",
            next_step="Use a new key for a new message; a repetition has to have the same arguments as the first call.",
        )
    if stood.result is None:
        return None
    return p.SentMessage.model_validate_json(stood.result).model_copy(update={"repeated": True})


class KeyedSends:
    """Claims a key in the store before something is sent under it, and stores the result with the message.

    What is left of a process that was killed in between is a claim without a result, which nobody sends under again.
    """

    def __init__(self, store: StoreThread) -> None:
        self._store = store
        self._under_way: set[str] = set()
        self._turn = threading.Condition()

    def send(
        self, key: p.SendKey | None, chat: Jid, send: Callable[[], Sent], describe: Callable[[Sent], MessageReceived]
    ) -> p.SentMessage:
        """Send, and store what ``describe`` makes of it; with a key, only if nothing was sent under it.

        Raises:
            InvalidArgument: under this key, something else was to be sent.
            OutcomeUnknown: it may have been sent, now or under this key before.
            WhatsAppMcpError: what ``send`` raised; nothing was sent, and the key is free.
        """
        if key is None:
            return self._record(chat, send(), describe)
        with self._alone(key.key):
            stood = self._store.run(lambda writer: writer.claim_send(key.key, key.fingerprint)).result(STORE_WAIT)
            if stood is not None:
                return self._known(key, stood)
            try:
                sent = send()
            except OutcomeUnknown:
                raise
            except WhatsAppMcpError:
                self._store.run(lambda writer: writer.release_send(key.key)).result(STORE_WAIT)
                raise
            return self._record(chat, sent, describe, key)

    def settle(self, key: p.SendKey) -> p.SentMessage | None:
        """What was sent under a key, waiting for a send that is under way; None: the key is free.

        Raises:
            InvalidArgument: under this key, something else was to be sent.
            OutcomeUnknown: it may have been sent.
        """
        with self._alone(key.key):
            stood = self._store.run(lambda writer: writer.find_send(key.key)).result(STORE_WAIT)
            return self._known(key, stood) if stood is not None else None

    def _known(self, key: p.SendKey, stood: KeyedSend) -> p.SentMessage:
        result = result_under(key, stood)
        if result is None:
            raise OutcomeUnknown("under this idempotency_key a message was to be sent; whether it was is unknown")
        return result

    def _record(
        self, chat: Jid, sent: Sent, describe: Callable[[Sent], MessageReceived], key: p.SendKey | None = None
    ) -> p.SentMessage:
        """Store what was sent, and under which key, in one transaction before the caller learns of it."""
        result = p.SentMessage(message_id=sent.message_id, chat=chat, timestamp=sent.timestamp)
        finished = [SendFinished(key.key, result.model_dump_json(exclude={"repeated"}))] if key else []
        self._store.apply([describe(sent), *finished]).result(STORE_WAIT)
        return result

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """One call at a time per key."""
        with self._turn:
            if not self._turn.wait_for(lambda: key not in self._under_way, TURN_WAIT):
                raise SessionTimeout("another call with this idempotency_key is still under way")
            self._under_way.add(key)
        try:
            yield
        finally:
            with self._turn:
                self._under_way.discard(key)
                self._turn.notify_all()
