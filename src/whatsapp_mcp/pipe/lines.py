"""The lines between the session process of an account and those who use it.

Whoever starts a session process gives it a `Hello`. Everybody who connects to its endpoint says `Attach` and gets a
`Welcome` or is `Refused`; then commands go there, each with the id of its call, and back come one reply to each call,
of any length, and notices at any time. How commands and replies are written stands in `codec`; a long line travels in
`pieces`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import Decrypted, SessionState
from whatsapp_mcp.models.typing_state import TypingWord
from whatsapp_mcp.pipe.command import Wire
from whatsapp_mcp.pipe.webhooks import WebhooksBegin


class PolicyPlaces(Wire):
    """Where the account's policy stands, for what leaves later."""

    preset: Literal["open", "careful", "read-only", "locked"]
    file: str
    book: str
    audit: str
    tokens: str
    default_token: str
    store: str


class SharedAccount(Wire):
    """What a session process has to know to hold an account that other machines may hold too."""

    database: str
    """URL of the database that they share."""
    account: str
    node: str
    """Name of this machine."""
    attachable: bool
    """Servers of other nodes may attach."""
    waits: bool = False
    """The holder gives the account up when this process is ready."""
    address: str = ""
    """At which they do; empty: that by which this machine reaches the database."""


class Hello(Wire):
    """To a new session process: what it works on."""

    keys: str
    """neonize's database, as ``whereabouts.told`` writes it."""
    store: str
    """Whereabouts, as ``told``."""
    media_dir: str
    bucket: str = ""
    """Where received media go, with the account's prefix; empty: into ``media_dir``."""
    ledger_path: str
    log_path: str
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
    phone_changes_distance: float = 0.0
    """Seconds from a pause to one that only reads what the phone changed; 0: there is none."""
    log_level: str
    typing: bool = False
    """Tell who is typing."""
    webhooks: WebhooksBegin | None = None
    """For the deliverer, as soon as there are webhooks."""
    linger: float = 0.0
    """Seconds to go on after the last server has left."""
    device_name: str = "whatsapp-mcp"
    """Under which the phone lists this device, from linking on."""
    pairing: bool = False
    """No device is linked: codes will be shown."""
    policy: PolicyPlaces | None = None
    """None: what is scheduled is refused when it is due."""
    record_stanzas: str = ""
    """File for the shapes of stanzas; empty: none."""
    shared: SharedAccount | None = None
    """None: only this machine can hold the account."""
    schedule_stay: float = 0.0
    """Hours: it goes on without a server for a scheduled message that is due within them."""


LISTENS: Final = b"listens\n"
"""What a session process writes to its standard output when it can be attached to."""

Kind = Literal["stdio", "http", "terminal", "command"]
"""Of a client: servers, whoever they serve, keep the session process alive; a command that only looks does not."""


class AttachedClient(Wire):
    """Who uses a session process."""

    kind: Kind
    pid: int
    command: str
    since: datetime
    version: str


class Attach(Wire):
    """First line of a client. Other versions read it too: fields may be added, never changed."""

    type: Literal["attach"] = "attach"
    client: AttachedClient
    noise_root: str | None = None
    """Of the endpoint that the client was given; None: the real WhatsApp."""


class Welcome(Wire):
    """The answer; notices about how things stand follow."""

    type: Literal["welcome"] = "welcome"
    pid: int
    version: str
    restarts: int = 0
    """How often a session process of this account ended by itself."""
    simulated: bool = False
    """It was started for an endpoint, and so is not on the real WhatsApp."""


class Refused(Wire):
    """The other answer; the connection is closed. ``retired``: a client of a newer version made this process end."""

    type: Literal["refused"] = "refused"
    why: Literal["newer", "retired", "endpoint", "ending", "full"]
    version: str
    pid: int


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


class TypingSeen(Wire):
    """Somebody begins to type, or ends it. Of the moment: nothing keeps it."""

    type: Literal["typing"] = "typing"
    chat: Jid
    sender: Jid
    state: TypingWord


class Logged(Wire):
    """What the session process logged."""

    type: Literal["logged"] = "logged"
    level: int
    logger: str
    text: str


class CallWaits(Wire):
    """What a call that is under way waits for now; see `whatsapp_mcp.waiting.Wait`."""

    type: Literal["waits"] = "waits"
    id: int
    """Of the call."""
    what: str
    total: float = 0.0
    done: float = 0.0
    unit: str = ""


EndReason = Literal[
    "stopped",
    "restart",
    "unused",
    "retired",
    "logged_out_here",
    "crashed",
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
    "store_unusable",
    "moved",
    "held_elsewhere",
    "lease_lost",
    "no_database",
]


class Ended(Wire):
    """Last line: the process ends by itself, in order."""

    type: Literal["ended"] = "ended"
    reason: EndReason
    detail: str = ""
    """A sentence of ours."""
    whatsapp_said: str | None = None
    """What WhatsApp or neonize gave as the reason, if it did."""
    until: datetime | None = None
    """When what it ended for is over, as far as WhatsApp told: the end of a ban."""


Notice = StateChanged | QrShown | Stored | TypingSeen | Logged | Ended
"""What the session process tells by itself."""
