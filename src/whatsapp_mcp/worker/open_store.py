"""The store that is open now, and the changes that are committed to it next. One thread at a time uses it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from whatsapp_mcp.errors import InvalidArgument, StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, Live, MessageReceived
from whatsapp_mcp.models.content import Content
from whatsapp_mcp.models.views import SealedStatement, StoredMessage
from whatsapp_mcp.pipe.lines import Ended, Notice, Stored
from whatsapp_mcp.store.engine.choice import database_at, is_the_stores_fault
from whatsapp_mcp.store.journal import EventJournal
from whatsapp_mcp.store.records import Settled
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.sealed import StaysClosed, closed, open_sealed
from whatsapp_mcp.whereabouts import Whereabouts
from whatsapp_mcp.worker.ends import end_reason

logger = logging.getLogger(__name__)


class OpenStore:
    """Collects changes and commits them together; tells the server what was committed when it is told to."""

    def __init__(
        self,
        where: Whereabouts,
        journal: EventJournal,
        tell: Callable[[Notice], None],
        *,
        open_writer: Callable[[Whereabouts], StoreWriter] = StoreWriter,
    ) -> None:
        """
        Args:
            where: a file, or a schema in PostgreSQL.
            journal: what has come for this store.
            tell: is given what the server has to know: the newest arrival that was committed; the end, when the store
                cannot be written any more, or soon could not be.
        """
        self._where = where
        self._database = database_at(where)
        self._journal = journal
        self._tell = tell
        self._open_writer = open_writer
        self._collected: list[Change] = []
        self._newest = 0
        """Arrival up to which was committed."""
        self._recorded: int | None = None
        """The same, by another thread."""
        self._has_news = False
        self._failed = False
        self.writer = open_writer(where)

    @property
    def owner(self) -> Jid | None:
        """The number of the account whose messages these are."""
        return self.writer.owner

    @property
    def own(self) -> tuple[Jid, ...]:
        """Our own addresses, number and LID, as far as they are known."""
        return tuple(jid for jid in (self.writer.owner, self.writer.owner_lid) if jid is not None)

    def set_owner(self, number: Jid, lid: Jid | None) -> None:
        """Say whose messages these are."""
        self.writer.set_owner(number, lid)

    def find(self, message_id: str, chat: Jid, author: Jid | None = None) -> StoredMessage | None:
        """A message, also one that was collected a moment ago; None too where several could be meant."""
        self.flush()
        with suppress(InvalidArgument):
            return self.writer.find(message_id, chat, author)
        return None

    def collect(self, changes: Iterable[Change]) -> None:
        self._collected.extend(changes)

    @property
    def collected(self) -> int:
        """How many changes wait for the next commit."""
        return len(self._collected)

    def flush(self) -> bool:
        """Commit what was collected; False when the file does not take it, now or before: then nothing more is taken as
        stored, and all of it is tried again with what comes next."""
        return self._written(self.commit_collected)

    def _written(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except Exception as error:
            if not self._failed:
                logger.exception("the store could not be written")
                self._end(error)
            self._failed = True
        return not self._failed

    def commit_with(self, changes: Sequence[Change]) -> None:
        """Store changes that were not collected after all that were: in one commit, if nothing is wrong with any.

        Raises:
            Exception: ``changes`` could not be stored; what was collected is, or stays collected.
        """
        if self._collected:
            with suppress(Exception):  # whose fault it is shows when they are stored one after the other
                self.commit([*self._collected, *changes])
                self._collected = []
                return
            self.flush()
        self.commit(changes)

    def commit_collected(self) -> None:
        """What cannot be stored for a reason of its own costs nothing but itself. Raises StoreError when the file is at
        fault; then all of it stays collected."""
        if self._collected:
            self._commit_in_parts(self._collected)
            self._collected = []

    def _commit_in_parts(self, changes: Sequence[Change]) -> None:
        try:
            self.commit(changes)
        except Exception as error:
            if is_the_stores_fault(error):
                raise
            if len(changes) == 1:
                self._commit_place_of(changes[0], error)
                return
            middle = len(changes) // 2
            self._commit_in_parts(changes[:middle])
            self._commit_in_parts(changes[middle:])

    def _commit_place_of(self, change: Change, error: Exception) -> None:
        """Raises when not even that can be stored: then it is not the message."""
        live, change = (True, change.change) if isinstance(change, Live) else (False, change)
        kind = type(change).__name__
        logger.error("a change (%s) could not be stored, the others are", kind, exc_info=error)
        if isinstance(change, MessageReceived):
            content = Content.unreadable(f"it could not be stored ({type(error).__name__})")
            unread = replace(change, content=content, raw=b"", push_name=None)
            self.commit([Live(unread) if live else unread])

    def commit(self, changes: Sequence[Change]) -> None:
        """Store changes that were not collected. Raises StoreError."""
        self._committed(self.writer.apply(changes))

    def _committed(self, arrival: int) -> None:
        while due := self.writer.sealed_due():
            arrival = self._settle(due)
        self._newest = max(self._newest, arrival)
        self._has_news = True

    def recorded(self, arrival: int) -> None:
        """Another thread has committed something, up to this arrival; what follows from it is done when it is told."""
        self._recorded = arrival

    @property
    def has_news(self) -> bool:
        """Whether something was committed that the server has not been told of."""
        return self._has_news or self._recorded is not None

    def announce(self) -> None:
        """Tell the server what was committed, and end if nothing more should be taken, for want of space."""
        if self._recorded is not None:
            recorded, self._recorded = self._recorded, None
            self._written(partial(self._committed, recorded))
        if not self._has_news:
            return
        self._has_news = False
        self._tell(Stored(newest_arrival=self._newest))
        try:
            self._database.check_space()
        except StoreError as error:
            self._end(error)

    def _settle(self, due: Sequence[SealedStatement]) -> int:
        """Open what is encrypted under messages that are here now."""
        settled = [self._opened(statement) for statement in due]
        try:
            return self.writer.settle(settled)
        except Exception as error:
            if is_the_stores_fault(error):
                raise
            logger.exception("what was opened could not be stored together; each is stored by itself")
        return [self._settle_alone(one) for one in settled][-1]

    def _settle_alone(self, settled: Settled) -> int:
        try:
            return self.writer.settle([settled])
        except Exception as error:
            if is_the_stores_fault(error):
                raise
            reason = f"it could not be stored ({type(error).__name__})"
            return self.writer.settle([Settled(settled.statement, False, [closed(settled.statement, reason)])])

    def _opened(self, statement: SealedStatement) -> Settled:
        try:
            return Settled(statement, True, open_sealed(statement, self.own))
        except StaysClosed as error:
            reason = str(error)
        except Exception:
            logger.exception("something that came encrypted could not be read; its place says so")
            reason = "this server does not understand it"
        return Settled(statement, False, [closed(statement, reason)])

    def begin_anew(self, suffix: str) -> None:
        """Keep the store aside under another name and go on with an empty one; what is in the journal belongs to the
        account of before."""
        self.flush()
        self.writer.close()
        self._database.archive(suffix)
        self.writer = self._open_writer(self._where)
        self._newest, self._recorded = 0, None
        self._journal.clear()

    def close(self) -> None:
        self.writer.close()

    def _end(self, error: Exception) -> None:
        """Take nothing more from WhatsApp. The next process connects only when what is in the journal is stored."""
        unforeseen = "the store could not be written; the log says why"
        detail = f"{error}. {error.next_step}" if isinstance(error, StoreError) else unforeseen
        reason = end_reason(error) if isinstance(error, StoreError) else "store_error"
        self._tell(Ended(reason=reason, detail=detail))
