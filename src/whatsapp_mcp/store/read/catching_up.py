"""What is new in all chats of people, by chat: who wrote, the newest lines, and what seems to wait for an answer.

New is what was stored after one arrival and up to another (``Stretch``), so that pages show one state while messages
come, and a second look begins exactly where the first one ended. The history that a phone sends is stored late: what
of it is older than the stretch is not new.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from whatsapp_mcp.models.content import CallOutcome, MessageKind
from whatsapp_mcp.models.views import Chat, Line
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.read.annotations import known_as
from whatsapp_mcp.store.read.cursors import decode_cursor, encode_cursor
from whatsapp_mcp.store.read.lines import lines_of
from whatsapp_mcp.store.read.views import CHATS, chats_view
from whatsapp_mcp.store.records import Asked, CaughtUp, ChatNews, Stretch, Wrote
from whatsapp_mcp.store.rows import ARRIVAL_MASK, place_floor, stored_jid

COUNTED: Final = 1000
"""Messages of a chat that are counted at most."""
EXAMINED: Final = 60
"""Messages of a chat that are looked at one by one, the newest."""
LINES: Final = 60
"""Messages on a page, after which no other chat begins."""
ASKED_AT_MOST: Final = 5
"""Lines of a chat that are shown beyond the newest because they ask."""

_NEW: Final = f"place & {ARRIVAL_MASK} > :after AND place & {ARRIVAL_MASK} <= :until"
_SINCE: Final = f"FROM messages INDEXED BY messages_chat WHERE chat = {{chat}} AND place >= :floor AND {_NEW}"
_LATE: Final = (  # older than the stretch, and delivered live all the same: we were offline, or could not read it
    "FROM messages INDEXED BY messages_live WHERE chat = {chat} AND from_history = 0"
    " AND arrival > :late AND arrival <= :until AND place > 0 AND place < :floor"
)
_NEWEST: Final = f"(SELECT place {_SINCE} ORDER BY place DESC LIMIT 1)".format(chat="chats.entity")
_NEWEST_LATE: Final = f"(SELECT max(place) {_LATE})".format(chat="chats.entity")
_CHATS: Final = (
    "SELECT chats.entity, coalesce({newest}) AS newest FROM chats"
    " CROSS JOIN entities ON entities.id = chats.entity WHERE {which} AND entities.kind IN ('person', 'group')"
)
_COUNT: Final = f"SELECT count(*) FROM (SELECT 1 {{source}} LIMIT {COUNTED + 1})"
_LAST_OWN: Final = (
    "SELECT max(place) FROM messages INDEXED BY messages_sent WHERE chat = :chat AND from_me = 1 AND place > 0"
    f" AND place & {ARRIVAL_MASK} <= :until"
)
_TEXT: Final = 2_000
"""Characters of a message of others in which a question is looked for."""
_COLUMNS: Final = (
    "place, from_me, kind, sender, revoked_at,"
    f" CASE WHEN from_me = 0 THEN substr(text, 1, {_TEXT}) END, mentions, reply_to_sender,"
    " instr(extra, '\"mentions_all\":true') > 0 AS mentions_all,"
    f' instr(extra, \'"outcome":"{CallOutcome.MISSED}"\') > 0 AS missed'
)
_NEWEST_FIRST: Final = f"ORDER BY place DESC LIMIT {EXAMINED}"
_ROWS: Final = f"SELECT {_COLUMNS} {_SINCE} {_NEWEST_FIRST}"
_LATE_ROWS: Final = (  # their index is not in the order of places: all of them are sorted, without their texts
    f"SELECT {_COLUMNS} FROM messages WHERE arrival IN (SELECT arrival {_LATE} {_NEWEST_FIRST}) ORDER BY place DESC"
)
_NAMES: Final = (
    "SELECT addresses.id, person.jid, person.name FROM addresses"
    " CROSS JOIN entities AS person ON person.id = addresses.entity WHERE addresses.id IN ({addresses})"
)
_OWN: Final = (
    "SELECT jid FROM addresses WHERE entity IN (SELECT entity FROM addresses"
    " WHERE jid IN (SELECT value FROM meta WHERE key IN ('owner_number', 'owner_lid')))"
)

_NOTICE: Final = MessageKind.NOTICE.value
_CALL: Final = MessageKind.CALL.value
_LINK: Final = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
_MARK: Final = re.compile(r"[?？؟՞፧⁇⁈⁉‽⸮﹖︖❓❔\u037e;]")
_QUESTION: Final = re.compile(rf"{_MARK.pattern}(?!\w)(?:(?<!;)|(?<=[\u0370-\u03ff\u1f00-\u1fff];))")
"""The Greek question mark is a semicolon, and mostly written as that of ASCII."""


@dataclass(slots=True)
class _Draft:
    """What is new in a chat, before its lines are read."""

    entity: int
    newest: int
    messages: int = 0
    rows: list[Row] = field(default_factory=list)
    """Those examined."""
    places: list[int] = field(default_factory=list)
    """Of those that were not deleted, of which the following is told."""
    only_ours: bool = True
    wrote: Counter[int] = field(default_factory=Counter)
    """How much, by address."""
    asked: dict[int, Asked] = field(default_factory=dict)
    """By place."""
    mentions: int = 0
    missed_calls: int = 0
    group_changes: int = 0
    shown: list[int] = field(default_factory=list)
    """Arrivals, the oldest message first."""


def catch_up(connection: StoreConnection, stretch: Stretch, *, cursor: str | None, chats: int, lines: int) -> CaughtUp:
    """A page of at most so many chats, and so many of the newest messages of each.

    Raises:
        InvalidArgument: not a cursor of this list.
    """
    before = decode_cursor(cursor, 1)[0] if cursor is not None else None
    own = {str(jid) for (jid,) in connection.execute(_OWN)}
    waiting = [found for found in _newest_first(connection, stretch) if before is None or found[0] < before]
    drafts: list[_Draft] = []
    room, looked_at = LINES, 0
    at_once = -(-LINES // max(1, lines))  # these fill the page where much was written in each
    while len(drafts) < chats and room > 0:
        some = waiting[looked_at : looked_at + min(at_once, chats - len(drafts))]
        if not some:
            break
        at_once *= 2
        for draft in _drafts(connection, stretch, some, own, lines):
            if room > 0:
                looked_at += 1
            if room > 0 and draft is not None:
                drafts.append(draft)
                room -= len(draft.shown)
    told = tuple(_told(connection, drafts))
    return CaughtUp(told, [encode_cursor(draft.newest) for draft in drafts], more=looked_at < len(waiting))


def _values(stretch: Stretch) -> dict[str, int]:
    floor = place_floor(stretch.start)
    return stretch._asdict() | {"start": stretch.start // 1000 * 1000, "floor": floor}


def _newest_first(connection: StoreConnection, stretch: Stretch) -> list[tuple[int, int]]:
    """Place of the newest message, and chat."""
    newest, which = f"{_NEWEST}, {_NEWEST_LATE}", "chats.newest_arrival > :after"
    if not stretch.after:
        which = "(chats.last_message_at >= :start OR chats.newest_arrival > :late)"
    if stretch.late == stretch.until:
        newest, which = f"{_NEWEST}, NULL", "chats.last_message_at >= :start"
    rows = connection.execute(_CHATS.format(newest=newest, which=which), _values(stretch))
    return sorted(((place, entity) for entity, place in rows if place is not None), reverse=True)


def _drafts(
    connection: StoreConnection, stretch: Stretch, waiting: Sequence[tuple[int, int]], own: set[str], lines: int
) -> list[_Draft | None]:
    """Of some of these chats; None where only the owner wrote."""
    drafts = [_Draft(entity, newest) for newest, entity in waiting]
    _examine(connection, _ROWS, _SINCE, stretch, drafts)
    if stretch.late < stretch.until:
        _examine(connection, _LATE_ROWS, _LATE, stretch, drafts)
    for draft in drafts:
        _look_through(draft, own)
    told = [None if draft.only_ours else draft for draft in drafts]
    theirs = [draft for draft in told if draft is not None]
    for draft, ((answered,),) in zip(theirs, connection.each(_LAST_OWN, _of_chats(stretch, theirs)), strict=True):
        _choose(draft, answered or 0, lines)
    return told


def _of_chats(stretch: Stretch, drafts: Iterable[_Draft]) -> list[dict[str, int]]:
    values = _values(stretch)
    return [values | {"chat": draft.entity} for draft in drafts]


def _examine(connection: StoreConnection, rows: str, source: str, stretch: Stretch, drafts: Sequence[_Draft]) -> None:
    """``rows``: those of ``source`` that are looked at; the others are counted."""
    more = []
    asked = connection.each(rows.format(chat=":chat"), _of_chats(stretch, drafts))
    for draft, found in zip(drafts, asked, strict=True):
        draft.rows += found
        draft.messages += len(found)
        if len(found) == EXAMINED:  # and there may be more
            more.append(draft)
    counts = connection.each(_COUNT.format(source=source.format(chat=":chat")), _of_chats(stretch, more))
    for draft, ((counted,),) in zip(more, counts, strict=True):
        draft.messages += counted - EXAMINED


def _look_through(draft: _Draft, own: set[str]) -> None:
    """What the messages are that were examined; ``own``: our addresses."""
    draft.rows = draft.rows[:EXAMINED]
    for place, from_me, kind, sender, revoked_at, text, mentions, reply_to, mentions_all, missed in draft.rows:
        if revoked_at is not None:
            continue
        draft.places.append(place)
        is_notice, is_call = kind == _NOTICE, kind == _CALL
        draft.group_changes += is_notice
        draft.missed_calls += bool(is_call and missed)
        if from_me:
            continue
        draft.only_ours = False
        if is_notice:
            continue
        draft.wrote[sender] += 1
        if is_call:
            continue
        if mentions_all or (mentions and not own.isdisjoint(mentions.split())):
            draft.asked[place] = Asked.MENTION
            draft.mentions += 1
        elif reply_to in own:
            draft.asked[place] = Asked.REPLY
        elif _MARK.search(text) and _QUESTION.search(_LINK.sub(" ", text)):  # few have such a mark
            draft.asked[place] = Asked.QUESTION


def _choose(draft: _Draft, answered: int, lines: int) -> None:
    """What seems to wait for an answer, and which lines are shown; ``answered``: the place of our last message."""
    draft.asked = {place: asked for place, asked in draft.asked.items() if place > answered}
    newest = draft.places[:lines]
    asking = list(islice((place for place in draft.asked if place not in newest), ASKED_AT_MOST))
    draft.shown = [place & ARRIVAL_MASK for place in (*reversed(asking), *reversed(newest))]


def _told(connection: StoreConnection, drafts: Sequence[_Draft]) -> Iterator[ChatNews]:
    found = lines_of(connection, [arrival for draft in drafts for arrival in draft.shown])
    chats = _chats(connection, [draft.entity for draft in drafts])
    names = _names(connection, {sender for draft in drafts for sender in draft.wrote})
    for draft in drafts:
        if draft.entity in chats:
            lines = [found[arrival] for arrival in draft.shown if arrival in found]
            yield _news(draft, chats[draft.entity], lines, names)


def _news(draft: _Draft, chat: Chat, lines: Sequence[Line], names: dict[int, tuple[str, str | None]]) -> ChatNews:
    by = Counter[tuple[str, str | None]]()
    for sender, count in draft.wrote.items():
        if sender in names:
            by[names[sender]] += count
    wrote = [Wrote(stored_jid(jid), known_as(stored_jid(jid), name), count) for (jid, name), count in by.most_common()]
    answered = {one.arrival for one in lines if any(reaction.from_me for reaction in one.reactions)}
    asked = {place & ARRIVAL_MASK: asked for place, asked in draft.asked.items()}
    return ChatNews(
        chat=chat,
        messages=min(draft.messages, COUNTED) - (len(draft.rows) - len(draft.places)),
        messages_are_more=draft.messages > COUNTED,
        wrote=wrote,
        asked={arrival: why for arrival, why in asked.items() if arrival not in answered},
        mentions=draft.mentions,
        missed_calls=draft.missed_calls,
        group_changes=draft.group_changes,
        lines=lines,
    )


def _chats(connection: StoreConnection, entities: Sequence[int]) -> dict[int, Chat]:
    marks = ", ".join("?" * len(entities))
    rows = connection.execute(f"{CHATS} WHERE chats.entity IN ({marks})", tuple(entities)).fetchall()
    return {row["entity"]: chat for row, chat in zip(rows, chats_view(connection, rows), strict=True)}


def _names(connection: StoreConnection, addresses: set[int]) -> dict[int, tuple[str, str | None]]:
    """JID and name of the person, by address."""
    marks = ", ".join("?" * len(addresses))
    rows = connection.execute(_NAMES.format(addresses=marks), tuple(addresses))
    return {address: (jid, name) for address, jid, name in rows}
