"""Removing messages that are older than the owner wants to keep, a small transaction at a time.

With a message goes all that was said about it, and its downloaded file. Starred messages stay. People and chats stay
too, and a chat keeps the time of its last message, even when none is left: the list of chats does not change its order.

What was said about a message that is not here (it was removed, or never came) goes when it is itself older than the
limit: the message is older still and would not be stored any more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.choice import inquiry
from whatsapp_mcp.store.rows import clamp, place_floor, stored_jid
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.derivation import Derivation
from whatsapp_mcp.store.write.held import HELD, Held
from whatsapp_mcp.store.write.search_index import SearchIndex
from whatsapp_mcp.store.write.statements import BY_AUTHOR, NOBODY

BATCH: Final = 200
"""Messages removed in one transaction."""
LOOKED_AT: Final = 2000
"""Statements about messages that one transaction looks at."""
DAY: Final = 24 * 60 * 60 * 1000
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    days: int
    """Older messages are neither stored nor kept; at least 1."""
    remove_files: Callable[[Sequence[DownloadedFile]], None]
    """Called before messages are gone from the store: if the process is killed in between, messages without their
    files are left, and no files that nobody knows of. While it raises StoreError, the messages stay too."""


_STARRED: Final = "SELECT 1 FROM stars WHERE stars.chat = {0}.chat AND stars.message_id = {0}.{1} AND stars.starred = 1"
_STARRED_ITSELF: Final = f"{_STARRED.format('m', 'id')} AND stars.{BY_AUTHOR.format('author.entity')}"
_OLD: Final = (
    HELD.format(
        messages="chats CROSS JOIN messages AS m INDEXED BY messages_chat ON m.chat = chats.entity",
        # Hidden messages have their place with a minus sign.
        where="chats.entity >= ?1 AND m.place > -?2 AND m.place < ?2",
    )
    + f" AND NOT EXISTS ({_STARRED_ITSELF}) ORDER BY chats.entity, m.place LIMIT ?3"
)

_WAITING: Final = ("edits", "revokes", "receipts", "deletions")
"""What is applied to a message when it comes."""
_IS_OLD: Final = {
    "edits": "edited_at < :limit",
    "revokes": "revoked_at < :limit",
    "reactions": "reacted_at < :limit",
    "receipts": " AND ".join(f"coalesce({at}, 0) < :limit" for at in ("delivered_at", "read_at", "played_at")),
    "votes": "voted_at < :limit",
    "deletions": "deleted_at < :limit",
    "poll_options": "added_at < :limit",
    "answers": "answered_at < :limit",
    "pins": "pinned_at < :limit",
    "keeps": "kept_at < :limit",
    "sealed": "sent_at < :limit",
    "events": "happened_at < :limit",
    "message_labels": "changed_at < :limit",
    "stars": "changed_at < :limit",  # only those that were taken off, as no starred message goes
    "awaited": " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {table} AS said WHERE said.chat = awaited.chat"
        " AND said.message_id = awaited.message_id)"
        for table in _WAITING
    ),
    "shared_ids": "1 = 1",
}
"""Each table that names a message, and when a row of it is too old."""
_NEXT: Final = (
    "SELECT chat, message_id FROM {table} WHERE (chat, message_id) > (?, ?) ORDER BY chat, message_id"
    f" LIMIT 1 OFFSET {LOOKED_AT}"
)

_HASHES: Final = "SELECT arrival, file_sha256 FROM media WHERE arrival IN ({marks})"
_JIDS: Final = "SELECT entity, jid FROM addresses WHERE entity IN ({marks}) ORDER BY id"
_SAID: Final = (
    "DELETE FROM {table} WHERE (chat, message_id) IN (VALUES {wanted})"
    # What is said of several messages of one id goes with the last of them.
    " AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.chat = {table}.chat AND m.id = {table}.message_id)"
)


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


class Retention:
    """``prune`` again and again; ``forget`` after a transaction was rolled back."""

    def __init__(
        self,
        connection: StoreConnection,
        chats: Chats,
        index: SearchIndex,
        derivation: Derivation,
        policy: RetentionPolicy,
    ) -> None:
        self._connection = connection
        self._inquiry = inquiry(connection)
        self._chats = chats
        self._index = index
        self._derivation = derivation
        self._policy = policy
        self._sweep: Iterator[None] | None = None

    def limit(self, now: int) -> int:
        """Messages before this time are too old; a whole second, so that places can tell. Milliseconds."""
        return clamp(now - self._policy.days * DAY) // 1000 * 1000

    def forget(self) -> None:
        self._sweep = None

    # -- what comes ---------------------------------------------------------------------------------------------------

    def passes_over(self, change: MessageReceived, chat: int, author: int, now: int) -> bool:
        """Whether a message is too old to be stored. The chat is then as if it had been stored and removed.

        ``chat`` and ``author`` are entities.
        """
        timestamp = clamp(change.timestamp)
        if timestamp >= self.limit(now) or self._is_starred(chat, change.id, author):
            return False
        live = not change.from_history
        self._chats.message_passed_over(
            self._chats.get(chat, now), timestamp=timestamp, from_me=change.from_me, live=live
        )
        return True

    def _is_starred(self, chat: int, message_id: str, author: int) -> bool:
        starred = (
            "SELECT 1 FROM stars WHERE chat = ? AND message_id = ? AND starred = 1"
            f" AND ({BY_AUTHOR.format('?')} OR author = {NOBODY})"
        )
        return self._connection.execute(starred, (chat, message_id, author)).fetchone() is not None

    # -- what is here -------------------------------------------------------------------------------------------------

    def prune(self, now: int) -> bool:
        """Do the next small part of looking through the store; False when the end was reached."""
        if self._sweep is None:
            self._sweep = self._parts(now)
        for _ in self._sweep:
            return True
        self._sweep = None
        return False

    def _parts(self, now: int) -> Iterator[None]:
        limit, chat = self.limit(now), 0
        while found := self._old(chat, limit):
            self._remove(found, now)
            chat = found[-1].chat
            yield
        for table, is_old in _IS_OLD.items():
            yield from self._forget_sayings(table, is_old, limit)

    def _old(self, chat: int, limit: int) -> list[Held]:
        """Some messages that are too old; of this chat (an entity) first, and of those after it."""
        rows = self._connection.execute(_OLD, (chat, place_floor(limit), BATCH))
        return [Held(*row) for row in rows]

    def _remove(self, found: Sequence[Held], now: int) -> None:
        for row in found:
            self._index.remove(row.place, row.document)
        if files := [*self._files(found)]:
            self._policy.remove_files(files)
        arrivals = [row.arrival for row in found]
        for table in ("media", "messages"):
            self._connection.execute(f"DELETE FROM {table} WHERE arrival IN ({_marks(arrivals)})", arrivals)
        ids = {(row.chat, row.id) for row in found}
        said = _SAID.format(table="{table}", wanted=", ".join(["(?, ?)"] * len(ids)))
        values = [value for one in ids for value in one]
        for table in _IS_OLD:
            self._connection.execute(said.format(table=table), values)
        if self._inquiry is not None:
            self._chats.read_ahead(self._inquiry, {row.chat for row in found})
        for chat, of_chat in groupby(found, key=lambda row: row.chat):
            self._count_out(chat, [row for row in of_chat if not row.is_hidden], now)

    def _files(self, found: Sequence[Held]) -> Iterator[DownloadedFile]:
        """All that the files of messages may be kept as."""
        kept = [row for row in found if row.mimetype is not None]
        if not kept:
            return
        arrivals, chats = [row.arrival for row in kept], sorted({row.chat for row in kept})
        hashes = dict(self._connection.execute(_HASHES.format(marks=_marks(arrivals)), arrivals).fetchall())
        jids = self._connection.execute(_JIDS.format(marks=_marks(chats)), chats).fetchall()
        for row in kept:
            for chat, jid in jids:
                if chat == row.chat and row.mimetype is not None:
                    yield DownloadedFile(stored_jid(jid), row.id, row.mimetype, row.file_name, hashes[row.arrival])

    def _count_out(self, chat: int, shown: Sequence[Held], now: int) -> None:
        row = self._chats.get(chat, now)
        self._chats.messages_removed(
            row,
            *(message.place for message in shown),
            media=sum(message.has_media for message in shown),
            sent=sum(message.from_me for message in shown),
        )

    def _forget_sayings(self, table: str, is_old: str, limit: int) -> Iterator[None]:
        """Remove what is old and about no message that is here."""
        forget = (
            f"DELETE FROM {table} WHERE (chat, message_id) > (:chat, :id) AND {{until}} {is_old}"
            f" AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.chat = {table}.chat AND m.id = {table}.message_id)"
            f" AND NOT EXISTS ({_STARRED.format(table, 'message_id')})"
        )
        chat, message_id = 0, ""
        while True:
            self._derivation.forget()  # how many are awaited
            until = self._connection.execute(_NEXT.format(table=table), (chat, message_id)).fetchone()
            values = {"chat": chat, "id": message_id, "limit": limit}
            if until is None:
                self._connection.execute(forget.format(until=""), values)
                yield
                return
            values |= {"until_chat": until[0], "until_id": until[1]}
            self._connection.execute(forget.format(until="(chat, message_id) <= (:until_chat, :until_id) AND"), values)
            chat, message_id = until
            yield
