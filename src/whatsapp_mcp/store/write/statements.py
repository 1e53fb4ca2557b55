"""What is said about messages, and about which message it is said.

Each kind of statement is a table whose rows name their message by ``chat``, ``message_id`` and ``author``, an address.
Where WhatsApp did not tell the author it is ``NOBODY`` until a message of this id is here, which then is the one meant;
where several are here nothing says which, and it is about none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.write.identities import Address

NOBODY: Final = 0
"""The author of a message, where it is not told."""

BY_AUTHOR: Final = "author IN (SELECT id FROM addresses WHERE entity = {})"
"""Whether a statement is about the message of this author (an entity)."""


@dataclass(frozen=True, slots=True)
class Statements:
    """One of the tables."""

    table: str
    columns: str
    """Those after chat, message_id and author, in their order."""
    key: str
    """Those of them that with chat, message_id and author name one statement."""
    counts: str
    """What counts of two statements of one person about one message: assignments, and where they are made."""

    @property
    def merge(self) -> str:
        key = f"chat, message_id, author{', ' if self.key else ''}{self.key}"
        return f"ON CONFLICT ({key}) DO UPDATE SET {self.counts}"

    @property
    def insert(self) -> str:
        marks = ", ".join("?" * (3 + len(self.columns.split(","))))
        return f"INSERT INTO {self.table} VALUES ({marks}) {self.merge}"

    @property
    def move(self) -> str:
        """Copy what was said in the chat ``gone`` to the chat ``kept``."""
        return f"{self._copy(':kept', 'author')} WHERE chat = :gone {self.merge}"

    @property
    def bind(self) -> str:
        """What was said of an author that was not told is about the message of this one."""
        return (
            f"{self._copy('chat', ':author')} WHERE chat = :chat AND message_id = :message_id AND author = {NOBODY}"
            f" {self.merge}"
        )

    @property
    def unbind(self) -> str:
        return f"DELETE FROM {self.table} WHERE chat = :chat AND message_id = :message_id AND author = {NOBODY}"

    def _copy(self, chat: str, author: str) -> str:
        return f"INSERT INTO {self.table} SELECT {chat}, message_id, {author}, {self.columns} FROM {self.table}"


REVOKES: Final = Statements(
    "revokes",
    "sender, by_admin, revoked_at",
    "sender, by_admin",
    "revoked_at = excluded.revoked_at WHERE excluded.revoked_at < revokes.revoked_at",
)
REACTIONS: Final = Statements(
    "reactions",
    "sender, emoji, from_me, reacted_at",
    "sender",
    "emoji = excluded.emoji, from_me = excluded.from_me, reacted_at = excluded.reacted_at"
    " WHERE excluded.reacted_at >= reactions.reacted_at"
    " AND (excluded.emoji, excluded.from_me, excluded.reacted_at)"
    " IS DISTINCT FROM (reactions.emoji, reactions.from_me, reactions.reacted_at)",
)
VOTES: Final = Statements(
    "votes",
    "voter, options, voted_at",
    "voter",
    "options = excluded.options, voted_at = excluded.voted_at"
    " WHERE (excluded.voted_at, excluded.options) > (votes.voted_at, votes.options)",
)
STARS: Final = Statements(
    "stars",
    "starred, changed_at",
    "",
    "starred = excluded.starred, changed_at = excluded.changed_at"
    " WHERE (excluded.changed_at, excluded.starred) > (stars.changed_at, stars.starred)",
)
DELETIONS: Final = Statements(
    "deletions",
    "deleted_at",
    "",
    "deleted_at = excluded.deleted_at WHERE excluded.deleted_at < deletions.deleted_at",
)
MESSAGE_LABELS: Final = Statements(
    "message_labels",
    "label, labelled, changed_at",
    "label",
    "labelled = excluded.labelled, changed_at = excluded.changed_at"
    " WHERE (excluded.changed_at, excluded.labelled) > (message_labels.changed_at, message_labels.labelled)",
)
POLL_OPTIONS: Final = Statements(
    "poll_options",
    "sender, option, added_at",
    "sender, option",
    "added_at = excluded.added_at WHERE excluded.added_at < poll_options.added_at",
)
ANSWERS: Final = Statements(
    "answers",
    "sender, answer, guests, answered_at",
    "sender",
    "answer = excluded.answer, guests = excluded.guests, answered_at = excluded.answered_at"
    " WHERE (excluded.answered_at, excluded.answer) > (answers.answered_at, answers.answer)",
)
# One state of the message, whoever of the chat changes it; of two changes of one moment always the same one counts.
PINS: Final = Statements(
    "pins",
    "sender, pinned, until, pinned_at",
    "",
    "sender = excluded.sender, pinned = excluded.pinned, until = excluded.until,"
    " pinned_at = excluded.pinned_at WHERE (excluded.pinned_at, excluded.pinned, excluded.sender)"
    " > (pins.pinned_at, pins.pinned, pins.sender)",
)
KEEPS: Final = Statements(
    "keeps",
    "sender, kept, kept_at",
    "",
    "sender = excluded.sender, kept = excluded.kept, kept_at = excluded.kept_at"
    " WHERE (excluded.kept_at, excluded.kept, excluded.sender) > (keeps.kept_at, keeps.kept, keeps.sender)",
)
ALL: Final = (REVOKES, REACTIONS, VOTES, STARS, DELETIONS, MESSAGE_LABELS, POLL_OPTIONS, ANSWERS, PINS, KEEPS)

_HERE: Final = (
    "SELECT m.sender, addresses.entity, chat.kind = 'person' AND m.from_me = 1 FROM messages AS m"
    " CROSS JOIN addresses ON addresses.id = m.sender CROSS JOIN entities AS chat ON chat.id = m.chat"
    " WHERE m.chat = ? AND m.id = ? ORDER BY m.arrival"
)


def author_of(connection: StoreConnection, chat: int, message_id: str, told: Address | None) -> int | None:
    """The author to note with a statement about a message.

    Args:
        told: whom WhatsApp names.

    Returns:
        An address; None while it is not told, and no message of this id is here that it could be about.
    """
    here = connection.execute(_HERE, (chat, message_id)).fetchall()
    if told is None:
        if not here:
            return None
        return int(here[0][0]) if len(here) == 1 else NOBODY
    for sender, entity, is_ours in here:
        if entity == told.entity or (is_ours and told.entity != chat):  # see ``derivation.is_author``
            return int(sender)
    return told.id


def bind(connection: StoreConnection, chat: int, message_id: str, author: int) -> None:
    """A message is the only one of its id in its chat: it is the one that was meant where no author was told."""
    values = {"chat": chat, "message_id": message_id, "author": author}
    for statements in ALL:
        connection.execute(statements.bind, values)
        connection.execute(statements.unbind, values)
