"""The history of what happens: reactions, edits, votes, receipts and the like, each with an arrival number.

A message that comes is its own event, in ``messages``. Everything else that somebody may wait for has a row of
``events``; its number is of the same sequence, so that one cursor tells how far somebody knows both. Only what happens
while the account is listening, or happened while it was away and is delivered afterwards, is an event (``Live``): not
what a history tells, nor what is done here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.models.events import EventKind
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import clamp
from whatsapp_mcp.untrusted_text import encodable

KEPT: Final = 100_000
"""Events that are kept at most, the newest, beside receipts; a row has some 100 bytes."""
RECEIPTS_KEPT: Final = 50_000
"""Receipts, of which there are many, push out nothing but receipts."""
DAYS: Final = 14
"""No event is kept longer."""
PRUNED_AFTER: Final = 1_000
"""So many new ones are there at most beyond what is kept."""
FACT_LENGTH: Final = 200
"""Characters of one text among the facts of an event; options of WhatsApp's polls have up to 100."""

PRUNED: Final = {False: "events_pruned", True: "receipts_pruned"}
"""Where it stands up to which number events, or receipts, were removed."""
_DAY: Final = 24 * 60 * 60 * 1000
_INSERT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TOLD: Final = "SELECT 1 FROM events WHERE chat = ? AND message_id = ? AND kind = ?"
_LAST_TO_GO: Final = (
    "SELECT coalesce((SELECT arrival FROM events WHERE {which} ORDER BY arrival DESC LIMIT 1 OFFSET ?), 0),"
    " coalesce((SELECT arrival FROM events WHERE {which} AND stored_at < ? ORDER BY arrival DESC LIMIT 1), 0)"
)
_KEEP_MARK: Final = (
    "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    " WHERE CAST(excluded.value AS BIGINT) > CAST(meta.value AS BIGINT)"
)
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
MOVES: Final = ("UPDATE events SET chat = :kept WHERE chat = :gone",)
"""The chat ``gone`` is the chat ``kept``."""


class EventLog:
    """Gives the arrival numbers, to messages too."""

    def __init__(self, connection: StoreConnection, arrival: int) -> None:
        """``arrival``: the highest number given so far."""
        self._connection = connection
        self._live = False
        self._new = PRUNED_AFTER  # the first one of a process looks whether some have become too old
        self.arrival = arrival

    def next_arrival(self) -> int:
        self.arrival += 1
        return self.arrival

    def roll_back(self, arrival: int) -> None:
        self.arrival = arrival

    @contextmanager
    def told(self) -> Iterator[None]:
        """What is stored inside happens now."""
        before, self._live = self._live, True
        try:
            yield
        finally:
            self._live = before

    @property
    def are_told(self) -> bool:
        """Whether what is stored now is an event at all."""
        return self._live

    def happened(
        self,
        kind: EventKind,
        chat: int,
        message_id: str,
        *,
        author: int,
        sender: int,
        from_me: bool,
        at: int,
        now: int,
        once: bool = False,
        facts: Mapping[str, object] = _NOTHING,
    ) -> None:
        """Keep an event, if it happens now.

        Args:
            chat: an entity.
            author: of the message that it is about: an address, or 0.
            sender: who did it, an address.
            at, now: when it happened and when it is stored, milliseconds since 1970.
            once: there is only one of this kind about a message.
        """
        if not self._live:
            return
        if once and self._connection.execute(_TOLD, (chat, message_id, kind)).fetchone() is not None:
            return
        said = encodable(json.dumps(_bounded(facts), ensure_ascii=False)) if facts else None
        row = (self.next_arrival(), kind, chat, message_id, author, sender, int(from_me), clamp(at), said, now)
        self._connection.execute(_INSERT, row)
        self._new += 1

    def receipt(
        self,
        kind: ReceiptKind,
        about: tuple[int, str, int],
        sender: int,
        at: int,
        now: int,
        *,
        from_me: bool,
        in_group: bool,
    ) -> None:
        """Somebody got a message, read or heard it; that it came to a device of a group's member, each of them says.

        Args:
            about: chat, id and author of the message.
        """
        if in_group and kind is ReceiptKind.DELIVERED:
            return
        chat, message_id, author = about
        facts = {"status": kind.value}
        self.happened(
            EventKind.RECEIPT,
            chat,
            message_id,
            author=author,
            sender=sender,
            from_me=from_me,
            at=at,
            now=now,
            facts=facts,
        )

    def flush(self, now: int) -> None:
        """At the end of a transaction: remove what is kept no longer."""
        if self._new < PRUNED_AFTER or not self._connection.in_transaction:
            return
        self._new = 0
        for receipts, most in ((False, KEPT), (True, RECEIPTS_KEPT)):
            which = f"kind {'=' if receipts else '!='} '{EventKind.RECEIPT}'"
            last = max(self._connection.execute(_LAST_TO_GO.format(which=which), (most, now - DAYS * _DAY)).fetchone())
            if last:
                self._connection.execute(f"DELETE FROM events WHERE arrival <= ? AND {which}", (last,))
                self._connection.execute(_KEEP_MARK, (PRUNED[receipts], str(last)))


def _bounded(facts: Mapping[str, object]) -> dict[str, object]:
    """Without what is longer than anybody shows."""
    return {name: _shortened(value) for name, value in facts.items() if value is not None}


def _shortened(value: object) -> object:
    if isinstance(value, str):
        return value[:FACT_LENGTH]
    return [_shortened(one) for one in value[:100]] if isinstance(value, list | tuple) else value
