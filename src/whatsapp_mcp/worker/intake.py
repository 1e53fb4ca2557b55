"""The way of an event from neonize's callback into the store, and what a crash on it leaves for the next start."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change
from whatsapp_mcp.models.session import Decrypted
from whatsapp_mcp.store.files import check_space, journal_path
from whatsapp_mcp.store.journal import Journal
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.worker.lost import Losses
from whatsapp_mcp.worker.store_thread import StoreThread

__all__ = ["Intake"]

logger = logging.getLogger(__name__)

LOSS_GRACE: Final = 1.0
"""Seconds after which a message whose repetition was ignored must have come, if it is not lost."""
REPEATED: Final = 1000
"""Number, beyond those of neonize, of an event that is a log line about an ignored repetition. The line may overtake
the message itself."""
SUSPECTED: Final = 1001
"""The same, ``LOSS_GRACE`` later."""
_JOURNALED: Final = frozenset(
    {
        EventCode.HISTORY_SYNC,
        EventCode.MESSAGE,
        EventCode.RECEIPT,
        EventCode.JOINED_GROUP,
        EventCode.GROUP_INFO,
        EventCode.CALL_OFFER,
        EventCode.UNDECRYPTABLE,
        REPEATED,
    }
)
"""Events whose content is for the store."""


class Intake:
    """Opens the journal of a store, and brings both and the traces of lost messages together."""

    def __init__(
        self,
        writer: StoreWriter,
        store_path: Path,
        *,
        translate: Callable[[int, bytes], list[Change]],
        later: Callable[[float, Callable[[], None]], None],
        on_stored: Callable[[int], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        """Before neonize is started.

        Args:
            translate: what an event means for the store; called in the store's thread.
            later: runs something after so many seconds; may be called from any thread.
            on_stored: is told the newest arrival after each commit.
            on_failure: the store cannot be written, or soon could not be; nothing more may be taken from WhatsApp.
        """
        self._path = store_path
        self._translate = translate
        self._later = later
        self._on_stored = on_stored
        self._on_failure = on_failure
        self._journal = Journal(journal_path(store_path))
        self.store = StoreThread(
            writer, self._journal, translate=self._changes, on_stored=self._stored, on_failure=on_failure
        )
        last_moment = self._journal.last_written or time.time()
        self._losses = Losses(int(last_moment * 1000), self._is_stored)
        self.own = tuple(jid for jid in (writer.owner, writer.owner_lid) if jid is not None)

    @property
    def own(self) -> tuple[Jid, ...]:
        """Our own addresses, number and LID, as far as they are known."""
        return self._losses.own

    @own.setter
    def own(self, addresses: tuple[Jid, ...]) -> None:
        self._losses.own = addresses

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
        check_space(self._path)
        for entry in self._journal.recent():
            self._losses.remember(entry.code, entry.payload)
            if entry.code == REPEATED:
                self.store.put_event(SUSPECTED, entry.payload, note=False)
        lost = self._losses.never_came(decrypted)
        if lost:
            self.store.apply(list(lost))
        self.store.start()

    def event(self, code: int, payload: bytes) -> None:
        """Hand over one event; returns at once (neonize's callback threads)."""
        self.store.put_event(code, payload, note=code in _JOURNALED)

    def repeated(self, line: str) -> None:
        """Hand over a log line that tells of an ignored repetition (neonize's callback threads)."""
        self.event(REPEATED, line.encode())

    # -- store thread -------------------------------------------------------------------------------------------------

    def _changes(self, code: int, payload: bytes) -> list[Change]:
        if code == REPEATED:
            self._later(LOSS_GRACE, lambda: self.store.put_event(SUSPECTED, payload, note=False))
            return []
        if code == SUSPECTED:
            lost = self._losses.repeated(payload.decode())
            return [lost] if lost is not None else []
        if code == EventCode.MESSAGE:
            self._losses.heard(payload)
        return self._translate(code, payload)

    def _is_stored(self, message_id: str, chat: Jid) -> bool:
        return self.store.find(message_id, chat) is not None

    def _stored(self, newest_arrival: int) -> None:
        self._on_stored(newest_arrival)
        try:
            check_space(self._path)
        except StoreError as error:
            self._on_failure(error)
