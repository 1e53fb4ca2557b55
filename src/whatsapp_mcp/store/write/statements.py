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


def _the_last(table: str, at: str, *columns: str) -> str:
    """Who says something again means that. WhatsApp knows to the second when, and people choose two options of a poll,
    or pin and unpin, in less: of one second what comes later counts. What comes once more changes nothing."""
    said = ", ".join(f"{name} = excluded.{name}" for name in (*columns, at))
    new, old = (", ".join(f"{row}.{name}" for name in (*columns, at)) for row in ("excluded", table))
    return f"{said} WHERE excluded.{at} >= {table}.{at} AND ({new}) IS DISTINCT FROM ({old})"


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
    _the_last("reactions", "reacted_at", "emoji", "from_me"),
)
VOTES: Final = Statements(
    "votes",
    "voter, options, voted_at",
    "voter",
    _the_last("votes", "voted_at", "options"),
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
    _the_last("answers", "answered_at", "answer", "guests"),
)
# One state of the message, whoever of the chat changes it.
PINS: Final = Statements(
    "pins",
    "sender, pinned, until, pinned_at",
    "",
    _the_last("pins", "pinned_at", "sender", "pinned", "until"),
)
KEEPS: Final = Statements(
    "keeps",
    "sender, kept, kept_at",
    "",
    _the_last("keeps", "kept_at", "sender", "kept"),
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
