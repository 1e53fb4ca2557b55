"""Two entities turn out to be one person: everything stored under the LID and under the number becomes one.

The entity with fewer messages gives way, so that the least is moved; which one that is shows nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.write import app_state, event_log, reactions_and_receipts, sealed
from whatsapp_mcp.store.write.chat_row import ChatRow
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.derivation import Derivation
from whatsapp_mcp.store.write.held import Held, held_under
from whatsapp_mcp.store.write.identities import Identities, Union
from whatsapp_mcp.store.write.messages import Messages
from whatsapp_mcp.store.write.people import People
from whatsapp_mcp.store.write.search_index import SearchIndex
from whatsapp_mcp.store.write.statements import ALL
from whatsapp_mcp.store.write.visibility import Visibility

_MOVES: Final = (
    *(statements.move for statements in ALL),
    *reactions_and_receipts.MOVES,
    *app_state.MOVES,
    *sealed.MOVES,
    *event_log.MOVES,
    *(
        f"INSERT INTO {table} SELECT :kept, message_id FROM {table} WHERE chat = :gone ON CONFLICT DO NOTHING"
        for table in ("awaited", "shared_ids")
    ),
)
_TABLES: Final = (
    *(statements.table for statements in ALL),
    *("edits", "receipts", "chat_labels", "awaited", "shared_ids"),
)

_IN_BOTH: Final = (
    "SELECT one.id FROM messages AS one JOIN messages AS other ON other.chat = :kept AND other.id = one.id"
    " WHERE one.chat = :gone"
)
_SHARED: Final = (
    "INSERT INTO shared_ids SELECT chat, id FROM messages WHERE chat = ? AND id = ?"
    " GROUP BY chat, id HAVING count(*) > 1 ON CONFLICT DO NOTHING"
)
_ADDRESSES: Final = "(SELECT id FROM addresses WHERE entity = {})"
_TWO_OF_ONE: Final = (
    # In groups: a message that came under both forms of the author's address.
    "SELECT DISTINCT shared.chat, shared.message_id FROM shared_ids AS shared"
    " JOIN messages AS one ON one.chat = shared.chat AND one.id = shared.message_id"
    f" AND one.sender IN {_ADDRESSES.format(':gone')}"
    " JOIN messages AS other ON other.chat = shared.chat AND other.id = shared.message_id"
    f" AND other.sender IN {_ADDRESSES.format(':kept')}"
)
_THEIRS: Final = _ADDRESSES.format(":kept")
_AFFECTED: Final = (
    # What waited under the one form for a message that came under the other …
    "SELECT chat, message_id FROM awaited WHERE chat = :kept"
    # … and what could not be said to be by or about the author of the message, whose address now says so.
    f" UNION SELECT chat, message_id FROM edits WHERE chat = :kept OR sender IN {_THEIRS}"
    f" UNION SELECT chat, message_id FROM revokes WHERE chat = :kept OR sender IN {_THEIRS} OR author IN {_THEIRS}"
    f" UNION SELECT chat, message_id FROM deletions WHERE author IN {_THEIRS}"
    # A star under the one form may keep a message under the other.
    f" UNION SELECT chat, message_id FROM stars WHERE (chat = :kept OR author IN {_THEIRS})"
    " AND EXISTS (SELECT 1 FROM messages WHERE messages.chat = stars.chat AND id = stars.message_id)"
)
_HERE_ALREADY: Final = (
    "DELETE FROM awaited WHERE chat = :kept AND message_id IN (SELECT id FROM messages WHERE chat = :kept)"
)


def unite(
    connection: StoreConnection,
    union: Union,
    *,
    identities: Identities,
    chats: Chats,
    people: People,
    messages: Messages,
    derivation: Derivation,
    visibility: Visibility,
    index: SearchIndex,
    now: int,
) -> None:
    """Make one entity of two, within the caller's transaction."""
    by_lid, by_number = chats.stored(union.by_lid), chats.stored(union.by_number)
    lid_is_larger = _size(by_lid) > _size(by_number)
    kept, gone = (union.by_lid, union.by_number) if lid_is_larger else (union.by_number, union.by_lid)
    entities = {"kept": kept, "gone": gone}

    twice = _united_messages(connection, messages, kept, gone, now)
    for move in _MOVES:
        connection.execute(move, entities)
    index.move(gone, kept)
    connection.execute("UPDATE messages SET chat = :kept WHERE chat = :gone", entities)
    connection.executemany(_SHARED, [(kept, message_id) for chat, message_id in twice if chat == kept])
    _unite_chats(connection, chats, kept=kept, gone=gone, preferred=union.by_number, now=now)
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table} WHERE chat = ?", (gone,))
    people.unite(kept=kept, gone=gone, preferred=union.by_number, now=now)
    identities.unite(union, kept=kept, gone=gone)

    affected = {(chat, message_id) for chat, message_id in connection.execute(_AFFECTED, entities).fetchall()}
    for chat, message_id in sorted(affected | twice):
        derivation.derive_anew(chat, message_id, now)
    row = chats.stored(kept)
    if row is not None and row.hides_until >= 0:
        visibility.hide_cleared(chats.get(kept, now), now)
    connection.execute(_HERE_ALREADY, entities)


def _size(chat: ChatRow | None) -> int:
    return chat.message_count if chat else 0


def _united_messages(
    connection: StoreConnection, messages: Messages, kept: int, gone: int, now: int
) -> set[tuple[int, str]]:
    """Messages that were stored under both forms: keep each once, with the most that is known of it.

    Returns:
        Chat and id of those; and where both chats had a message of one id.
    """
    entities = {"kept": kept, "gone": gone}
    in_both = {str(row[0]) for row in connection.execute(_IN_BOTH, entities).fetchall()}
    for message_id in in_both:
        of_one_id = [held for chat in (kept, gone) for held in held_under(connection, chat, message_id)]
        _keep_better(messages, of_one_id, kept, gone, now)
    elsewhere = connection.execute(_TWO_OF_ONE, entities).fetchall()
    for chat, message_id in elsewhere:
        _keep_better(messages, held_under(connection, chat, message_id), kept, gone, now)
    return {(kept, message_id) for message_id in in_both} | {
        (kept if chat == gone else chat, message_id) for chat, message_id in elsewhere
    }


def _keep_better(messages: Messages, of_one_id: Sequence[Held], kept: int, gone: int, now: int) -> None:
    by_author: dict[int, list[Held]] = {}
    for held in of_one_id:
        by_author.setdefault(kept if held.author == gone else held.author, []).append(held)
    for same in by_author.values():
        better, *others = sorted(same, key=_worth)
        for worse in others:
            better = messages.absorb(better, worse, now)


def _worth(held: Held) -> tuple[bool, int]:
    """Sorts what says something before a placeholder, then what was stored first."""
    return held.is_placeholder, held.arrival


def _unite_chats(connection: StoreConnection, chats: Chats, *, kept: int, gone: int, preferred: int, now: int) -> None:
    if chats.stored(kept) is None and chats.stored(gone) is None:
        return
    one, other = chats.get(kept, now), chats.get(gone, now)
    first, second = (one, other) if kept == preferred else (other, one)
    one.name = first.name or second.name
    one.last_message_at = max(
        (at for at in (one.last_message_at, other.last_message_at) if at is not None), default=None
    )
    one.ephemeral_expiration = first.ephemeral_expiration or second.ephemeral_expiration
    chats.unread.unite(one, other)
    one.archived = max(one.archived, other.archived)
    one.pinned = max(one.pinned, other.pinned)
    one.muted_until = min((one.muted_until, other.muted_until), key=lambda until: (until != -1, -until))
    one.deleted_until = max(one.deleted_until, other.deleted_until)
    one.cleared_until = max(one.cleared_until, other.cleared_until)
    one.cleared_unstarred_until = max(one.cleared_unstarred_until, other.cleared_unstarred_until)
    one.marked_at, one.marked_unread = max((one.marked_at, one.marked_unread), (other.marked_at, other.marked_unread))
    one.message_count += other.message_count
    one.media_count += other.media_count
    one.sent_count += other.sent_count
    one.created_at = min(one.created_at, other.created_at)
    one.newest_arrival = max(one.newest_arrival, other.newest_arrival)
    chats.drop(gone)
    connection.execute("DELETE FROM chats WHERE entity = ?", (gone,))
