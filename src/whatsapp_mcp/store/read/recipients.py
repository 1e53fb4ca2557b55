"""Who is meant by a name."""

from __future__ import annotations

import difflib
import sqlite3
from typing import Final

from whatsapp_mcp.store.read.views import named_target
from whatsapp_mcp.store.records import NamedTarget
from whatsapp_mcp.store.search.folding import fold
from whatsapp_mcp.store.search.query import like_words

_TARGETS: Final = (
    "SELECT entities.jid, entities.name, entities.kind, entities.folded, coalesce(chats.gone, 0) AS gone"
    " FROM entities LEFT JOIN chats ON chats.entity = entities.id"
    " WHERE entities.folded != '' AND entities.kind != 'broadcast'"
)
ALIKE: Final = 0.6
"""How alike two names must be to be offered as a near miss, from 0 to 1 (difflib's ratio)."""


def exact_names(connection: sqlite3.Connection, name: str) -> tuple[NamedTarget, ...]:
    """Everybody and everything of exactly this name, spelling folded, by name and JID. Groups that we are not in any
    more only where nothing else has the name."""
    folded = fold(name)
    if not folded:
        return ()
    found = f"{_TARGETS} AND instr(entities.folded, ?) > 0 ORDER BY entities.name, entities.jid"
    rows = connection.execute(found, (f"\n {folded}\n",)).fetchall()
    return tuple(named_target(row) for row in [row for row in rows if not row["gone"]] or rows)


def near_names(connection: sqlite3.Connection, name: str, limit: int) -> tuple[NamedTarget, ...]:
    """Names that ``name`` may have been meant to be, the likeliest first."""
    folded = fold(name)
    patterns = like_words(name)
    if not folded or limit <= 0:
        return ()
    matcher = difflib.SequenceMatcher()
    matcher.set_seq2(folded)
    scored: list[tuple[float, str, sqlite3.Row]] = []
    for row in connection.execute(f"{_TARGETS} AND coalesce(chats.gone, 0) = 0"):
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
