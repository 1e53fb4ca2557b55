"""Who is named inside a message: whom it mentions, and whose cards it shows. As for senders: the number where it is
known, and the best name.

What people write says "@" and the digits of an address, in a group mostly those of a LID, which say nothing to who
reads it; WhatsApp shows the name there, and so do we.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from whatsapp_mcp.jid import LID, USER, Jid
from whatsapp_mcp.models.views import NamedPerson
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.read.annotations import known_as
from whatsapp_mcp.store.read.stored import LIST_LIMIT
from whatsapp_mcp.store.rows import stored_jid

CARDS: Final = 20
"""People that are named of the cards of one message."""
MENTIONS: Final = 100
"""People that are named of those whom one message mentions, beside those whose addresses stand in its text."""
ON_A_PAGE: Final = 5_000
"""The same of all messages of a page; more are not in any result, and looking them up would take seconds."""
_AT_ONCE: Final = 500
"""Addresses looked up in one query."""
_NAME_LENGTH: Final = 60
_MENTION: Final = re.compile(r"@([0-9]{5,20})(?![0-9])")
_ACCOUNT: Final = re.compile(r"waid=([0-9]{5,20})(?![0-9])|(?<![0-9])([0-9]{5,20})@lid\b", re.IGNORECASE)
"""How a card names the WhatsApp account that a number has: ``TEL;waid=4915112345678:+49 151 12345678``."""


class Mentioned(NamedTuple):
    """Whom a message mentions."""

    people: tuple[Jid, ...] = ()
    """Those who are to be named."""
    addresses: Sequence[str] = ()
    """Of all."""

    @property
    def more(self) -> int:
        """How many are only counted."""
        return len(self.addresses) - len(self.people)


_NOBODY: Final = Mentioned()


def mentions_on(rows: Iterable[Row], limit: int = ON_A_PAGE) -> list[Mentioned]:
    """Whom each message of a page mentions; nobody where it is deleted."""
    found: list[Mentioned] = []
    for row in rows:
        if not row["mentions"] or row["revoked_at"] is not None:  # as most
            found.append(_NOBODY)
            continue
        addresses = row["mentions"].split(maxsplit=LIST_LIMIT)[:LIST_LIMIT]
        named = addresses[:MENTIONS]
        if len(addresses) > MENTIONS and "@" in row["text"]:
            spoken = set(_MENTION.findall(row["text"]))
            named += [address for address in addresses[MENTIONS:] if address.partition("@")[0] in spoken]
        named = named[:limit]
        limit -= len(named)
        found.append(Mentioned(tuple(map(stored_jid, named)), addresses))
    return found


class NamedPeople:
    """Those whom the messages of a page name, looked up at once."""

    def __init__(self, connection: StoreConnection, wanted: Iterable[Jid]) -> None:
        distinct = dict.fromkeys(wanted)
        self._known = dict(_known(connection, distinct))
        sql = "SELECT value FROM meta WHERE key IN ('owner_number', 'owner_lid')"
        self._own = {str(value) for (value,) in connection.execute(sql)} if distinct else set()

    @property
    def by_address(self) -> dict[Jid, NamedPerson]:
        """Those who are known, by the address that was wanted."""
        return dict(self._known)

    def person(self, jid: Jid) -> NamedPerson:
        """Canonical, and named where a name or number is known."""
        return self._known.get(jid) or NamedPerson(jid=jid, name=known_as(jid, None))

    def spoken_unasked(self, text: str) -> str:
        """The same for a text of which nobody says whom it mentions, as a quoted one: those who are known here."""
        return self.spoken(text, [jid for jid in written_to(text) if jid in self._known])

    def are_we(self, mentioned: Mentioned) -> bool:
        """Whether we are among them."""
        canonical = (str(self._known[jid].jid) for jid in mentioned.people if jid in self._known)
        return not self._own.isdisjoint(mentioned.addresses) or not self._own.isdisjoint(canonical)

    def spoken(self, text: str, mentioned: Iterable[Jid]) -> str:
        """The text with the names of those whom it mentions, where their addresses stand in it."""
        if "@" not in text:
            return text
        names = {jid.user: name for jid in mentioned if (name := self.person(jid).name)}
        return _MENTION.sub(lambda found: f"@{_short(names[found[1]])}" if found[1] in names else found[0], text)


def written_to(text: str | None) -> Iterator[Jid]:
    """Addresses that may stand behind the mentions in a text for which nobody says whom it mentions (a quoted one)."""
    if not text or "@" not in text:  # as in most
        return
    for digits in dict.fromkeys(_MENTION.findall(text)):
        yield from (Jid(digits, LID), Jid(digits, USER))


def on_cards(extra: Mapping[str, object]) -> list[Jid]:
    """The WhatsApp accounts on the cards that a message shows."""
    cards = extra.get("vcards")
    if not isinstance(cards, list):  # as in most
        return []
    found = [account for card in cards if isinstance(card, str) for account in _ACCOUNT.findall(card)]
    return list(dict.fromkeys(Jid(number, USER) if number else Jid(lid, LID) for number, lid in found))[:CARDS]


def _short(name: str) -> str:
    name = " ".join(name.split())
    return name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]}…"


def _known(connection: StoreConnection, wanted: Mapping[Jid, None]) -> Iterator[tuple[Jid, NamedPerson]]:
    texts = [str(jid) for jid in wanted]
    for start in range(0, len(texts), _AT_ONCE):
        some = texts[start : start + _AT_ONCE]
        rows = connection.execute(
            "SELECT addresses.jid AS address, entities.jid, entities.name FROM addresses"
            f" JOIN entities ON entities.id = addresses.entity WHERE addresses.jid IN ({', '.join('?' * len(some))})",
            some,
        )
        for address, jid, name in rows:
            canonical = stored_jid(jid)
            yield stored_jid(address), NamedPerson(jid=canonical, name=known_as(canonical, name))
