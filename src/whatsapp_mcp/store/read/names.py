"""The name that somebody is shown under: what it is, and where it comes from."""

from __future__ import annotations

from typing import Final, Literal, cast

from whatsapp_mcp.jid import GROUP, NEWSLETTER, Jid
from whatsapp_mcp.store.database import Row
from whatsapp_mcp.store.read.annotations import known_as
from whatsapp_mcp.store.records import NamedTarget
from whatsapp_mcp.store.rows import stored_jid
from whatsapp_mcp.store.search.folding import fold

Kind = Literal["person", "group", "newsletter", "broadcast"]

_UNNAMED: Final = {GROUP: "Group", NEWSLETTER: "Channel"}


def title_of(jid: Jid, name: str | None) -> str:
    """The best known name, the number, or what it is."""
    known = known_as(jid, name)
    if known is not None:
        return known
    return f"{_UNNAMED[jid.server]} {jid.user}" if jid.server in _UNNAMED else str(jid)


def named_target(row: Row) -> NamedTarget:
    """Of a row with ``jid``, ``name``, ``kind`` and ``name_source``."""
    jid = stored_jid(row["jid"])
    return NamedTarget(jid, title_of(jid, row["name"]), cast(Kind, row["kind"]), row["name_source"])


def like_words(text: str) -> list[str]:
    """LIKE patterns for ``entities.folded``, all of which must match: each word begins a word of a name."""
    return [f"% {fold(word)}%" for word in text.split() if fold(word)]


def name_source(entities: str, contacts: str) -> str:
    """The SQL of a ``NameSource``: what ``entities.name`` is, by the order of ``store.write.people``.

    ``entities`` and ``contacts``: those tables, as the query calls them.
    """
    return (
        f"CASE WHEN {entities}.kind != 'person' OR {entities}.name IS NULL THEN NULL"
        f" WHEN {contacts}.full_name IS NOT NULL OR {contacts}.first_name IS NOT NULL THEN 'saved'"
        f" WHEN {entities}.name = {contacts}.push_name THEN 'push'"
        f" WHEN {entities}.name = {contacts}.business_name THEN 'business'"
        " ELSE 'saved' END"  # what the phone calls the chat
    )
