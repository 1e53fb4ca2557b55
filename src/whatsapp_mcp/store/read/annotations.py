"""What readers see on a message or chat beside its own row: reactions, labels, receipts; and how that is looked up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.models.views import Reaction, ReceiptView
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.rows import stored_jid

Id = tuple[int, str]
"""Chat (an entity) and id: of one message, or of a few by different authors."""
Key = tuple[int, str, int]
"""Chat, id and author of a message; chat and author are entities."""


PERSON: Final = (
    " JOIN addresses ON addresses.id = {address} JOIN entities AS person ON person.id = addresses.entity"
    " WHERE (chat, message_id) IN (VALUES {wanted})"
)
TARGET: Final = " JOIN addresses AS target ON target.id = author"
"""What is about no message in particular has no such address, and is not shown."""
_REACTIONS: Final = (
    "SELECT chat, message_id, target.entity AS author, emoji, from_me, reacted_at, person.id AS person, person.jid,"
    f" person.name FROM reactions{TARGET}{PERSON} ORDER BY reacted_at, sender"
)
_RECEIPTS: Final = (
    "SELECT chat, message_id, min(delivered_at) AS delivered_at, min(read_at) AS read_at, min(played_at) AS played_at,"
    f" person.jid, person.name FROM receipts{PERSON} AND from_me = 0 GROUP BY chat, message_id, person.id"
    " ORDER BY coalesce(min(delivered_at), min(read_at), min(played_at)) NULLS FIRST, person.jid"
)
_CHAT_LABELS: Final = (
    "SELECT chat, labels.name FROM chat_labels JOIN labels ON labels.id = label AND labels.deleted = 0"
    " WHERE chat IN ({wanted}) AND labelled = 1 ORDER BY labels.name, labels.id"
)
_MESSAGE_LABELS: Final = (
    f"SELECT chat, message_id, target.entity AS author, label, labels.name, labelled FROM message_labels{TARGET}"
    " JOIN labels ON labels.id = label AND labels.deleted = 0"
    " WHERE (chat, message_id) IN (VALUES {wanted}) ORDER BY message_labels.changed_at, labelled"
)


def time_or_none(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)


def known_as(jid: Jid, name: str | None) -> str | None:
    """The name, else the phone number with a plus sign; None for who has neither."""
    return name or (f"+{jid.user}" if jid.server == USER and jid.user else None)


def reactions(connection: StoreConnection, wanted: Sequence[Key]) -> dict[Key, tuple[Reaction, ...]]:
    """The last reaction of each person, those taken back left out."""
    latest = latest_of(rows_about(connection, _REACTIONS, ids_of(wanted), address="sender"))
    return {message: tuple(_reactions(people.values())) for message, people in latest.items()}


def message_labels(connection: StoreConnection, wanted: Sequence[Key]) -> dict[Key, tuple[str, ...]]:
    """Names of the labels, in alphabetical order."""
    found: dict[Key, dict[str, str]] = {}
    if wanted and _any_labels(connection):
        for row in rows_about(connection, _MESSAGE_LABELS, ids_of(wanted)):
            names = found.setdefault(key_of(row), {})
            names.pop(row["label"], None)
            if row["labelled"]:
                names[row["label"]] = row["name"]
    return {key: tuple(name for _, name in sorted(names.items(), key=_by_name)) for key, names in found.items()}


def chat_labels(connection: StoreConnection, wanted: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Names of the labels, in alphabetical order; ``wanted``: entities of chats."""
    found: dict[int, tuple[str, ...]] = {}
    if wanted and _any_labels(connection):
        sql = _CHAT_LABELS.format(wanted=", ".join("?" * len(wanted)))
        for chat, name in connection.execute(sql, tuple(wanted)):
            found[chat] = (*found.get(chat, ()), name)
    return found


def receipts(connection: StoreConnection, wanted: Sequence[Id]) -> dict[Id, tuple[ReceiptView, ...]]:
    """Of other people, for our own messages, in the order in which they got the message."""
    found: dict[Id, tuple[ReceiptView, ...]] = {}
    for row in rows_about(connection, _RECEIPTS, wanted, address="sender"):
        jid, message = stored_jid(row["jid"]), (row["chat"], row["message_id"])
        receipt = ReceiptView(
            jid=jid,
            name=known_as(jid, row["name"]),
            delivered_at=time_or_none(row["delivered_at"]),
            read_at=time_or_none(row["read_at"]),
            played_at=time_or_none(row["played_at"]),
        )
        found[message] = (*found.get(message, ()), receipt)
    return found


def rows_about(connection: StoreConnection, sql: str, wanted: Sequence[Id], *, address: str = "") -> Iterable[Row]:
    """Rows of ``sql``, in which ``{wanted}`` stands for these ids and ``{address}`` for a column."""
    if not wanted:
        return ()
    return connection.execute(sql.format(address=address, wanted=_marks(wanted)), _flat(wanted))


def _marks(wanted: Sequence[Id]) -> str:
    return ", ".join(["(?, ?)"] * len(wanted))


def _flat(wanted: Sequence[Id]) -> list[int | str]:
    return [value for key in wanted for value in key]


def ids_of(wanted: Iterable[Key]) -> list[Id]:
    return [(chat, message_id) for chat, message_id, _ in wanted]


def key_of(row: Row) -> Key:
    return row["chat"], row["message_id"], row["author"]


def _by_name(label: tuple[str, str]) -> tuple[str, str]:
    return label[1], label[0]


def _any_labels(connection: StoreConnection) -> bool:
    """Only business accounts have labels: most need not look for any."""
    return connection.execute("SELECT 1 FROM labels LIMIT 1").fetchone() is not None


def latest_of(rows: Iterable[Row]) -> dict[Key, dict[int, Row]]:
    """By message, the last row of each person (who may have two addresses), in order."""
    latest: dict[Key, dict[int, Row]] = {}
    for row in rows:
        people = latest.setdefault(key_of(row), {})
        people.pop(row["person"], None)
        people[row["person"]] = row
    return latest


def _reactions(rows: Iterable[Row]) -> Iterable[Reaction]:
    for row in rows:
        if row["emoji"]:
            jid = stored_jid(row["jid"])
            yield Reaction(
                sender=jid,
                sender_name=known_as(jid, row["name"]),
                emoji=row["emoji"],
                from_me=bool(row["from_me"]),
                reacted_at=from_ms(row["reacted_at"]),
            )
