"""The search index: what of a message is found, and the only code that writes ``message_search``.

A contentless FTS5 table keeps no text: to take a message out, SQLite must be given exactly the words that were put in.
They are always worked out from the stored row, hence ``rebuild`` when folding changes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from whatsapp_mcp.store.folding import fold
from whatsapp_mcp.store.rows import load_extra

__all__ = ["SearchIndex", "chat_word", "words_of"]

_SEARCHED: Final = ("name", "title", "description", "link", "address", "options")
"""Keys of Content.extra whose text is found: place and event names, link previews, poll options."""

_ALL: Final = (
    "SELECT messages.row, chat, text, file_name, extra FROM messages LEFT JOIN media USING (row)"
    " WHERE revoked_at IS NULL ORDER BY messages.row"
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


class SearchIndex:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, row: int, chat: int, words: str) -> None:
        if words:
            self._connection.execute(
                "INSERT INTO message_search (rowid, body, chat) VALUES (?, ?, ?)", (row, words, chat_word(chat))
            )

    def remove(self, row: int, chat: int, words: str) -> None:
        """``words`` as they were added."""
        if words:
            self._connection.execute(
                "INSERT INTO message_search (message_search, rowid, body, chat) VALUES ('delete', ?, ?, ?)",
                (row, words, chat_word(chat)),
            )

    def move(self, chat: int, to: int) -> None:
        """All messages of one chat belong to another; to be called before their rows are changed."""
        found = self._connection.execute(
            "SELECT row, text, file_name, extra FROM messages LEFT JOIN media USING (row)"
            " WHERE chat = ? AND revoked_at IS NULL",
            (chat,),
        ).fetchall()
        for row, text, file_name, extra in found:
            words = words_of(text, file_name, load_extra(extra))
            self.remove(row, chat, words)
            self.add(row, to, words)

    def rebuild(self) -> None:
        """Make the whole index anew from the messages; within the caller's transaction."""
        self._connection.execute("INSERT INTO message_search (message_search) VALUES ('delete-all')")
        self._connection.executemany(
            "INSERT INTO message_search (rowid, body, chat) VALUES (?, ?, ?)",
            self._documents(self._connection.execute(_ALL)),
        )

    @staticmethod
    def _documents(
        messages: Iterable[tuple[int, int, str, str | None, str | None]],
    ) -> Iterator[tuple[int, str, str]]:
        for row, chat, text, file_name, extra in messages:
            words = words_of(text, file_name, load_extra(extra))
            if words:
                yield row, words, chat_word(chat)
