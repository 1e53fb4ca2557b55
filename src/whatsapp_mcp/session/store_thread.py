"""The one thread that touches the store in the session process: events in, commits, announcements out."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeVar

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models import Change
from whatsapp_mcp.store.writer import StoredMessage, StoreWriter

__all__ = ["StoreThread"]

logger = logging.getLogger(__name__)

T = TypeVar("T")
MAX_BATCH: Final = 500
"""Events committed together when many wait."""


@dataclass(frozen=True, slots=True)
class _Event:
    code: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class _Work:
    run: Callable[[StoreWriter], None]


class StoreThread:
    """Turns events into changes and commits them in batches, in order of arrival."""

    def __init__(
        self,
        writer: StoreWriter,
        *,
        translate: Callable[[int, bytes], list[Change]],
        on_stored: Callable[[int], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        """``on_stored(newest_arrival)`` after each commit; ``on_failure`` when the store cannot be written any more."""
        self._writer = writer
        self._translate = translate
        self._on_stored = on_stored
        self._on_failure = on_failure
        self._translated: list[Change] = []
        self._queue: queue.SimpleQueue[_Event | _Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="store", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put_event(self, code: int, payload: bytes) -> None:
        """Hand over one event; returns at once (called from neonize's callback thread)."""
        self._queue.put(_Event(code, payload))

    def run(self, work: Callable[[StoreWriter], T]) -> Future[T]:
        """Do something with the store, after all events handed over before."""
        future: Future[T] = Future()

        def run(writer: StoreWriter) -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work(writer))
            except Exception as error:
                future.set_exception(error)

        self._queue.put(_Work(run))
        return future

    def apply(self, changes: list[Change]) -> Future[None]:
        """Store changes that did not come as an event (a message of ours)."""
        return self.run(lambda _writer: self._commit(changes))

    @property
    def owner(self) -> Jid | None:
        """The account whose messages these are. Store thread only."""
        return self._writer.owner

    def own(self, number: Jid, lid: Jid | None) -> None:
        """Say whose messages these are. Store thread only."""
        self._writer.set_owner(number, lid)

    def find(self, message_id: str, chat: Jid) -> StoredMessage | None:
        """A message, also one that came a moment ago. Store thread only."""
        self._flush()
        return self._writer.find(message_id, chat)

    def replace(self, make: Callable[[], StoreWriter]) -> None:
        """Close the store and go on with another one. Store thread only."""
        self._flush()
        self._writer.close()
        self._writer = make()

    def close(self, timeout: float) -> bool:
        """Commit everything handed over so far and end; False when that took longer than ``timeout`` seconds."""
        self._queue.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        events: list[_Event] = []
        while True:
            try:
                item = self._queue.get(block=not events)
            except queue.Empty:  # nothing else waits: commit what came
                self._store_events(events)
                events = []
                continue
            if isinstance(item, _Event):
                events.append(item)
                if len(events) < MAX_BATCH:
                    continue
            self._store_events(events)
            events = []
            if isinstance(item, _Work):
                item.run(self._writer)
            elif item is None:
                break
        self._writer.close()

    def _store_events(self, events: list[_Event]) -> None:
        for event in events:
            try:
                changes = self._translate(event.code, event.payload)  # may look at the store, and flush for that
                self._translated.extend(changes)
            except Exception:
                logger.exception("event %d could not be read; the rest goes on", event.code)
        self._flush()

    def _flush(self) -> None:
        """Commit what was translated so far."""
        changes, self._translated = self._translated, []
        if not changes:
            return
        try:
            self._commit(changes)
        except Exception as error:
            logger.exception("the store could not be written")
            self._on_failure(error)

    def _commit(self, changes: list[Change]) -> None:
        applied = self._writer.apply(changes)
        self._on_stored(applied.newest_arrival)
