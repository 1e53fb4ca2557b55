"""The lines of the pipe between server process and session process.

Server -> session: a `Hello` first, then commands, each with the id of its call. Session -> server: one reply to each
call, of any length, and notices at any time. How commands and replies are written stands in `codec`; a long line
travels in `pieces`.
"""

from __future__ import annotations

from typing import Literal

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import Decrypted, SessionState
from whatsapp_mcp.pipe.command import Wire


class Hello(Wire):
    """First line to a new session process: what it works on."""

    session_db: str
    store_path: str
    media_dir: str
    retention_days: int | None = None
    """How long messages are kept; None: for ever."""
    decrypted: tuple[Decrypted, ...]
    """The last messages that whatsmeow decrypted before this process, newest first."""
    endpoint: Endpoint | None = None
    """As the server read it: the file may change between the start of the process and its first line."""
    require_endpoint: bool
    side_login_distance: float
    """Seconds from the end of one pause for a side login to the begin of the next."""
    side_login_per_day: int
    """Most such pauses in 24 hours; 0: no limit."""
    log_level: str


class StateChanged(Wire):
    type: Literal["state"] = "state"
    state: SessionState
    detail: str = ""
    """A sentence of ours."""
    own_jid: Jid | None = None
    own_lid: Jid | None = None
    push_name: str | None = None
    platform: str | None = None


class QrShown(Wire):
    """A QR code to show now."""

    type: Literal["qr"] = "qr"
    text: str
    seconds: float
    """How long it is valid."""


class Stored(Wire):
    """The store has new content up to this arrival number."""

    type: Literal["stored"] = "stored"
    newest_arrival: int


EndReason = Literal[
    "stopped",
    "restart",
    "logged_out",
    "replaced",
    "outdated",
    "banned",
    "qr_timeout",
    "pairing_failed",
    "connect_failed",
    "pump_died",
    "setup_error",
    "store_error",
]


class Ended(Wire):
    """Last line: the process ends by itself, in order."""

    type: Literal["ended"] = "ended"
    reason: EndReason
    detail: str = ""
    """A sentence of ours."""
    whatsapp_said: str | None = None
    """What WhatsApp or neonize gave as the reason, if it did."""


Notice = StateChanged | QrShown | Stored | Ended
"""What the session process tells by itself."""
