"""Which messages are shown: not those deleted for us alone, nor those up to a time of which the chat was cleared.

Nothing is erased. A hidden message has its place with a minus sign, counts nowhere and is not in the search index.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import place_ceiling
from whatsapp_mcp.store.write.chat_row import ChatRow
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.held import HELD, Held, is_note
from whatsapp_mcp.store.write.search_index import SearchIndex
from whatsapp_mcp.store.write.statements import BY_AUTHOR

_AT_ONCE: Final = 5000
"""Messages of a cleared chat that are worked on at a time, so that memory stays bounded."""

# A star that was put on or taken off after the clearing shows that the message was still there then.
_STAR_KEEPS: Final = "starred = 1 OR changed_at > ?"
_CLEARED: Final = (
    HELD.format(
        messages="messages AS m INDEXED BY messages_chat",
        where="m.chat = ? AND m.place > 0 AND m.place <= ? AND (m.timestamp <= ? OR m.timestamp <= ? AND NOT EXISTS"
        " (SELECT 1 FROM stars WHERE stars.chat = m.chat AND stars.message_id = m.id"
        f" AND stars.{BY_AUTHOR.format('author.entity')} AND ({_STAR_KEEPS})))",
    )
    + f" ORDER BY m.place LIMIT {_AT_ONCE}"
)


class Visibility:
    def __init__(self, connection: StoreConnection, chats: Chats, index: SearchIndex) -> None:
        self._connection = connection
        self._chats = chats
        self._index = index

    def derive(self, held: Held, now: int) -> Held:
        """Hide or show one message, as what is known demands; the message as it is then."""
        deleted = self._is_in("deletions", held)
        if (deleted or self._is_cleared(held)) is held.is_hidden:
            return held
        derived = held._replace(place=-held.place)
        self._index.remove(held.place, held.document)
        self._index.add(derived.place, derived.document)
        self._connection.execute(
            "UPDATE messages SET place = ?, updated_at = ? WHERE arrival = ?", (derived.place, now, held.arrival)
        )
        row = self._chats.get(held.chat, now)
        if derived.is_hidden:
            self._chats.messages_hidden(row, held.place, media=held.has_media, sent=held.from_me)
        else:
            self._chats.message_added(
                row,
                place=derived.place,
                timestamp=held.timestamp,
                from_me=bool(held.from_me),
                live=not held.from_history,
                has_media=bool(held.has_media),
                is_note=is_note(self._connection, held.arrival),
            )
        return derived

    def hide_cleared(self, row: ChatRow, now: int) -> None:
        """Hide all messages that were cleared away. They were seen then: they do not count as unread."""
        self._chats.unread.read_at(row, row.hides_until)
        media = sent = 0
        places: list[int] = []
        while found := self._cleared(row):
            for held in found:
                self._index.remove(held.place, held.document)
                media += held.has_media
                sent += held.from_me
            places += [held.place for held in found]
            arrivals = ", ".join("?" * len(found))
            self._connection.execute(
                f"UPDATE messages SET place = -place, updated_at = ? WHERE arrival IN ({arrivals})",
                (now, *(held.arrival for held in found)),
            )
            self._index.flush()
        if places:
            self._chats.messages_hidden(row, *places, media=media, sent=sent)

    def _cleared(self, row: ChatRow) -> list[Held]:
        unstarred = row.cleared_unstarred_until
        values = (row.entity, place_ceiling(row.hides_until), row.empty_until, unstarred, unstarred)
        return [Held(*found) for found in self._connection.execute(_CLEARED, values)]

    def _is_cleared(self, held: Held) -> bool:
        row = self._chats.stored(held.chat)
        if row is None or held.timestamp > row.hides_until:
            return False
        if held.timestamp <= row.empty_until:
            return True
        return not self._is_in("stars", held, f" AND ({_STAR_KEEPS})", row.cleared_unstarred_until)

    def _is_in(self, table: str, held: Held, condition: str = "", *values: int) -> bool:
        where = f"chat = ? AND message_id = ? AND {BY_AUTHOR.format('?')}{condition}"
        sql = f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {where})"
        return bool(self._connection.execute(sql, (held.chat, held.id, held.author, *values)).fetchone()[0])
