"""Who voted for what in a poll, and who has not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import GroupMember, Message
from whatsapp_mcp.store.read.reader import StoreReader

NAMED: Final = 100
"""People that one list names."""

Person = tuple[Jid, str | None]


def named_people(people: Iterable[Person]) -> list[dict[str, Any]]:
    """As results name people: JID and best known name, the first ones."""
    return [{"jid": str(jid), "name": name} for jid, name in list(people)[:NAMED]]


def poll_json(store: StoreReader, poll: Message, asked: Sequence[GroupMember] | None) -> dict[str, Any]:
    """The votes, and who is ``asked`` and has chosen nothing; None: that is not known."""
    voters = {jid for option in poll.votes for jid in option.voters}
    results: dict[str, Any] = {
        "votes": [
            {
                "option": option.option,
                "count": option.count,
                "voters": named_people(zip(option.voters, option.voter_names, strict=True)),
            }
            for option in poll.votes
        ],
        "voted": len(voters),
    }
    if asked is None:
        return results
    # Whoever voted under one address may be a member under the other.
    known = {each for jid in voters for each in (jid, store.number_of(jid)) if each is not None}
    silent = [member for member in asked if not known & {member.jid, member.lid}]
    people = named_people((member.jid, store.display_name(member.jid)) for member in silent)
    return results | {"not_voted": people, "not_voted_count": len(silent)}
