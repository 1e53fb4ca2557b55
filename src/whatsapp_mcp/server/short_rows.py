"""Lists in few words: what every row of a page would repeat stands once beside them. docs/results.md says it to users.

- A row has nothing that is null, false, 0 or empty.
- ``common`` holds what all rows have in common. Of one row nothing is common, nor what a row is about (`_OWN`).
- ``people`` and ``chats`` tell, once, to whom the names in the rows belong: a row then has the name without the JID.
  That is so for whoever is named often enough to make it shorter, and by a name that nobody else on the page has.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

JsonObject = dict[str, Any]

COMMON: Final = "common"
PEOPLE: Final = "people"
CHATS: Final = "chats"

_OWN: Final = frozenset({"message_id", "content", "timestamp", "name", "jid"})
"""What a row is about, and stays in it although the others say the same."""
_FRAME: Final = 14
"""Bytes of an object or list beside the rows, and its name."""


def trimmed(row: JsonObject) -> JsonObject:
    """A row without what is absent, not so, none or empty."""
    return {name: value for name, value in row.items() if value or (isinstance(value, float) and value != 0)}


def factored(rows: Sequence[JsonObject]) -> JsonObject:
    """What stands beside ``rows``, from which it is taken away; together they are never longer than before."""
    if len(rows) < 2:
        return {}
    beside = _common(rows)
    for table, key in ((PEOPLE, "jid"), (CHATS, "chat_jid")):
        if entries := _told_once(rows, key):
            beside[table] = entries
    return beside


def _common(rows: Sequence[JsonObject]) -> JsonObject:
    first, *others = rows
    same = {
        name: value
        for name, value in first.items()
        if name not in _OWN and all(name in row and row[name] == value for row in others)
    }
    if _size(same) * len(others) < _FRAME:
        return {}
    for row in rows:
        for name in same:
            del row[name]
    return {COMMON: same} if same else {}


@dataclass
class _Bearer:
    """Whoever bears a name on a page."""

    entry: JsonObject
    places: list[tuple[JsonObject, str, str]] = field(default_factory=list)
    """Objects that name the bearer, with the names of their fields for address and for the name's origin."""

    @property
    def saved(self) -> int:
        """Bytes by which the page is shorter when it is told once."""
        inline = sum(
            _size({name: where[name] for name in (jid, source) if name in where}) - 1
            for where, jid, source in self.places
        )
        return inline - _size(self.entry) - 1


def _told_once(rows: Sequence[JsonObject], key: str) -> list[JsonObject]:
    """Entries for those who are better told once; the rows lose their addresses."""
    bearers: dict[str, _Bearer] = {}
    names: defaultdict[str, set[str | None]] = defaultdict(set)
    for where in (each for row in rows for each in _objects(row)):
        for prefix, name in _names(where):
            jid_field, source = f"{prefix}jid", f"{prefix}name_source"
            jid = where.get(jid_field)
            names[name].add(jid if isinstance(jid, str) else None)
            if not isinstance(jid, str) or (prefix == "chat_") != (key == "chat_jid"):
                continue
            origin = {"name_source": where[source]} if source in where else {}
            entry = {key: jid, "name": name, **origin}
            bearer = bearers.setdefault(jid, _Bearer(entry))
            if bearer.entry == entry:
                bearer.places.append((where, jid_field, source))
    moved = [one for jid, one in bearers.items() if names[one.entry["name"]] == {jid} and one.saved > 0]
    if sum(one.saved for one in moved) < _FRAME:
        return []
    for one in moved:
        for where, jid_field, source in one.places:
            where.pop(jid_field)
            where.pop(source, None)
    return [one.entry for one in moved]


def _names(where: JsonObject) -> list[tuple[str, str]]:
    """Names in an object, each with what stands before ``name`` and ``jid`` in the names of their fields."""
    ends = [(key.removesuffix("name"), value) for key, value in where.items() if key == "name" or key.endswith("_name")]
    return [(prefix, value) for prefix, value in ends if isinstance(value, str) and value.strip()]


def _objects(value: Any) -> Iterator[JsonObject]:
    """All objects in a row, the row included."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
