"""Who is named inside a message: whom it mentions, and whose cards it shows. As for senders: the number where it is
known, and the best name.

What people write says "@" and the digits of an address, in a group mostly those of a LID, which say nothing to who
reads it; WhatsApp shows the name there, and so do we.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from whatsapp_mcp.jid import LID, USER, Jid
from whatsapp_mcp.models.views import NamedPerson
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.read.annotations import known_as
from whatsapp_mcp.store.rows import stored_jid

CARDS: Final = 20
"""People that are named of the cards of one message."""
_AT_ONCE: Final = 500
"""Addresses looked up in one query."""
_NAME_LENGTH: Final = 60
_MENTION: Final = re.compile(r"@([0-9]{5,20})(?![0-9])")
_ACCOUNT: Final = re.compile(r"waid=([0-9]{5,20})(?![0-9])|(?<![0-9])([0-9]{5,20})@lid\b", re.IGNORECASE)
"""How a card names the WhatsApp account that a number has: ``TEL;waid=4915112345678:+49 151 12345678``."""


class NamedPeople:
    """Those whom the messages of a page name, looked up at once."""

    def __init__(self, connection: StoreConnection, wanted: Iterable[Jid]) -> None:
        self._known = dict(_known(connection, dict.fromkeys(wanted)))
        sql = "SELECT value FROM meta WHERE key IN ('owner_number', 'owner_lid')"
        self._own = {str(value) for (value,) in connection.execute(sql)} if self._known else set()

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

    def is_us(self, jid: Jid) -> bool:
        return str(jid) in self._own or str(self.person(jid).jid) in self._own

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
