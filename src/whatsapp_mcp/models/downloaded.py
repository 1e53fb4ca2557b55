"""What names the file of a received message."""

from __future__ import annotations

from dataclasses import dataclass

from whatsapp_mcp.jid import Jid


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """What names the file of a message, if its media was ever downloaded."""

    chat: Jid
    """In one form; a person's file may lie under either."""
    message_id: str
    mimetype: str
    """As announced."""
    name: str | None
    """As its sender called a document."""
    sha256: bytes | None
    """Of the content; None when it is not known."""
