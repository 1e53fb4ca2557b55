"""Notices of what happened to a group: their sentence, with the names that people have now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, TypeVar

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.notices import Named, jids_in, sentence
from whatsapp_mcp.models.views import Line
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.read.annotations import known_as
from whatsapp_mcp.store.rows import stored_jid

M = TypeVar("M", bound=Line)

LISTED: Final = 50
"""People of one notice that are told; of more the number is."""
_AT_ONCE: Final = 500
_NAMED: Final = (
    "SELECT addresses.jid AS address, entities.jid, entities.name, entities.id = (SELECT addresses.entity FROM meta"
    " JOIN addresses ON addresses.jid = meta.value WHERE meta.key = 'owner_number') AS is_owner"
    " FROM addresses JOIN entities ON entities.id = addresses.entity WHERE addresses.jid IN ({marks})"
)


def told(connection: StoreConnection, messages: tuple[M, ...]) -> tuple[M, ...]:
    """The messages, notices among them with their sentence as text."""
    notices = [message for message in messages if message.kind is MessageKind.NOTICE]
    if not notices:
        return messages
    people = _named(connection, {jid for notice in notices for jid in jids_in(notice.extra)})
    return tuple(_told(one, people) if one.kind is MessageKind.NOTICE else one for one in messages)


def _named(connection: StoreConnection, addresses: Collection[str]) -> dict[str, Named]:
    wanted, found = sorted(addresses), dict[str, Named]()
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        for row in connection.execute(_NAMED.format(marks=", ".join("?" * len(some))), some):
            jid = stored_jid(row["jid"])
            found[row["address"]] = Named(jid, row["name"], bool(row["is_owner"]))
    for address in wanted:
        if address not in found:
            with suppress(ValueError):
                found[address] = Named(stored_jid(address))
    return found


def _told(notice: M, people: Mapping[str, Named]) -> M:
    text = sentence(notice.extra, people)
    return replace(notice, text=text or notice.text, extra=_facts(notice.extra, people))


def _facts(stored: Mapping[str, object], people: Mapping[str, Named]) -> dict[str, Any]:
    facts: dict[str, Any] = dict(stored)
    by, listed = stored.get("by"), stored.get("people")
    if isinstance(by, str) and by in people:
        facts |= {"by": str(people[by].jid), "by_name": known_as(people[by].jid, people[by].name)}
    if isinstance(listed, list):
        named: Sequence[Named] = [people[one] for one in listed if one in people]
        facts["people"] = [_person(one.jid, known_as(one.jid, one.name)) for one in named[:LISTED]]
        if len(named) > LISTED:
            facts["people_count"] = len(named)
    return facts


def _person(jid: Jid, name: str | None) -> dict[str, str]:
    return {"jid": str(jid)} | ({"name": name} if name else {})
