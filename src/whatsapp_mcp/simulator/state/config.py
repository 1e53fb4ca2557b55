"""What can be chosen about a simulated WhatsApp."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class QrTiming:
    """How many pairing codes a login offers and how long each may be scanned.

    The defaults are WhatsApp's; whatsmeow (qrchan.go) shows the first of exactly six codes for 60 s, all others for
    20 s. The client keeps its own time, so shorter values here mean codes that are already refused while they are
    still shown.
    """

    refs: int = 6
    first_seconds: float = 60.0
    next_seconds: float = 20.0
    grace_seconds: float = 5.0
    """A code that was just replaced on the screen is accepted for this long."""

    def expires_after(self, index: int) -> float:
        """Seconds after which code number ``index`` (from 0) is refused."""
        first = self.first_seconds if self.refs == 6 else self.next_seconds
        return first + index * self.next_seconds + self.grace_seconds


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Configuration of one simulator. Everything has a default: ``Simulator()`` just works."""

    port: int = 0
    """TCP port on 127.0.0.1; 0 takes any free one."""
    tls_port: int | None = None
    """Another one, for clients that know no proxies: TLS from the first byte; 0 takes any free one, ``None``: none."""
    state: Path | None = None
    """A folder for what is to outlive the simulator: its keys, accounts, linked devices and groups."""
    directory: Path | None = None
    """Where the CA file is put; ``None``: a temporary directory that is removed at the end."""
    phone_number: str = "12025550100"
    """Number of the account whose phone is ``Simulator.phone``, digits only, with country code."""
    phone_name: str = "Robin"
    """Push name of that account."""
    qr: QrTiming = field(default_factory=QrTiming)
    clock: Callable[[], float] = time.time
    """Seconds since 1970; every timestamp in a stanza comes from here."""
    history_after_pairing: bool = False
    """Whether a newly linked device gets the phone's history by itself, as with WhatsApp; ``False``: when told to."""
    keep_alive_seconds: float = 90.0
    """A connection that sends nothing for this long is closed (whatsmeow pings every 20 to 30 s)."""
