"""What a program gets of a message that came, and of one that it sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True)
class IncomingMessage:
    """Somebody wrote. Names and texts are other people's words."""

    message_id: str
    """By which it is replied to."""
    chat_jid: str
    """Where it was written, and where an answer goes: a person or a group."""
    chat_name: str
    """Of the person or group."""
    sender_jid: str
    """Who wrote it; in a group, not the chat."""
    sender_name: str
    """As the owner saved it, or as the person calls themselves."""
    text: str
    """The text or caption; empty for a picture without one."""
    kind: str
    """``text``, ``image``, ``voice`` …: docs/glossary.md."""
    timestamp: datetime
    """With a time zone."""
    reply_to_id: str | None = None
    """The message that it quotes."""
    mentions_me: bool = False
    """It mentions the owner, in a group."""
    row: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Everything that the server says of it."""

    @property
    def is_group(self) -> bool:
        """It was written in a group."""
        return self.chat_jid.endswith("@g.us")

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Of a complete row of a result."""
        return cls(
            message_id=row["message_id"],
            chat_jid=row["chat_jid"],
            chat_name=row.get("chat_name", ""),
            sender_jid=row.get("sender_jid", ""),
            sender_name=row.get("sender_name", ""),
            text=row.get("content", ""),
            kind=row["kind"],
            timestamp=datetime.fromisoformat(row["timestamp"]),
            reply_to_id=row.get("reply_to_id"),
            mentions_me=bool(row.get("mentions_me")),
            row=row,
        )


@dataclass(frozen=True)
class SentText:
    """A message went out, or ``repeated``: it had, by a call before."""

    message_id: str
    chat_jid: str
    repeated: bool = False
