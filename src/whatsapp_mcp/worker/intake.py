"""The way of an event from neonize's callback into the store, and what a crash on it leaves for the next start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.models.session import Decrypted
from whatsapp_mcp.pipe.lines import Notice
from whatsapp_mcp.store.engine.choice import database_at
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whereabouts import Whereabouts
from whatsapp_mcp.worker.lost import Losses
from whatsapp_mcp.worker.open_store import OpenStore
from whatsapp_mcp.worker.store_thread import StoreThread
from whatsapp_mcp.worker.translation import EXPLAINED, REPEATED, SUSPECTED, UNPARSED, Translation

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import HistorySyncNotification

logger = logging.getLogger(__name__)

LOSS_GRACE: Final = 1.0
"""Seconds after which a message whose repetition was ignored must have come, if it is not lost."""
_JOURNALED: Final = frozenset(
    {
        EventCode.HISTORY_SYNC,
        EventCode.MESSAGE,
        EventCode.RECEIPT,
        EventCode.JOINED_GROUP,
        EventCode.GROUP_INFO,
        EventCode.NEWSLETTER_JOIN,
        EventCode.NEWSLETTER_LEAVE,
        EventCode.CALL_OFFER,
        EventCode.CALL_TERMINATE,
        EventCode.UNDECRYPTABLE,
        REPEATED,
        EXPLAINED,
        UNPARSED,
    }
)
"""Events whose content is for the store."""


class Intake:
    """Opens a store and its journal, and puts together all that an event passes on its way."""

    def __init__(
        self,
        where: Whereabouts,
        account: Account,
        *,
        tell: Callable[[Notice], None],
        later: Callable[[float, Callable[[], None]], object],
        open_writer: Callable[[Whereabouts], StoreWriter] = StoreWriter,
    ) -> None:
        """Before neonize is started.

        Args:
            tell: is given what the server has to know; any thread may call it, as ``later``.
            later: runs something after so many seconds.
        """
        self._database = database_at(where)
        self._later = later
        self._journal = self._database.journal()
        store = OpenStore(where, self._journal, tell, open_writer=open_writer)
        self._losses = Losses(self._journal.last_written or now_ms(), store)
        translation = Translation(store, account, self._losses)
        self.store = StoreThread(store, self._journal, translation.translate, tell)

    def recover(self, decrypted: Sequence[Decrypted]) -> None:
        """Store what the process before this one had taken from WhatsApp and not stored, and placeholders for what it
        lost; then start the store's thread.

        Args:
            decrypted: the last messages that whatsmeow decrypted, newest first.

        Raises:
            StoreError: the store cannot be written; what is in the journal stays there.
        """
        recovered = self.store.recover()
        if recovered:
            logger.warning("%d events that the last session process could not store are stored now", recovered)
        self._database.check_space()
        for entry in self._journal.recent():
            self._losses.remember(entry.code, entry.payload)
            if entry.code == REPEATED:
                self.store.put_event(SUSPECTED, entry.payload, note=False)
        histories = (entry.payload for entry in self._journal.recent() if entry.code == EventCode.HISTORY_SYNC)
        lost = self._losses.never_came(decrypted, histories)
        if lost:
            self.store.apply(lost)
        self._losses.begin()
        self.store.start()

    @property
    def announced(self) -> Sequence[HistorySyncNotification]:
        """Parts of a history that the process before this one was told of and had not got; after ``recover``."""
        return self._losses.announced

    def unread_history(self) -> HistorySyncNotification | None:
        """See ``Losses``; any thread may call it."""
        return self._losses.unread_history()

    def event(self, code: int, payload: bytes) -> None:
        """Hand over one event; returns at once (neonize's callback threads)."""
        self.store.put_event(code, payload, note=code in _JOURNALED)

    def unavailable(self, message_id: str, why: str) -> None:
        """Hand over why linked devices get nothing of a message, before the event that says that they do not."""
        self.event(EXPLAINED, f"{message_id} {why}".encode())

    def repeated(self, line: str) -> None:
        """Hand over a log line that tells of an ignored repetition (neonize's callback threads)."""
        payload = line.encode()
        self.event(REPEATED, payload)
        self._later(LOSS_GRACE, lambda: self.store.put_event(SUSPECTED, payload, note=False))

    def unparsed(self, line: str) -> None:
        """Hand over a log line that tells of what is no message (neonize's callback threads)."""
        self.event(UNPARSED, f"{now_ms()} no-id-{uuid4().hex} {line}".encode())
