"""Lists in few words: what every row of a page would repeat stands once beside them. docs/results.md says it to users.

- A row has nothing that is null, false, 0 or empty.
- ``common`` holds what all rows have in common. Of one row nothing is common, nor what a row is about (`_OWN`).
- ``people`` and ``chats`` tell, once, to whom the names in the rows belong: a row then has the name without the JID.
  That is so for whoever is named often enough to make it shorter, and by a name that nobody else on the page has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

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
    return {name: value for name, value in row.items() if value}


def factored(rows: Sequence[JsonObject]) -> JsonObject:
    """What stands beside ``rows``, from which it is taken away; together they are never longer than before."""
    if len(rows) < 2:
        return {}
    beside = _common(rows)
    named: list[_Named] = []
    _find_names(rows, named)
    borne: defaultdict[str, set[str | None]] = defaultdict(set)
    for one in named:
        borne[one.name].add(one.jid)
    for table, key in ((PEOPLE, "jid"), (CHATS, "chat_jid")):
        of_table = [one for one in named if (one.prefix == "chat_") == (key == "chat_jid")]
        if entries := _told_once(of_table, borne, key):
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


class _Named(NamedTuple):
    """A name in an object of a row."""

    where: JsonObject
    prefix: str
    """Stands before ``name``, ``jid`` and ``name_source`` in the names of the fields."""
    name: str
    jid: str | None
    source: str | None

    def inline(self) -> list[str]:
        """The fields that say whose the name is."""
        return [field for field in (f"{self.prefix}jid", f"{self.prefix}name_source") if field in self.where]

    def entry(self, key: str) -> JsonObject:
        """The same, told beside the rows."""
        return {key: self.jid, "name": self.name} | ({"name_source": self.source} if self.source is not None else {})


def _find_names(value: JsonObject | Sequence[Any], found: list[_Named]) -> None:
    """All names in ``value``, in their order: those of an object before those inside it."""
    inside: list[Any] = []
    if isinstance(value, dict):
        for field, item in value.items():
            if not isinstance(item, str):
                inside.append(item)
            elif (field == "name" or field.endswith("_name")) and item.strip():
                prefix = field.removesuffix("name")
                jid = value.get(f"{prefix}jid")
                source = value.get(f"{prefix}name_source")
                found.append(_Named(value, prefix, item, jid if isinstance(jid, str) else None, source))
    else:
        inside.extend(value)
    for item in inside:
        if isinstance(item, dict | list):
            _find_names(item, found)


def _told_once(named: Iterable[_Named], borne: Mapping[str, set[str | None]], key: str) -> list[JsonObject]:
    """Entries for those who are better told once; the rows lose their addresses.

    ``borne``: who bears each name on the page; whoever bears one without an address is None.
    """
    places: defaultdict[str, list[_Named]] = defaultdict(list)
    for one in named:
        if one.jid is not None:
            places[one.jid].append(one)
    moved, saved = [], 0
    for jid, of_one in places.items():
        first = of_one[0]
        entry = first.entry(key)
        same = [one for one in of_one if (one.name, one.source) == (first.name, first.source)]
        sizes = {one.prefix: _size({field: one.where[field] for field in one.inline()}) - 1 for one in same}
        gain = sum(sizes[one.prefix] for one in same) - _size(entry) - 1
        if gain > 0 and borne[entry["name"]] == {jid}:
            moved.append((entry, same))
            saved += gain
    if saved < _FRAME:
        return []
    for entry, same in moved:
        borne[entry["name"]].add(None)
        for one in same:
            for field in one.inline():
                del one.where[field]
    return [entry for entry, _ in moved]


def _size(value: Any) -> int:
    return len(to_json(value))
