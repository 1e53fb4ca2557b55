"""Which messages a page shows and how many there are of them: the queries behind the reader's lists."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from whatsapp_mcp.models.views import Chat, Message
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.choice import search_tables
from whatsapp_mcp.store.read.conditions import Slice, Where
from whatsapp_mcp.store.read.cursors import decode_cursor, encode_cursor
from whatsapp_mcp.store.read.lines import these
from whatsapp_mcp.store.read.restricted import search_scope
from whatsapp_mcp.store.read.views import CHATS, chats_view, messages_query, messages_view
from whatsapp_mcp.store.records import Page, Surroundings
from whatsapp_mcp.store.rows import ARRIVAL_MASK, fitting
from whatsapp_mcp.store.search.query import Filters, Query, Term
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.store.search.tables import FoundPlaces

COUNTED: Final = 250
"""Hits of a search that are counted at most: each costs as much as one that is shown, and ten times as much where words
that are frequent by themselves are seldom together."""
RANKED: Final = 1000
"""Hits that are ranked, and so counted, at most: the newest ones."""
FREQUENT: Final = 1000
"""A word that so many messages have is frequent."""
RARE: Final = 0.1
"""Share of the messages."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """Messages that fit, by their places."""

    sql: str
    """FROM … WHERE …"""
    values: tuple[int | str, ...]

    def places(self, connection: StoreConnection, limit: int, *, offset: int, before: int | None) -> list[int]:
        """Newest first."""
        below = " AND m.place < ?" if before is not None else ""
        rows = connection.execute(
            f"SELECT m.place {self.sql}{below} ORDER BY m.place DESC LIMIT ? OFFSET ?",
            (*self.values, *(() if before is None else (before,)), size(limit), size(offset)),
        )
        return [place for (place,) in rows]


def chat_page(connection: StoreConnection, where: Where, part: Slice) -> Page[Chat]:
    """Chats that fit, the one with the newest message first."""
    joined = "chats JOIN entities ON entities.id = chats.entity" if where.by_name else "chats"
    total = count(connection, f"SELECT count(*) FROM {joined} WHERE {where}", where.values)
    if part.cursor is not None:
        where.add(
            "(coalesce(chats.last_message_at, 0), chats.updated_at, chats.entity) < (?, ?, ?)",
            *decode_cursor(part.cursor, 3),
        )
    rows = connection.execute(
        # WhatsApp's times are whole seconds: what was written later comes first within one.
        f"{CHATS} WHERE {where} ORDER BY chats.last_message_at DESC NULLS LAST, chats.updated_at DESC,"
        " chats.entity DESC LIMIT ? OFFSET ?",
        (*where.values, size(part.limit) + 1, size(part.offset)),
    ).fetchall()
    shown = rows[: max(0, part.limit)]
    cursors = tuple(encode_cursor(row["last_message_at"] or 0, row["updated_at"], row["entity"]) for row in shown)
    return Page(chats_view(connection, shown), total, more=len(rows) > len(shown), cursors=cursors)


def listed(connection: StoreConnection, filters: Filters, span: Span, part: Slice) -> Page[Message]:
    """Messages of the chat of ``filters``, ours or not, with media or not, newest first; all of them are counted."""
    before = _place(part.cursor)
    source = _in_chat(filters, span)
    if span.is_everything:
        total = _counter(connection, filters)
    elif filters.from_me is False and not filters.media_only:
        # Each count by an index alone, without a look at the messages.
        of_all, sent = (_count(connection, _in_chat(replace(filters, from_me=ours), span)) for ours in (None, True))
        total = of_all - sent
    else:
        total = None
    if total is None:
        total = _count(connection, source)
    if total == 0 or part.limit <= 0:
        return Page((), total)
    places = source.places(connection, part.limit + 1, offset=part.offset, before=before)
    return _page(connection, places, part.limit, total)


def _place(cursor: str | None) -> int | None:
    return decode_cursor(cursor, 1)[0] if cursor is not None else None


def _in_chat(filters: Filters, span: Span) -> _Listed:
    index = "messages_media" if filters.media_only else "messages_sent" if filters.from_me else "messages_chat"
    where, values = span.condition("m.place")
    if filters.media_only:
        where += " AND m.has_media = 1"
    if filters.from_me is not None:
        where += f" AND m.from_me = {int(filters.from_me)}"
    assert filters.chat is not None
    sql = f"FROM messages AS m INDEXED BY {index} WHERE m.chat = ? AND {where}"
    return _Listed(sql, (filters.chat, *values))


def _count(connection: StoreConnection, source: _Listed) -> int:
    return count(connection, f"SELECT count(*) {source.sql}", source.values)


def found(
    connection: StoreConnection,
    query: Query,
    filters: Filters,
    span: Span,
    part: Slice,
    *,
    by_relevance: bool = False,
) -> Page[Message]:
    """Messages with all words of ``query``, or words that begin so (``store.search.query`` says which count).

    Newest first or, of the newest ones, the most relevant first: those with the words side by side, then those with
    the words themselves, then short ones.
    """
    before = _place(part.cursor)
    filters = scoped(connection, filters)
    as_typed = query
    most = RANKED if by_relevance else COUNTED
    query, places = widened(connection, query, filters, span, most)
    total, more = min(len(places.newest), most), len(places.newest) > most
    if total == 0 or part.limit <= 0:
        return Page((), total, total_is_more=more)
    if by_relevance:
        better = [one for one in (query.side_by_side(), as_typed if as_typed != query else None) if one is not None]
        best_first = [set(hits(connection, one, filters, span, most).newest) for one in better]
        ranked = _ranked(connection, places.newest[:most], best_first)
        shown = ranked[part.offset : part.offset + part.limit + 1]
        page = _page(connection, shown, part.limit, total, total_is_more=more)
        return replace(page, cursors=())
    start = (0 if before is None else bisect_right(places.newest, -before, key=lambda place: -place)) + part.offset
    if more and start + part.limit >= len(places.newest):
        assert places.source is not None
        shown = places.source.places(connection, size(part.limit + 1), offset=size(part.offset), before=before)
    else:
        shown = places.newest[start : start + part.limit + 1]
    return _page(connection, shown, part.limit, total, total_is_more=more)


def widened(
    connection: StoreConnection, query: Query, filters: Filters, span: Span, most: int = COUNTED
) -> tuple[Query, Hits]:
    """What is searched for in the end, and its hits, at most one more than ``most``."""

    def is_rare(term: Term) -> bool:
        return _is_rare(connection, term)

    wider = query.with_beginnings(lambda term: term.is_long_word and is_rare(term)) or query
    places = hits(connection, wider, filters, span, most)
    if not places.newest and (widest := wider.with_beginnings(is_rare)):
        wider, places = widest, hits(connection, widest, filters, span, most)
    return wider, places


class Hits(NamedTuple):
    source: FoundPlaces | None
    """None: nothing can be found."""
    newest: list[int]
    """Places, one more than was asked for where there are more."""


def hits(connection: StoreConnection, query: Query, filters: Filters, span: Span, most: int = COUNTED) -> Hits:
    """What has exactly these words, at most one more than ``most``; ``filters`` are ``scoped``."""
    source = search_tables(connection).matching(connection, query, filters, span)
    return Hits(source, source.places(connection, most + 1) if source is not None else [])


def own_is_rare(connection: StoreConnection) -> bool:
    sent, all_of_them = connection.execute("SELECT sum(sent_count), sum(message_count) FROM chats").fetchone()
    return bool((sent or 0) < RARE * (all_of_them or 0))


def scoped(connection: StoreConnection, filters: Filters) -> Filters:
    """Without the chats that may not be read, as far as that is quick to say."""
    scope = search_scope(connection)
    return replace(filters, among=scope.among, apart_from=(*filters.apart_from, *scope.apart_from))


def _is_rare(connection: StoreConnection, term: Term) -> bool:
    """A frequent word is meant as it stands; to look for all that begins like it takes long, too."""
    asked = Query(((term,),), (), is_blank=False)
    counted = search_tables(connection).count_matching(connection, asked, scoped(connection, Filters()), FREQUENT)
    return counted is None or counted < FREQUENT


def _ranked(connection: StoreConnection, places: Sequence[int], best_first: Sequence[Collection[int]]) -> list[int]:
    """Those in ``best_first`` first; then the short ones.

    bm25 would count all messages with each word first, and prefer much the same: messages have each word once."""
    sizes = search_tables(connection).lengths(connection, places)
    return sorted(places, key=lambda place: ([place not in better for better in best_first], sizes[place], -place))


def _page(
    connection: StoreConnection, places: Sequence[int], limit: int, total: int, *, total_is_more: bool = False
) -> Page[Message]:
    """The messages at ``places``, of which there is one more than ``limit`` where others follow."""
    found = by_arrival(connection, [place & ARRIVAL_MASK for place in places[:limit]])
    # An index that is out of step, which `doctor` tells of, may name messages that are not there.
    shown = [place for place in places[:limit] if place & ARRIVAL_MASK in found]
    return Page(
        tuple(found[place & ARRIVAL_MASK] for place in shown),
        total,
        total_is_more=total_is_more,
        more=len(places) > limit,
        cursors=tuple(map(encode_cursor, shown)),
    )


def surroundings(
    connection: StoreConnection, messages: Sequence[Message], *, before: int, after: int
) -> tuple[Surroundings, ...]:
    """Around each message, in its chat."""
    found = [_neighbours(connection, message.arrival, before, after) for message in messages]
    wanted = {arrival for sides in found for side in sides for arrival in side}
    shown = by_arrival(connection, sorted(wanted))
    return tuple(Surroundings(*(tuple(shown[arrival] for arrival in side) for side in sides)) for sides in found)


def _neighbours(connection: StoreConnection, arrival: int, before: int, after: int) -> tuple[list[int], list[int]]:
    """Arrivals of the messages before and after one, oldest first."""
    row = connection.execute("SELECT chat, place FROM messages WHERE arrival = ?", (arrival,)).fetchone()
    if row is None:  # taken out since
        return [], []
    near = "SELECT place FROM messages INDEXED BY messages_chat WHERE chat = ? AND place"
    earlier = connection.execute(f"{near} BETWEEN 1 AND ? - 1 ORDER BY place DESC LIMIT ?", (*row, size(before)))
    later = connection.execute(f"{near} > ? ORDER BY place LIMIT ?", (*row, size(after)))
    return (
        [place & ARRIVAL_MASK for (place,) in reversed(earlier.fetchall())],
        [place & ARRIVAL_MASK for (place,) in later],
    )


def by_arrival(connection: StoreConnection, arrivals: Sequence[int]) -> dict[int, Message]:
    """These messages, by their arrivals."""
    if not arrivals:
        return {}
    (rows,) = connection.each(messages_query(these(arrivals), None), [arrivals])
    return {message.arrival: message for message in messages_view(connection, rows)}


def _counter(connection: StoreConnection, filters: Filters) -> int | None:
    """The counters that the writer keeps, where one answers the question."""
    row = connection.execute(
        "SELECT message_count, media_count, sent_count FROM chats WHERE entity = ?", (filters.chat,)
    ).fetchone()
    if row is None:
        return 0
    match filters.media_only, filters.from_me:
        case False, None:
            counted: int = row["message_count"]
        case False, True:
            counted = row["sent_count"]
        case False, False:
            counted = row["message_count"] - row["sent_count"]
        case True, None:
            counted = row["media_count"]
        case _:
            return None
    return counted


def size(number: int) -> int:
    """A limit or offset as SQLite takes it."""
    return fitting(max(0, number))


def count(connection: StoreConnection, sql: str, values: Collection[int | str]) -> int:
    counted: int = connection.execute(sql, tuple(values)).fetchone()[0]
    return counted
