"""The search index: what of a message is found, and the only code that writes ``message_search``.

A message is in the index as a document: its words, then tags, which say where it belongs (chat, author, kind …), so
that a filter is one more word to look up. Shown messages are in the index, those without words too; revoked and hidden
ones are not.

A contentless FTS5 table keeps no text: to take a message out, SQLite must be given exactly the words that were put in.
They are always worked out from the stored message, hence ``rebuild`` when that changes.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.models.content import TRANSCRIPT_LANGUAGE
from whatsapp_mcp.store.rows import load_extra
from whatsapp_mcp.store.search.folding import ASCII_SYMBOLS, FOLD_VERSION, PHONE_NUMBER, digits_of, fold, unspaced
from whatsapp_mcp.waiting import waits_for

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

SEARCH_TABLE: Final = f"""
    CREATE VIRTUAL TABLE message_search USING fts5(
        document, content = '', tokenize = "ascii tokenchars '{ASCII_SYMBOLS}'"
    )
    """

_ROWS: Final = (
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
    if _LINK.search(text) or (extra and extra.get("link")):
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


class _Pending(NamedTuple):
    """What the index holds for a place, and what it shall hold."""

    old: str | None
    new: str | None


class SearchIndex:
    """Collects what a transaction changes, for ``flush``.

    Places must reach FTS5 in ascending order: at each step back it writes out all it has in memory as a small segment
    of its own, and history comes newest first.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._pending: dict[int, _Pending] = {}

    def add(self, place: int, document: str | None) -> None:
        """None, here and below: the message is not to be found."""
        pending = self._pending.get(place)
        self._pending[place] = _Pending(pending.old if pending else None, document)

    def remove(self, place: int, document: str | None) -> None:
        """``document`` as it was added."""
        pending = self._pending.get(place)
        self._pending[place] = _Pending(pending.old if pending else document, None)

    def flush(self) -> None:
        execute = self._connection.execute
        for place in sorted(self._pending):
            old, new = self._pending[place]
            if old == new:
                continue
            if old:
                execute(
                    "INSERT INTO message_search (message_search, rowid, document) VALUES ('delete', ?, ?)",
                    (place, old),
                )
            if new:
                execute("INSERT INTO message_search (rowid, document) VALUES (?, ?)", (place, new))
        self._pending.clear()

    def forget(self) -> None:
        self._pending.clear()

    def move(self, chat: int, to: int) -> None:
        """All messages of one chat belong to another; to be called before their rows are changed."""
        rows = self._connection.execute(f"{_ROWS} AND m.chat = ?", (chat,)).fetchall()
        for place, document in documents(rows):
            self.remove(place, document)
        for place, document in documents((place, to, *rest) for place, _, *rest in rows):
            self.add(place, document)

    def rebuild(self) -> None:
        """Make the whole index anew from the messages, however broken it is; within the caller's transaction."""
        try:
            self._connection.execute("INSERT INTO message_search (message_search) VALUES ('delete-all')")
        except sqlite3.DatabaseError:
            if not self._connection.in_transaction:  # SQLite ended it: more is wrong than the index
                raise
            self._replace_table()
        rows = self._connection.execute(f"{_ROWS} ORDER BY m.place")
        (total,) = self._connection.execute("SELECT count(*) FROM messages").fetchone()
        with waits_for("making the search index", total=total, unit="messages") as wait:

            def noted() -> Iterator[tuple[int, str]]:
                for count, row in enumerate(documents(rows)):
                    wait.done = count
                    yield row

            self._connection.executemany("INSERT INTO message_search (rowid, document) VALUES (?, ?)", noted())

    def _replace_table(self) -> None:
        """SQLite opens a virtual table before it drops it, which a damaged one does not survive."""
        execute = self._connection.execute
        execute("PRAGMA writable_schema = ON")
        try:
            execute("DELETE FROM sqlite_master WHERE name = 'message_search'")
        finally:
            execute("PRAGMA writable_schema = RESET")
        for part in ("data", "idx", "docsize", "config"):
            execute(f"DROP TABLE IF EXISTS message_search_{part}")
        execute(SEARCH_TABLE)


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether this version of the program made the index; otherwise it is made anew when the store is opened."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'index_version'").fetchone()
    return row is not None and row[0] == INDEX_VERSION


def check_index(connection: sqlite3.Connection, path: Path) -> None:
    """Raises StoreError while the index is not that of this version."""
    if not is_current(connection):
        raise StoreError(
            "the search index is being made anew",
            next_step="Call again in half a minute; lists without a search work meanwhile.",
            details={"path": str(path)},
        )


def documents(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, str]]:
    """Place and document of each row of ``DOCUMENT_COLUMNS``."""
    for place, chat, sender, from_me, has_media, kind, text, file_name, extra in rows:
        yield place, document_of(chat, sender, from_me, has_media, kind, text, file_name, load_extra(extra))
