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
from whatsapp_mcp.models.views import Chat, Message
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.read.annotations import known_as
from whatsapp_mcp.store.read.cursors import decode_cursor, encode_cursor
from whatsapp_mcp.store.read.listing import by_arrival
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
"""Characters of a message in which a question is looked for."""
_ROWS: Final = (
    f"SELECT place, from_me, kind, sender, revoked_at, substr(text, 1, {_TEXT}) AS text, mentions, reply_to_sender,"
    " instr(extra, '\"mentions_all\":true') > 0 AS mentions_all,"
    f' instr(extra, \'"outcome":"{CallOutcome.MISSED}"\') > 0 AS missed'
    f" FROM messages WHERE arrival IN (SELECT place & {ARRIVAL_MASK} {{source}} ORDER BY place DESC LIMIT {EXAMINED})"
    " ORDER BY place DESC"
)
_NAMES: Final = (
    "SELECT addresses.id, person.jid, person.name FROM addresses"
    " CROSS JOIN entities AS person ON person.id = addresses.entity WHERE addresses.id IN ({addresses})"
)
_OWN: Final = (
    "SELECT jid FROM addresses WHERE entity IN (SELECT entity FROM addresses"
    " WHERE jid IN (SELECT value FROM meta WHERE key IN ('owner_number', 'owner_lid')))"
)

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
    """Those examined that were not deleted."""
    revoked: int = 0
    asked: dict[int, Asked] = field(default_factory=dict)
    mentions: int = 0
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
    for source in (_SINCE, _LATE) if stretch.late < stretch.until else (_SINCE,):
        _examine(connection, source.format(chat=":chat"), stretch, drafts)
    for draft in drafts:
        examined = draft.rows[:EXAMINED]
        draft.rows = [row for row in examined if row["revoked_at"] is None]
        draft.revoked = len(examined) - len(draft.rows)
    told = [None if all(row["from_me"] for row in draft.rows) else draft for draft in drafts]
    theirs = [draft for draft in told if draft is not None]
    for draft, ((answered,),) in zip(theirs, connection.each(_LAST_OWN, _of_chats(stretch, theirs)), strict=True):
        _choose(draft, answered or 0, own, lines)
    return told


def _of_chats(stretch: Stretch, drafts: Iterable[_Draft]) -> list[dict[str, int]]:
    values = _values(stretch)
    return [values | {"chat": draft.entity} for draft in drafts]


def _examine(connection: StoreConnection, source: str, stretch: Stretch, drafts: Sequence[_Draft]) -> None:
    more = []
    for draft, found in zip(
        drafts, connection.each(_ROWS.format(source=source), _of_chats(stretch, drafts)), strict=True
    ):
        draft.rows += found
        draft.messages += len(found)
        if len(found) == EXAMINED:  # and there may be more
            more.append(draft)
    for draft, ((counted,),) in zip(
        more, connection.each(_COUNT.format(source=source), _of_chats(stretch, more)), strict=True
    ):
        draft.messages += counted - EXAMINED


def _choose(draft: _Draft, answered: int, own: set[str], lines: int) -> None:
    """What seems to ask something, and which lines are shown. ``answered``: the place of the owner's last message."""
    for row in draft.rows:
        asked = _asked(row, own)
        draft.mentions += asked is Asked.MENTION
        if asked is not None and row["place"] > answered:
            draft.asked[row["place"] & ARRIVAL_MASK] = asked
    newest = [row["place"] & ARRIVAL_MASK for row in draft.rows[:lines]]
    asking = list(islice((arrival for arrival in draft.asked if arrival not in newest), ASKED_AT_MOST))
    draft.shown = [*reversed(asking), *reversed(newest)]


def _asked(row: Row, own: set[str]) -> Asked | None:
    """Whether somebody seems to want something of the owner, going by form alone."""
    if row["from_me"] or row["kind"] in (MessageKind.NOTICE, MessageKind.CALL):
        return None
    if row["mentions_all"] or not own.isdisjoint((row["mentions"] or "").split()):
        return Asked.MENTION
    if row["reply_to_sender"] in own:
        return Asked.REPLY
    text = row["text"]
    if _MARK.search(text) is None:  # as in most
        return None
    return Asked.QUESTION if _QUESTION.search(_LINK.sub(" ", text)) else None


def _told(connection: StoreConnection, drafts: Sequence[_Draft]) -> Iterator[ChatNews]:
    messages = by_arrival(connection, [arrival for draft in drafts for arrival in draft.shown])
    chats = _chats(connection, [draft.entity for draft in drafts])
    names = _names(connection, {row["sender"] for draft in drafts for row in draft.rows if not row["from_me"]})
    for draft in drafts:
        if draft.entity in chats:
            shown = [messages[arrival] for arrival in draft.shown if arrival in messages]
            yield _news(draft, chats[draft.entity], shown, names)


def _news(draft: _Draft, chat: Chat, lines: Sequence[Message], names: dict[int, tuple[str, str | None]]) -> ChatNews:
    written = (row["sender"] for row in draft.rows if not row["from_me"] and row["kind"] != MessageKind.NOTICE)
    by = Counter(names[sender] for sender in written if sender in names)
    wrote = [Wrote(stored_jid(jid), known_as(stored_jid(jid), name), count) for (jid, name), count in by.most_common()]
    answered = {one.arrival for one in lines if any(reaction.from_me for reaction in one.reactions)}
    return ChatNews(
        chat=chat,
        messages=min(draft.messages, COUNTED) - draft.revoked,
        messages_are_more=draft.messages > COUNTED,
        wrote=wrote,
        examined=len(draft.rows),
        asked={arrival: asked for arrival, asked in draft.asked.items() if arrival not in answered},
        mentions=draft.mentions,
        missed_calls=sum(row["kind"] == MessageKind.CALL and bool(row["missed"]) for row in draft.rows),
        group_changes=sum(row["kind"] == MessageKind.NOTICE for row in draft.rows),
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
