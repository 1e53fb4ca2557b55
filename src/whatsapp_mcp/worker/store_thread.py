"""The one thread that touches the store in the session process: events in, commits, announcements out.

A history comes some twenty times as fast as it can be stored, in parts of any size. They stay in the journal and are
read back one at a time, when nothing else is to be done; after some messages of one it is looked whether there is. So
what waits takes no memory, nothing that happens now waits for the past, and what is left at the end of the process, the
next one stores while it is connected.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from whatsapp_mcp.models.changes import Change, Live
from whatsapp_mcp.pipe.lines import Notice
from whatsapp_mcp.store.journal import EventJournal
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.worker.open_store import OpenStore

logger = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")
COMMAND_WAIT: Final = 10.0
"""Seconds a command waits for the store thread; commits take milliseconds."""
MAX_BATCH: Final = 500
"""Events committed together when many wait."""
RECEIPTS_WAIT: Final = 0.01
"""Seconds for which receipts wait for more of them: several people and devices confirm the same message, and one commit
for all of them is enough."""
NEWS_WAIT: Final = 0.001
"""Seconds for which it is not told what somebody waited for: who did is answered first, and much comes at once."""
MOST_COLLECTED: Final = 2_000
"""Changes after which is committed whatever waits: one event of a history has thousands. It takes some 0.2 seconds."""


@dataclass(frozen=True, slots=True)
class _Event:
    code: int
    payload: bytes
    number: int | None
    """In the journal, if it is there."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Of a history, in the journal."""

    number: int


@dataclass(frozen=True, slots=True)
class _Work:
    run: Callable[[StoreWriter], None]


@dataclass(frozen=True, slots=True)
class _Changes:
    """That did not come as an event. They are committed together with the events before them."""

    store: Callable[[OpenStore], None]


@dataclass(frozen=True, slots=True)
class _Recorded:
    """By another thread."""

    arrival: int


class StoreThread:
    """Turns events into changes and commits them in batches, in order of arrival."""

    def __init__(
        self,
        store: OpenStore,
        journal: EventJournal,
        translate: Callable[[int, bytes], Iterable[Change | Notice]],
        tell: Callable[[Notice], None],
    ) -> None:
        """
        Args:
            journal: keeps what could not be written, for ``recover`` of the next process, and histories until then.
            translate: what an event means; is called in this thread.
            tell: is given the notices that follow from an event.
        """
        self._store = store
        self._journal = journal
        self._translate = translate
        self._tell = tell
        self._order = threading.Lock()
        self._queue: queue.SimpleQueue[_Event | _Part | _Work | _Changes | _Recorded | None] = queue.SimpleQueue()
        self._parts: deque[int] = deque()
        """Numbers of those that are not stored."""
        self._rest: Iterator[Change | Notice] | None = None
        """What is left of the first of them, when it was begun."""
        self._thread = threading.Thread(target=self._loop, name="store", daemon=True)

    def recover(self) -> int:
        """Store what the process before this one had taken and not stored; how many events that were. Before ``start``,
        after which it stores what is left of a history.

        Raises:
            StoreError: the store cannot be written; the events stay in the journal.
        """
        waiting = self._journal.waiting()
        self._parts.extend(number for number, code in waiting if code == EventCode.HISTORY_SYNC)
        others = [one for one in waiting if one[1] != EventCode.HISTORY_SYNC]
        read: list[int] = []
        for number, code in others:
            if (payload := self._journal.read(number)) is None:  # it stays there, for the next process
                continue
            self._read(code, payload)
            read.append(number)
            if len(read) == MAX_BATCH or self._store.collected >= MOST_COLLECTED:
                self._store.commit_collected()
                self._journal.stored(read)
                read = []
        self._store.commit_collected()
        self._journal.stored(read)
        self._store.announce()
        return len(others)

    def start(self) -> None:
        self._thread.start()

    @property
    def newest_arrival(self) -> int:
        """The highest arrival number given so far."""
        return self._store.writer.newest_arrival

    @property
    def waiting(self) -> int:
        """How many events and pieces of work it has not come to."""
        return self._queue.qsize() + len(self._parts)

    def put_event(self, code: int, payload: bytes, *, note: bool = True) -> None:
        """Hand over one event; returns at once (called from neonize's callback threads).

        ``note``: keep it in the journal until it is stored.
        """
        with self._order:
            number = self._journal.append(code, payload) if note else None
            if code == EventCode.HISTORY_SYNC and number is not None:
                self._queue.put(_Part(number))
            else:
                self._queue.put(_Event(code, payload, number))

    def run(self, work: Callable[[StoreWriter], T]) -> Future[T]:
        """Do something with the store, after all events handed over before, but for those of a history."""
        future: Future[T] = Future()
        self._queue.put(_Work(partial(_settle, future, work)))
        return future

    def run_now(self, work: Callable[[StoreWriter], T]) -> T:
        """Do something with the store and wait for it. Raises what ``work`` raises."""
        return self.run(work).result(COMMAND_WAIT)

    def at_once(self, work: Callable[[StoreWriter], T]) -> T:
        """Do something with the store in the calling thread, to which what waits here does not matter; only what is
        being committed is waited for."""
        return work(self._store.writer)

    def record(self, *changes: Change) -> None:
        """Store changes in the calling thread, whatever waits here: they are on the disk when this returns, and are
        announced after. Raises StoreError."""
        arrival = self._store.writer.apply(changes)
        self._queue.put(_Recorded(arrival))

    def apply(self, changes: Sequence[Change]) -> Future[None]:
        """Store changes that did not come as an event (a message of ours)."""
        future: Future[None] = Future()
        self._queue.put(_Changes(partial(_settle, future, lambda store: store.commit_with(changes))))
        return future

    def apply_now(self, *changes: Change) -> None:
        """The same, and wait until it is on the disk. Raises StoreError."""
        self.apply(changes).result(COMMAND_WAIT)

    def close(self, timeout: float) -> bool:
        """Commit everything handed over so far and end; False when that took longer than ``timeout`` seconds. What is
        left of a history stays in the journal."""
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        events: list[_Event] = []
        until = 0.0
        while True:
            try:
                item = self._queue.get(timeout=self._patience(until if events else None))
            except queue.Empty:  # nothing else waits: commit what came
                self._store_events(events)
                self._store.announce()
                events = []
                self._store_some_of_history()
                continue
            if isinstance(item, _Part):
                self._parts.append(item.number)
                continue
            if isinstance(item, _Recorded):
                self._store.recorded(item.arrival)
                continue
            if isinstance(item, _Event):
                if item.code != EventCode.RECEIPT:
                    until = 0.0
                elif not events:
                    until = time.monotonic() + RECEIPTS_WAIT
                events.append(item)
                if len(events) < MAX_BATCH:
                    continue
            self._store_events(events, item if isinstance(item, _Changes) else None)
            events = []
            if isinstance(item, _Work):
                item.run(self._store.writer)
            elif item is None:
                break
        self._store.announce()
        self._store.close()
        self._journal.close()

    def _patience(self, until: float | None) -> float | None:
        """Seconds to wait for something more; ``until`` is when the events that are here are to be committed."""
        if until is not None:
            return max(0.0, until - time.monotonic())
        if self._parts:
            return 0.0
        return NEWS_WAIT if self._store.has_news else None

    def _store_events(self, events: list[_Event], changes: _Changes | None = None) -> None:
        self._store.announce()  # what was committed before
        noted: list[int] = []
        for event in events:
            self._read(event.code, event.payload)
            noted += [event.number] if event.number is not None else []
            if self._store.collected >= MOST_COLLECTED and self._store.flush():
                self._journal.stored(noted)
                noted = []
        if changes is not None:
            changes.store(self._store)
        if self._store.flush():
            self._journal.stored(noted)

    def _store_some_of_history(self) -> None:
        while self._parts and not self._journal.waits(self._parts[0]):  # of another account
            self._parts.popleft()
            self._rest = None
        if not self._parts:
            return
        number = self._parts[0]
        if self._rest is None:
            payload = self._journal.read(number)
            if payload is None:  # it stays there, for the next process
                self._parts.popleft()
                return
            self._rest = self._meaning(EventCode.HISTORY_SYNC, payload)
        some = list(islice(self._rest, MOST_COLLECTED))
        self._store.collect(one for one in some if not isinstance(one, Notice))
        if not self._store.flush():  # it stays in the journal, for the next process
            self._parts.clear()
        elif len(some) < MOST_COLLECTED:
            self._parts.popleft()
            self._rest = None
            self._journal.stored([number])

    def _read(self, code: int, payload: bytes) -> None:
        for one in self._meaning(code, payload):
            if isinstance(one, Notice):
                self._tell(one)
            else:
                self._store.collect([one if code == EventCode.HISTORY_SYNC else Live(one)])

    def _meaning(self, code: int, payload: bytes) -> Iterator[Change | Notice]:
        try:
            yield from self._translate(code, payload)  # may look at the store, and commit for that
        except Exception:
            logger.exception("event %d could not be read; the rest goes on", code)


def _settle(future: Future[T], work: Callable[[U], T], given: U) -> None:
    """Do it, unless nobody waits for it any more."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work(given))
    except Exception as error:
        future.set_exception(error)
