"""What a message shows in few words: the part that each message has, and the queries behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.views import Line
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.read.annotations import Key, known_as, reactions, time_or_none
from whatsapp_mcp.store.read.named import Mentioned, NamedPeople, mentions_on
from whatsapp_mcp.store.read.names import name_source
from whatsapp_mcp.store.read.notices import told
from whatsapp_mcp.store.read.stored import FACTS_LIMIT, NOT_SHOWN, TEXT_LIMIT, by_name, each, extras_of
from whatsapp_mcp.store.rows import stored_jid

_LINES: Final = (
    "SELECT m.arrival, m.chat, m.id, m.timestamp, m.from_me, m.kind, substr(m.text, 1, {text_limit}) AS text,"
    " m.mentions, m.forwarded, m.view_once, m.extra, m.revoked_at, media.file_name,"
    " chat.jid AS chat_jid, chat.name AS chat_name, author.jid AS sender_jid, author.name AS sender_name,"
    f" {name_source('author', 'contacts')} AS sender_name_source, author.id AS author{{more}}"
    " FROM ({page}) AS page CROSS JOIN messages AS m ON m.arrival = page.arrival"
    " JOIN entities AS chat ON chat.id = m.chat"
    " JOIN addresses AS wire_sender ON wire_sender.id = m.sender"
    " JOIN entities AS author ON author.id = wire_sender.entity"
    " LEFT JOIN contacts ON contacts.entity = author.id"
    " LEFT JOIN media ON media.arrival = m.arrival{joins}{order}"
)
_KINDS: Final = {kind.value: kind for kind in MessageKind}
"""A later version may have stored kinds that this one does not know."""


def lines_query(page: str, *, order: str | None = None, more: str = "", joins: str = "", text_limit: int) -> str:
    """The rows of which lines are made.

    Args:
        page: a query for the arrivals of the messages to show.
        more: further columns, each after a comma; ``joins``: where they come from.
        text_limit: characters of a message that are read.
    """
    ordered = f" ORDER BY {order}" if order is not None else ""
    return _LINES.format(page=page, order=ordered, more=more, joins=joins, text_limit=text_limit)


def these(arrivals: Sequence[int]) -> str:
    """The page of the messages with these arrivals, which the query takes as its values."""
    return f"SELECT column1 AS arrival FROM (VALUES {', '.join(['(?)'] * len(arrivals))})"


def lines_of(connection: StoreConnection, arrivals: Sequence[int]) -> dict[int, Line]:
    """These messages in few words, by their arrivals."""
    if not arrivals:
        return {}
    (found,) = connection.each(lines_query(these(arrivals), text_limit=TEXT_LIMIT), [arrivals])
    rows = by_name(found)
    keys, shown = keys_of(rows)
    mentioned = mentions_on(rows)
    people = NamedPeople(connection, (jid for one in mentioned for jid in one.people))
    reacted = reactions(connection, shown)

    def line(numbered: tuple[Row, Key, dict[str, object], Mentioned]) -> Line:
        row, key, extra, named = numbered
        said = {} if row["revoked_at"] is not None else said_in(row, extra, named, people)
        return Line(**line_facts(row), **said, reactions=reacted.get(key, ()))

    numbered = list(zip(rows, keys, shown_extras(rows, FACTS_LIMIT), mentioned, strict=True))
    lines = each(numbered, line, lambda row: Line(**remains_of(row[0])))
    return {one.arrival: one for one in told(connection, lines)}


def keys_of(rows: Iterable[Row]) -> tuple[list[Key], list[Key]]:
    """Of all messages, and of those that are not deleted."""
    keys = [(row["chat"], row["id"], row["author"]) for row in rows]
    return keys, [key for row, key in zip(rows, keys, strict=True) if row["revoked_at"] is None]


def shown_extras(rows: Iterable[Row], limit: int) -> list[dict[str, object]]:
    """The facts of each message; none of one that is deleted."""
    return extras_of((row["extra"] if row["revoked_at"] is None else None for row in rows), limit)


def line_facts(row: Row) -> dict[str, Any]:
    """What a revoked message shows too."""
    chat, sender = stored_jid(row["chat_jid"]), stored_jid(row["sender_jid"])
    return {
        "id": row["id"],
        "chat": chat,
        "chat_name": known_as(chat, row["chat_name"]),
        "sender": sender,
        "sender_name": known_as(sender, row["sender_name"]),
        "sender_name_source": row["sender_name_source"],
        "from_me": bool(row["from_me"]),
        "timestamp": from_ms(row["timestamp"]),
        "kind": _KINDS.get(row["kind"], MessageKind.OTHER),
        "forwarded": bool(row["forwarded"]),
        "view_once": bool(row["view_once"]),
        "revoked_at": time_or_none(row["revoked_at"]),
        "arrival": row["arrival"],
    }


def said_in(row: Row, extra: dict[str, object], mentioned: Mentioned, people: NamedPeople) -> dict[str, Any]:
    """What a revoked message does not show any more."""
    said = {"text": people.spoken(row["text"], mentioned.people), "file_name": row["file_name"], "extra": extra}
    if mentioned.addresses:
        said["mentions"] = tuple(map(people.person, mentioned.people))
        said["more_mentions"] = mentioned.more
        said["mentions_us"] = people.are_we(mentioned)
    if extra.get("mentions_all") is True:
        said["mentions_us"] = True
    return said


def remains_of(row: Row) -> dict[str, Any]:
    """Of a row from which nothing can be made: which message it is."""
    return {
        "id": row["id"],
        "chat": stored_jid(row["chat_jid"]),
        "sender": stored_jid(row["sender_jid"]),
        "from_me": bool(row["from_me"]),
        "timestamp": from_ms(row["timestamp"]),
        "kind": MessageKind.OTHER,
        "extra": {"note": NOT_SHOWN},
        "arrival": row["arrival"],
    }
