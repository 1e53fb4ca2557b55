"""The search index: what of a message is found, and the only code that writes ``message_search``.

A contentless FTS5 table keeps no text: to take a message out, SQLite must be given exactly the words that were put in.
They are always worked out from the stored message, hence ``rebuild`` when folding changes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from whatsapp_mcp.store.folding import fold
from whatsapp_mcp.store.rows import load_extra

__all__ = ["SearchIndex", "chat_word", "words_of"]

_SEARCHED: Final = ("name", "title", "description", "link", "address", "options")
"""Keys of Content.extra whose text is found: place and event names, link previews, poll options."""

_ALL: Final = (
    "SELECT place, chat, text, file_name, extra FROM messages LEFT JOIN media USING (arrival)"
    " WHERE revoked_at IS NULL AND place > 0 ORDER BY place"
)


def chat_word(chat: int) -> str:
    """The word in the column ``chat`` of every message of that chat."""
    return f"c{chat}"


def words_of(text: str, file_name: str | None, extra: Mapping[str, object] | None) -> str:
    """All that a message is found by, folded."""
    if not file_name and not extra:
        return fold(text)
    parts = [text, file_name or "", *_texts(extra or {})]
    return fold("\n".join(part for part in parts if part))


def _texts(extra: Mapping[str, object]) -> Iterator[str]:
    for key in _SEARCHED:
        value = extra.get(key)
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            yield from (item for item in value if isinstance(item, str))


class _Pending(NamedTuple):
    """What the index holds for a place, and what it shall hold: chat and words."""

    old: tuple[int, str] | None
    new: tuple[int, str] | None


class SearchIndex:
    """Collects what a transaction changes, for ``flush``.

    Places must reach FTS5 in ascending order: at each step back it writes out all it has in memory as a small segment
    of its own, and history comes newest first.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._pending: dict[int, _Pending] = {}

    def add(self, place: int, chat: int, words: str) -> None:
        pending = self._pending.get(place)
        self._pending[place] = _Pending(pending.old if pending else None, (chat, words) if words else None)

    def remove(self, place: int, chat: int, words: str) -> None:
        """``words`` as they were added."""
        pending = self._pending.get(place)
        old = pending.old if pending else (chat, words) if words else None
        self._pending[place] = _Pending(old, None)

    def flush(self) -> None:
        execute = self._connection.execute
        for place in sorted(self._pending):
            old, new = self._pending[place]
            if old == new:
                continue
            if old:
                execute(
                    "INSERT INTO message_search (message_search, rowid, body, tags) VALUES ('delete', ?, ?, ?)",
                    (place, old[1], chat_word(old[0])),
                )
            if new:
                execute(
                    "INSERT INTO message_search (rowid, body, tags) VALUES (?, ?, ?)",
                    (place, new[1], chat_word(new[0])),
                )
        self._pending.clear()

    def forget(self) -> None:
        self._pending.clear()

    def move(self, chat: int, to: int) -> None:
        """All messages of one chat belong to another; to be called before their rows are changed."""
        found = self._connection.execute(
            "SELECT place, text, file_name, extra FROM messages LEFT JOIN media USING (arrival)"
            " WHERE chat = ? AND place > 0 AND revoked_at IS NULL",
            (chat,),
        ).fetchall()
        for place, text, file_name, extra in found:
            words = words_of(text, file_name, load_extra(extra))
            self.remove(place, chat, words)
            self.add(place, to, words)

    def rebuild(self) -> None:
        """Make the whole index anew from the messages; within the caller's transaction."""
        self._connection.execute("INSERT INTO message_search (message_search) VALUES ('delete-all')")
        self._connection.executemany(
            "INSERT INTO message_search (rowid, body, tags) VALUES (?, ?, ?)",
            self._documents(self._connection.execute(_ALL)),
        )

    @staticmethod
    def _documents(
        messages: Iterable[tuple[int, int, str, str | None, str | None]],
    ) -> Iterator[tuple[int, str, str]]:
        for place, chat, text, file_name, extra in messages:
            words = words_of(text, file_name, load_extra(extra))
            if words:
                yield place, words, chat_word(chat)
