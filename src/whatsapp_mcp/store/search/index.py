"""The search index: what of a message is found.

A message is in the index as a document: its words, then tags, which say where it belongs (chat, author, kind …), so
that a filter is one more word to look up. Shown messages are in the index, those without words too; revoked and hidden
ones are not.

The documents are kept nowhere: to take a message out, FTS5 must be given exactly the words that were put in. They are
always worked out from the stored message, hence ``rebuild`` when that changes. What an engine makes of them,
``tables.SearchTables`` says; ``write.search_index`` is the only code that changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.models.content import TRANSCRIPT_LANGUAGE
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import load_extra
from whatsapp_mcp.store.search.folding import FOLD_VERSION, PHONE_NUMBER, digits_of, fold, unspaced
from whatsapp_mcp.whereabouts import Whereabouts

INDEX_VERSION: Final = f"4 fold {FOLD_VERSION}"
"""Changes when the same message may get another document; the index is made anew then."""

TAG_SIGN: Final = "="
"""Begins every tag, and no word of a text: folding makes it a word of its own."""
OWN: Final = f"{TAG_SIGN}own"
MEDIA: Final = f"{TAG_SIGN}media"
LINK: Final = f"{TAG_SIGN}link"

_NOT_SEARCHED: Final = frozenset(
    {
        *("type", "note", "outcome", "came_by", "belongs_to", "quoted_chat", "comment_on", "about_id"),
        *("cut", "lost", "unreadable", "unavailable", "broadcast_list"),
        *("group_id", "newsletter_id", "event_id", "call_id", "invite_code", TRANSCRIPT_LANGUAGE),
    }
)
"""Keys of Content.extra that say what a message is, or are read by programs. The texts under all others are found."""
_MAX_DEPTH: Final = 4
_VCARD_LINE: Final = re.compile(
    r"^(?:item\d+\.)?(?:FN|NICKNAME|ORG|TITLE|TEL|EMAIL|URL|ADR|NOTE)\b[^:\n]*:(.+)$", re.IGNORECASE | re.MULTILINE
)
_PHONE_NUMBER: Final = re.compile(PHONE_NUMBER)

_LINK: Final = re.compile(r"\b(?:https?://|www\.)\w", re.IGNORECASE)

DOCUMENT_COLUMNS: Final = "m.place, m.chat, m.sender, m.from_me, m.has_media, m.kind, m.text, media.file_name, m.extra"
"""What ``documents`` needs, of messages AS m and media."""

SHOWN_ROWS: Final = (
    f"SELECT {DOCUMENT_COLUMNS} FROM messages AS m LEFT JOIN media ON media.arrival = m.arrival"
    " WHERE m.revoked_at IS NULL AND m.place > 0"
)


def chat_tag(chat: int) -> str:
    return f"{TAG_SIGN}c{chat}"


def own_tag(chat: int) -> str:
    """Of our own messages in that chat."""
    return f"{TAG_SIGN}o{chat}"


def author_tag(address: int) -> str:
    """By address, not by person: which addresses are one person's may turn out later."""
    return f"{TAG_SIGN}a{address}"


def kind_tag(kind: str) -> str:
    return f"{TAG_SIGN}k{kind}"


def document_of(
    chat: int,
    sender: int,
    from_me: int,
    has_media: int,
    kind: str,
    text: str,
    file_name: str | None,
    extra: Mapping[str, object] | None,
) -> str:
    """What the index holds for a message.

    ``chat``: an entity, ``sender``: an address; ``file_name`` and texts as they are stored.
    """
    tags = [chat_tag(chat), author_tag(sender), kind_tag(kind)]
    if from_me:
        tags += (OWN, own_tag(chat))
    if has_media:
        tags.append(MEDIA)
    if (("." in text or "/" in text) and _LINK.search(text)) or (extra and extra.get("link")):
        tags.append(LINK)
    return " ".join((_words(text, file_name, extra), *tags))


def _words(text: str, file_name: str | None, extra: Mapping[str, object] | None) -> str:
    """All that a message is found by, folded; telephone numbers also without what groups their digits."""
    if file_name or extra:
        text = "\n".join(part for part in (text, file_name, *_texts(extra or {})) if part)
    words = fold(text)
    numbers = [digits_of(number) for number in _PHONE_NUMBER.findall(text)]
    if numbers:
        words = " ".join((words, *numbers))
    return words if words.isascii() else " ".join((words, *character_pairs(words)))


def character_pairs(words: str) -> Iterator[str]:
    """In scripts without blanks each character is a word, and most are in a great many messages; two that stand
    together are not. The pairs of a run come in its order, after a sign that ends the words or the run before it.
    """
    before, in_run = "", False
    for word in words.split():
        if len(word) > 1 or not unspaced[word]:
            before, in_run = "", False
            continue
        if before:
            if not in_run:
                yield TAG_SIGN
                in_run = True
            yield before + word
        before = word


def _texts(extra: Mapping[str, object], depth: int = 0) -> Iterator[str]:
    for key, value in extra.items():
        if key == "vcards" and isinstance(value, list | tuple):
            for vcard in value:
                yield from _VCARD_LINE.findall(str(vcard))
        elif key not in _NOT_SEARCHED:
            yield from _texts_in(value, depth)


def _texts_in(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth > _MAX_DEPTH:
        return
    elif isinstance(value, Mapping):
        yield from _texts(value, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts_in(item, depth + 1)


def is_current(connection: StoreConnection) -> bool:
    """Whether this version of the program made the index; otherwise it is made anew when the store is opened."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'index_version'").fetchone()
    return row is not None and row[0] == INDEX_VERSION


def check_index(connection: StoreConnection, where: Whereabouts) -> None:
    """Raises StoreError while the index is not that of this version."""
    if not is_current(connection):
        raise StoreError(
            "the search index is being made anew",
            next_step="Call again in half a minute; lists without a search work meanwhile.",
            details={"path": str(where)},
        )


def documents(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, str]]:
    """Place and document of each row of ``DOCUMENT_COLUMNS``."""
    for place, chat, sender, from_me, has_media, kind, text, file_name, extra in rows:
        yield place, document_of(chat, sender, from_me, has_media, kind, text, file_name, load_extra(extra))
