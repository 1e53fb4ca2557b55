"""One call on its way through the gate: who calls, what was decided, and what has to be written down of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.policy.caller import Caller

if TYPE_CHECKING:
    from whatsapp_mcp.catalog.operation import Operation
    from whatsapp_mcp.policy.call import Call
    from whatsapp_mcp.policy.limits import Reservation


@dataclass(slots=True)
class Passage:
    """Begins when the call arrives, and ends when its answer leaves."""

    operation: Operation
    caller: Caller
    at: int = field(default_factory=now_ms)
    began: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0
    """How long it took, when it has ended."""
    call: Call | None = None
    """What it would do; None where nobody has to know."""
    decision: str = "allowed"
    """A value of `AuditDecision`."""
    rule: str | None = None
    """Which one decided, or asked."""
    reservation: Reservation | None = None
    """What is counted for it."""
    heard: frozenset[Jid] = frozenset()
    """Chats whose texts are in the result."""
    ids: tuple[str, ...] = ()
    """Of messages that it was about, or made."""
    error: str | None = None
    """Code of the error that it ended with."""
    bytes_in: int = 0
    """Arguments."""
    bytes_out: int = 0
    """Text of the result."""
