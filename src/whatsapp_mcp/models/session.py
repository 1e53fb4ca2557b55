"""The session: its state as everybody sees it, and what its database remembers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.view import View


class SessionState(StrEnum):
    """Where the WhatsApp session stands; the same words in logs, results and `status`."""

    STARTING = "starting"
    UNPAIRED = "unpaired"
    PAIRING = "pairing"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    LOGGED_OUT = "logged_out"
    REPLACED = "replaced"
    OUTDATED = "outdated"
    BANNED = "banned"
    STOPPED = "stopped"


class SessionSnapshot(View):
    """What the session manager knows at one moment."""

    state: SessionState
    detail: str = ""
    """One sentence of ours for a person: why it is so, when that is not obvious."""
    whatsapp_said: str | None = None
    """What WhatsApp or neonize gave as the reason, if it did; others can have written parts of it."""
    since: datetime
    own_jid: Jid | None = None
    own_lid: Jid | None = None
    push_name: str | None = None
    platform: str | None = None
    qr_text: str | None = None
    """What the QR shown now encodes, while pairing."""
    qr_expires_at: datetime | None = None
    restarts: int = 0
    """How often the session process was started again after it ended by itself."""


class Decrypted(NamedTuple):
    """A message that whatsmeow decrypted; the addresses as whatsmeow wrote them."""

    id: str
    chat: str
    sender: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A message of ours that neonize gave to its connection."""

    id: str
    chat: Jid
    """As on the wire."""
