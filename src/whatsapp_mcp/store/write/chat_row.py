"""What is kept of one chat beside its messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class ChatRow:
    """A row of ``chats``, as it will be at the end of the transaction. Times in milliseconds."""

    entity: int
    name: str | None = None
    last_message_at: int | None = None
    ephemeral_expiration: int = 0
    unread: int = 0
    """How many messages are: rows of ``unread``."""
    read_place: int = 0
    """Everything up to this place is read."""
    archived: int = 0
    pinned: int = 0
    muted_until: int = 0
    message_count: int = 0
    media_count: int = 0
    sent_count: int = 0
    created_at: int = 0
    updated_at: int = 0
    deleted_until: int = -1
    cleared_until: int = -1
    cleared_unstarred_until: int = -1
    marked_unread: int = 0
    marked_at: int = 0
    gone: int = 0
    """A group that we are not in any more."""
    newest_arrival: int = 0
    """The highest arrival number that a message in it got, whatever became of the message."""

    @property
    def empty_until(self) -> int:
        """No message up to this time is shown."""
        return max(self.deleted_until, self.cleared_until)

    @property
    def hides_until(self) -> int:
        """Up to this time messages may be hidden, later ones only one by one."""
        return max(self.deleted_until, self.cleared_until, self.cleared_unstarred_until)
