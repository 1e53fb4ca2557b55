"""Polls as readers see them: their options, also those added later, and who chose which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import OPTION_HASH
from whatsapp_mcp.models.views import PollOptionVotes
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
)
from whatsapp_mcp.store.read.stored import texts_of
from whatsapp_mcp.store.rows import stored_jid

MEMBERS_ADD: Final = "members_add_options"
"""In the facts of a poll: not only its author adds options."""
UNKNOWN_OPTION: Final = "(an option that is not known here)"
MOST: Final = 100
"""Options of a poll that are shown though nobody chose them; WhatsApp's polls have 12 at most."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one person last chose in a poll."""

    voter: Jid
    """Canonical."""
    voter_name: str | None
    options: tuple[str, ...]
    """Empty: the vote was withdrawn."""
    voted_at: datetime


_VOTES: Final = (
    "SELECT chat, message_id, target.entity AS author, options, voted_at, person.id AS person, person.jid, person.name"
    f" FROM votes{TARGET}{PERSON} ORDER BY voted_at, options"
)
_ADDED: Final = (
    f"SELECT chat, message_id, target.entity AS author, option, person.id AS person FROM poll_options{TARGET}{PERSON}"
    " ORDER BY added_at, option"
)


def options(connection: StoreConnection, polls: Mapping[Key, Mapping[str, object]]) -> dict[Key, list[str]]:
    """The options of each poll in their order, those that were added later at the end.

    Args:
        polls: the facts of each poll.
    """
    found = {poll: _own_options(facts) for poll, facts in polls.items()}
    for row in rows_about(connection, _ADDED, ids_of(polls), address="sender"):
        poll, option = key_of(row), row["option"]
        if poll not in found or option in found[poll] or len(found[poll]) >= MOST:
            continue
        if row["person"] == poll[2] or polls[poll].get(MEMBERS_ADD):
            found[poll].append(option)
    return found


def _own_options(facts: Mapping[str, object]) -> list[str]:
    listed = facts.get("options")
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


def votes(connection: StoreConnection, polls: Mapping[Key, Sequence[str]]) -> dict[Key, tuple[PollOptionVotes, ...]]:
    """The last choice of each person, by option.

    Args:
        polls: the options of each poll, in their order.
    """
    latest = latest_of(rows_about(connection, _VOTES, ids_of(polls), address="voter"))
    return {poll: _count(options, latest.get(poll, {}).values()) for poll, options in polls.items()}


def ballots(connection: StoreConnection, polls: Mapping[Key, Sequence[str]]) -> dict[Key, tuple[Ballot, ...]]:
    """The last choice of each person, by person, who voted first comes first; ``polls`` as for ``votes``."""
    latest = latest_of(rows_about(connection, _VOTES, ids_of(polls), address="voter"))
    found: dict[Key, tuple[Ballot, ...]] = {}
    for poll, people in latest.items():
        names = _names(people.values(), polls.get(poll, ()))
        found[poll] = tuple(_ballot(row, names) for row in people.values())
    return found


def _names(rows: Iterable[Row], named: Iterable[str]) -> dict[str, str]:
    """How votes name options whose names were not known when they came."""
    if not any(OPTION_HASH in row["options"] for row in rows):
        return {}
    return {f"{OPTION_HASH}{sha256(name.encode('utf-8', 'replace')).hexdigest()}": name for name in named}


def _chosen(row: Row, names: Mapping[str, str]) -> tuple[str, ...]:
    chosen = dict.fromkeys(names.get(option, option) for option in texts_of(row["options"]))
    return tuple(UNKNOWN_OPTION if option.startswith(OPTION_HASH) else option for option in chosen)


def _ballot(row: Row, names: Mapping[str, str]) -> Ballot:
    jid = stored_jid(row["jid"])
    return Ballot(jid, known_as(jid, row["name"]), _chosen(row, names), from_ms(row["voted_at"]))


def _count(listed: Sequence[str], rows: Collection[Row]) -> tuple[PollOptionVotes, ...]:
    voters: dict[str, list[tuple[Jid, str | None]]] = {option: [] for option in listed[:MOST]}
    names = _names(rows, listed)
    for row in rows:
        jid = stored_jid(row["jid"])
        for option in dict.fromkeys(_chosen(row, names)):
            # An option that the poll does not name was added to it later, or is one of too many.
            voters.setdefault(option, []).append((jid, known_as(jid, row["name"])))
    return tuple(
        PollOptionVotes(
            option=option,
            count=len(people),
            voters=tuple(jid for jid, _ in people),
            voter_names=tuple(name for _, name in people),
        )
        for option, people in voters.items()
    )
