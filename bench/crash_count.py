"""What came of a run of `bench.crash`: counted in the store, at WhatsApp and among the processes."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from bench.crash_load import Call, Contacts, User

__all__ = ["Figures", "Seen", "count", "undecrypted"]

NOTICED: Final = 0.25
"""Seconds after the end of a session process in which a server may still write a call to it, on a busy machine."""
DRAIN: Final = 5.0
"""Seconds that calls under way have before a restart in order."""
_UNKNOWN: Final = "outcome_unknown"
KILL_SESSION: Final = "kill session"


@dataclass
class Figures:
    """What came of it."""

    faults: dict[str, int]
    seconds: float
    servers: int
    """At once."""
    sent: int
    """Messages of contacts with content of their own."""
    events: int
    """Reactions and edits, which no row of their own stands for."""
    confirmed: int
    """Of ``sent``: those whose receipt the simulator saw."""
    stored: int
    """Of ``confirmed``: those that are in the store as they were written."""
    placeholders: int
    """Of ``confirmed``: those of which the store says that the content was lost."""
    unasked: int
    """Of ``confirmed``: those that could not be decrypted, and that nobody was asked to send again."""
    missing: int
    """Of ``confirmed``: those of which nothing is in the store."""
    wrong: int
    """Rows with another text than was written, or that are undecryptable for another reason."""
    duplicates: int
    """Rows beyond the first for one message."""
    strangers: int
    """Rows for what is no message, such as a reaction, though it was not lost, or that nobody sent."""
    events_applied: int
    """Of ``events``: those that the store knows of."""
    events_placeholders: int
    """Of ``events``: those that left a placeholder, of either kind."""
    events_missing: int
    """Of ``events``: the rest; lost and confirmed at once, which of them leaves no trace."""
    calls: int
    """Of tools, by users of all servers."""
    own_sent: int
    """Messages that a tool said were sent."""
    own_undelivered: int
    """Of ``own_sent``: those that never came to their recipient."""
    own_unstored: int
    """Of ``own_sent``: those that are not in the store as they were sent."""
    own_doubled: int
    """Messages that a recipient got twice."""
    failed_with_server: int
    """Calls of a server that was killed during them."""
    failed_with_session: int
    """Calls that were under way when the session process was killed."""
    failed_slowly: int
    """Calls that took longer than an orderly end of the session process waits for."""
    failed_otherwise: list[str]
    """Calls that failed because of somebody else's end."""
    most_sessions: int
    """Session processes of the account at once."""
    left_behind: list[str]
    """Processes that were there after the last server's end."""

    @property
    def ok(self) -> bool:
        """Nothing is missing, doubled or invented; content is lost by kills of the session process only."""
        never = self.sent - self.confirmed, self.missing, self.wrong, self.duplicates, self.strangers
        ours = self.own_undelivered, self.own_unstored, self.own_doubled, len(self.failed_otherwise)
        lost = self.placeholders, self.unasked, self.events_placeholders, self.events_missing
        return (
            not any((*never, *ours, *self.left_behind))
            and self.most_sessions == 1
            and not (any(lost) and not self.faults.get(KILL_SESSION))
        )


class Seen(NamedTuple):
    """What the bench noticed while it ran."""

    faults: dict[str, int]
    seconds: float
    kills: Sequence[float]
    """When a session process was killed; ``time.monotonic()``."""
    waiting: set[str]
    """Ids of messages that the linked device has not confirmed."""
    received: Sequence[tuple[str, str]]
    """Id and text of what came to the recipient of the users' messages."""
    failed: Sequence[Call]
    """Calls that were part of a fault."""
    most_sessions: int
    left_behind: Sequence[str]


class _Row(NamedTuple):
    id: str
    kind: str
    text: str
    extra: str | None
    from_me: int

    @property
    def lost(self) -> bool:
        return self.kind == "undecryptable" and bool(json.loads(self.extra or "{}").get("lost"))


def undecrypted(store: Path) -> set[str]:
    """What could not be decrypted, and was not lost either."""
    return {row.id for row in _rows(store) if row.kind == "undecryptable" and not row.lost}


def count(store: Path, contacts: Contacts, users: Sequence[User], seen: Seen) -> Figures:
    every = _rows(store)
    rows, own = [row for row in every if not row.from_me], [row for row in every if row.from_me]
    reacted = _column(store, "SELECT message_id FROM reactions")
    edited = _column(store, "SELECT message_id FROM edits")
    confirmed = contacts.texts.keys() - seen.waiting
    events = contacts.reactions.keys() | contacts.edits.keys()
    applied = {event for event, message in contacts.reactions.items() if message in reacted}
    applied |= {event for event, message in contacts.edits.items() if message in edited}
    ids = {row.id for row in rows}
    lost = {row.id for row in rows if row.lost}
    unread = {row.id for row in rows if row.kind == "undecryptable"} - lost
    unasked = unread - contacts.asked_again
    good = {row.id for row in rows if row.kind == "text" and row.text in contacts.texts.get(row.id, ())}
    sent = {message_id: text for user in users for message_id, text in user.sent.items()}
    asked = {text for user in users for text in user.texts}
    stored = {row.id: row.text for row in own}
    with_server, with_session, slow, otherwise = _sorted_out([call for user in users for call in user.failed], seen)
    return Figures(
        faults=seen.faults,
        seconds=seen.seconds,
        servers=len(users),
        sent=len(contacts.texts),
        events=len(events),
        confirmed=len(confirmed),
        stored=len(confirmed & good),
        placeholders=len(confirmed & lost),
        unasked=len(confirmed & unasked),
        missing=len(confirmed - ids),
        wrong=len(ids & contacts.texts.keys() - good - lost - unasked),
        duplicates=len(every) - len(ids) - len(stored),
        strangers=len(ids - contacts.texts.keys() - (events & (lost | unread) - applied))
        + sum(text not in asked for text in stored.values()),
        events_applied=len(applied),
        events_placeholders=len(events & (lost | unread)),
        events_missing=len(events - applied - lost - unread - seen.waiting),
        calls=sum(user.calls for user in users),
        own_sent=len(sent),
        own_undelivered=len(sent.keys() - {message_id for message_id, _ in seen.received}),
        own_unstored=sum(stored.get(message_id) != text for message_id, text in sent.items()),
        own_doubled=_beyond_the_first(text for _, text in seen.received),
        failed_with_server=with_server,
        failed_with_session=with_session,
        failed_slowly=slow,
        failed_otherwise=[*otherwise, *(f"{call.tool}: {call.why}" for call in seen.failed)],
        most_sessions=seen.most_sessions,
        left_behind=list(seen.left_behind),
    )


def _sorted_out(calls: Iterable[Call], seen: Seen) -> tuple[int, int, int, list[str]]:
    """Of failed calls: how many ended with their server, with the session process and for their slowness, and what the
    others say."""
    with_server, with_session, slow = 0, 0, 0
    otherwise: list[str] = []
    for call in calls:
        if any(call.began <= kill <= call.ended for kill in call.server.killed):
            with_server += 1
        elif any(call.began - NOTICED <= kill <= call.ended for kill in seen.kills):
            with_session += 1
        elif call.ended - call.began > DRAIN and _UNKNOWN in call.why:
            slow += 1
        else:
            after = min((call.began - kill for kill in seen.kills if kill < call.began), default=0.0)
            otherwise.append(
                f"{call.tool} after {call.ended - call.began:.1f} s, {after:.1f} s after a kill: {call.why}"
            )
    return with_server, with_session, slow, otherwise


def _beyond_the_first(texts: Iterable[str]) -> int:
    return sum(times - 1 for times in Counter(texts).values())


def _rows(store: Path) -> list[_Row]:
    with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        return [_Row(*row) for row in connection.execute("SELECT id, kind, text, extra, from_me FROM messages")]


def _column(store: Path, query: str) -> set[str]:
    with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        return {value for (value,) in connection.execute(query)}
