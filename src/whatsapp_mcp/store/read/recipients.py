"""Who is meant by a name: only somebody whom the owner knows by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.identity import find_entity
from whatsapp_mcp.store.read.names import like_words, name_source, named_target
from whatsapp_mcp.store.read.restricted import may_be_read, only_readable
from whatsapp_mcp.store.records import NamedTarget
from whatsapp_mcp.store.search.folding import fold

if TYPE_CHECKING:
    import difflib

_TARGETS: Final = (
    "SELECT entities.jid, entities.name, entities.kind, entities.folded, contacts.full_name, contacts.first_name,"
    f" chats.name AS chat_name, coalesce(chats.sent_count, 0) AS sent,"
    f" coalesce(chats.gone, 0) AS gone, {name_source('entities', 'contacts')}"
    " AS name_source FROM entities LEFT JOIN contacts ON contacts.entity = entities.id"
    " LEFT JOIN chats ON chats.entity = entities.id WHERE entities.folded != '' AND entities.kind != 'broadcast'"
)
_PART_OF_SAVED: Final = (
    "SELECT 1 FROM contacts JOIN entities ON entities.id = contacts.entity WHERE (instr(entities.folded, ?) > 0"
    " OR instr(entities.folded, ?) > 0) AND (contacts.full_name IS NOT NULL OR contacts.first_name IS NOT NULL)"
)
_WHO: Final = (
    f"SELECT entities.jid, entities.name, entities.kind, {name_source('entities', 'contacts')} AS name_source"
    " FROM entities LEFT JOIN contacts ON contacts.entity = entities.id WHERE entities.id = ?"
)
ALIKE: Final = 0.6
"""How alike two names must be to be offered as a near miss, from 0 to 1 (difflib's ratio)."""


def exact_names(connection: StoreConnection, name: str, *, strangers: bool = False) -> tuple[NamedTarget, ...]:
    """Whoever can be meant by exactly this name, spelling folded, by name and JID.

    Those whom the owner saved under it, groups that the owner is in, and channels. Where nobody is saved under it, also
    people to whom the owner has written, by the name that they chose or WhatsApp verified. A stranger can choose any
    name, and so is never meant by one; nor is a group where the owner has written nothing, when its name is a part of
    the name of somebody whom the owner saved. ``strangers``: where there is nobody else, all whose name it is.
    """
    folded = fold(name)
    if not folded:
        return ()
    only = only_readable(connection, "entities.id")
    found = f"{_TARGETS}{only} AND instr(entities.folded, ?) > 0 ORDER BY entities.name, entities.jid"
    rows = connection.execute(found, (f"\n {folded}\n",)).fetchall()
    people = [row for row in rows if row["kind"] == "person"]
    saved = [row for row in people if folded in _saved_names(row)]
    known = saved or [row for row in people if row["sent"]]
    part_of = (f" {folded} ", f" {folded}\n")
    taken = connection.execute(f"{_PART_OF_SAVED}{only} LIMIT 1", part_of).fetchone() is not None
    chats = [row for row in rows if row["kind"] != "person" and not row["gone"] and (row["sent"] or saved or not taken)]
    meant = [row for row in rows if row in (known if row["kind"] == "person" else chats)]
    return tuple(named_target(row) for row in meant or (rows if strangers else []))


def _saved_names(row: Row) -> set[str]:
    """Folded, the names that the owner's phone gives a person."""
    return {fold(name) for name in (row["full_name"], row["first_name"], row["chat_name"]) if name}


def target_of(connection: StoreConnection, jid: Jid) -> NamedTarget | None:
    """Who has this address, in any form; None when nothing is known of it."""
    entity = find_entity(connection, jid)
    row = connection.execute(_WHO, (entity,)).fetchone()
    return None if row is None or not may_be_read(connection, entity) else named_target(row)


def near_names(connection: StoreConnection, name: str, limit: int) -> tuple[NamedTarget, ...]:
    """Names that ``name`` may have been meant to be, the likeliest first."""
    folded = fold(name)
    patterns = like_words(name)
    if not folded or limit <= 0:
        return ()
    import difflib  # only where somebody is not found

    matcher = difflib.SequenceMatcher()
    matcher.set_seq2(folded)
    scored: list[tuple[float, str, Row]] = []
    only = only_readable(connection, "entities.id")
    for row in connection.execute(f"{_TARGETS}{only} AND coalesce(chats.gone, 0) = 0"):
        names = row["folded"]
        score = max(_alike(matcher, known.strip()) for known in names.split("\n") if known)
        if all(pattern[1:-1] in names for pattern in patterns):
            score = max(score, 0.95)
        if score >= ALIKE:
            scored.append((-score, row["jid"], row))
    scored.sort(key=lambda entry: entry[:2])
    return tuple(named_target(row) for _, _, row in scored[:limit])


def _alike(matcher: difflib.SequenceMatcher[str], name: str) -> float:
    matcher.set_seq1(name)
    # The first two are cheap upper bounds of the third.
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return 0.0
    return matcher.ratio()
