"""Where the name comes from that somebody is shown under."""

from __future__ import annotations


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
