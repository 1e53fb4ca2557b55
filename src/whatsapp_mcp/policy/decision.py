"""Whether the owner is asked about a call, and why. Pure: a call, the rules and what the conversation has read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.policy.call import Call, Party
from whatsapp_mcp.policy.rules import Ask, When
from whatsapp_mcp.policy.taint import ANYBODY

_LONG: Final = 40
"""Characters of one piece of an address that could carry something out."""
_LONG_TOGETHER: Final = 80
"""Characters of a path, or of a host, that could: cut into short pieces, a text is as long."""

_TOLD: Final[Mapping[str, str]] = {
    "first_contact": "somebody would hear from the owner for the first time",
    "other_chat": "text of another chat was read before in this conversation",
    "files": "a file of the owner's would be sent",
    "links": "the address of a link can carry something out",
    "secrets": "it holds what looks like a secret, or somebody's number",
    "deletes": "something would be removed",
    "groups": "a group or chat would be changed for all who are in it",
    "account": "the account would be changed",
}


class Reason(NamedTuple):
    """Why the owner is asked."""

    rule: str
    """A field of `Ask`."""
    why: str
    """The end of the sentence "You are asked because …", for the owner alone: it can name people and groups by names
    that others chose."""

    @property
    def told(self) -> str:
        """The same for the caller, in our words only."""
        return _TOLD[self.rule]


class Seen(NamedTuple):
    """What of other people's words the conversation has had in front of it."""

    chats: frozenset[Jid] = frozenset()
    """Whose texts were read."""
    names: bool = False
    """Any words of others, be they only names."""


def reasons(call: Call, ask: Ask, seen: Seen, *, trusted: bool = False) -> tuple[Reason, ...]:
    """Why the owner has to be asked, in the order of `Ask`; nothing when the call may go through.

    ``trusted``: the owner named the chat as one to which whatever was read may be sent.
    """
    return tuple(
        reason
        for reason, tainted in _worth_asking(call, seen, trusted=trusted)
        if _asked(getattr(ask, reason.rule), tainted=tainted)
    )


def _asked(when: When, *, tainted: bool) -> bool:
    return when == "always" or (when == "tainted" and tainted)


def _worth_asking(call: Call, seen: Seen, *, trusted: bool) -> Iterator[tuple[Reason, bool]]:
    """Each reason that there could be, and whether words of others may have led to it."""
    act = call.operation.touches.act
    if strangers := [party.called for party in call.strangers]:
        why = f"{_listed(strangers)} {'is' if len(strangers) == 1 else 'are'} not among those whom you know"
        yield Reason("first_contact", why), bool(seen.chats)
    if act in ("send", "arrange") and call.chats and not trusted:
        read = {*seen.chats, *([call.source] if call.source else [])}
        others = {chat for target in call.chats for chat in read - {target.jid}}
        why = f"{_others(others)} was read before in this conversation" if others else "it goes to a chat"
        yield Reason("other_chat", why), bool(others)
    if any(file.local for file in call.files) and not trusted:
        files = _listed([file.called for file in call.files if file.local])
        yield Reason("files", f"a file of yours would be sent: {files}"), bool(seen.chats)
    for link in call.links:
        if carries(link):
            yield Reason("links", "the address of the link can carry something out"), bool(seen.chats)
    if call.secrets:
        yield Reason("secrets", f"it holds {_listed(call.secrets)}"), seen.names
    elif seen.chats and not trusted and (given_away := _given_away(call)):
        yield Reason("secrets", f"it holds {_listed(given_away)}"), True
    if act == "delete" and not call.stops_own:
        yield Reason("deletes", "something would be removed"), seen.names
    if act == "group":
        yield Reason("groups", "a group or chat would be changed for all who are in it"), seen.names
    if act == "account":
        yield Reason("account", "your account would be changed"), seen.names


def _given_away(call: Call) -> list[str]:
    """Whose numbers others would learn: those in the texts, and those on a contact card."""
    cards = call.people if call.operation.touches.act == "send" else ()
    at = {party.jid for party in call.chats}
    return [*call.others_numbers, *(party.called for party in cards if _is_news(party) and party.jid not in at)]


def _is_news(party: Party) -> bool:
    """Whether others would learn from the owner how this person is reached."""
    return party.facts.known and not party.facts.own


def _others(chats: set[Jid]) -> str:
    known = len(chats - {ANYBODY})
    if not known:
        return "text of somebody else"
    return "another chat" if known == 1 else f"text of {known} other chats"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    few = list(dict.fromkeys(names))
    return ", ".join(few[:3]) + (f" and {len(few) - 3} more" if len(few) > 3 else "")


def carries(link: str) -> bool:
    """Whether opening this address could tell its server more than which page is wanted: a query, a user, a fragment,
    a piece of path or host that is long or encoded, or many short ones."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return True
    if parts.query or parts.fragment or "@" in parts.netloc or unquote(parts.path) != parts.path:
        return True
    if len(parts.path) > _LONG_TOGETHER or len(parts.netloc) > _LONG_TOGETHER:
        return True
    return any(len(piece) > _LONG for piece in (*parts.path.split("/"), *parts.netloc.split(".")))
