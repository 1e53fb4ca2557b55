"""What stands on a message that others put there: pins, keeps, and the answers to an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from whatsapp_mcp.clock import from_ms, now_ms
from whatsapp_mcp.models.content import EventAnswer
from whatsapp_mcp.models.views import Attendee, Mark
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.read.annotations import (
    PERSON,
    TARGET,
    Key,
    ids_of,
    key_of,
    known_as,
    latest_of,
    rows_about,
    time_or_none,
)
from whatsapp_mcp.store.rows import stored_jid

_SELECT: Final = "SELECT chat, message_id, target.entity AS author, person.id AS person, person.jid, person.name, "
_PINS: Final = f"{_SELECT}pinned AS is_on, until, pinned_at AS since FROM pins{TARGET}{PERSON} ORDER BY since, is_on"
_KEEPS: Final = (
    f"{_SELECT}kept AS is_on, NULL AS until, kept_at AS since FROM keeps{TARGET}{PERSON} ORDER BY since, is_on"
)
_ANSWERS: Final = (
    f"{_SELECT}answer, guests, answered_at FROM answers{TARGET}{PERSON} ORDER BY answered_at, answer, person.jid"
)


def pins(connection: StoreConnection, wanted: Sequence[Key]) -> dict[Key, Mark]:
    """Messages that are pinned now, and who pinned them."""
    return _marks(connection, "pins", _PINS, wanted)


def keeps(connection: StoreConnection, wanted: Sequence[Key]) -> dict[Key, Mark]:
    """Disappearing messages that somebody keeps for all."""
    return _marks(connection, "keeps", _KEEPS, wanted)


def answers(connection: StoreConnection, events: Sequence[Key]) -> dict[Key, tuple[Attendee, ...]]:
    """The last answer of each person, who answered first comes first."""
    latest = latest_of(rows_about(connection, _ANSWERS, ids_of(events), address="sender"))
    return {
        event: tuple(_attendee(row) for row in people.values() if row["answer"]) for event, people in latest.items()
    }


def _marks(
    connection: StoreConnection, table: Literal["pins", "keeps"], sql: str, wanted: Sequence[Key]
) -> dict[Key, Mark]:
    found: dict[Key, Mark] = {}
    if not wanted or connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None:  # as in most accounts
        return found
    now = now_ms()
    for row in rows_about(connection, sql, ids_of(wanted), address="sender"):
        jid, until = stored_jid(row["jid"]), row["until"]
        found.pop(key_of(row), None)
        if row["is_on"] and (until is None or until > now):
            found[key_of(row)] = Mark(
                by=jid, by_name=known_as(jid, row["name"]), since=from_ms(row["since"]), until=time_or_none(until)
            )
    return found


def _attendee(row: Row) -> Attendee:
    jid = stored_jid(row["jid"])
    return Attendee(
        jid=jid,
        name=known_as(jid, row["name"]),
        answer=EventAnswer(row["answer"]),
        guests=max(row["guests"], 0),
        answered_at=from_ms(row["answered_at"]),
    )
