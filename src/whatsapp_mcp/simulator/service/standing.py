"""How an account stands with WhatsApp: what it may still send, what it reports, what its clients count.

Sources: whatsapp-rust mex_operations.rs, spam_report.rs; Baileys Types/Mex.ts, Socket/socket.ts: sendWAMBuffer.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from whatsapp_mcp.simulator.service.mex import Json, Mex
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.record import Record
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Node

_REACHOUT_TIMELOCK = "23983697327930364"
_CAPPING = ("24503548349331633", "27910975521856601")
_QUOTA: Final = 1000


class Standing:
    """Nobody is limited here (``reject_messages`` of the faults refuses what is sent all the same)."""

    def __init__(self, world: World, mex: Mex) -> None:
        self._world = world
        self.spam_reports: Record[Node] = Record("report of spam")
        """What clients reported, as they did it."""
        mex.on_query(_REACHOUT_TIMELOCK, _reachout_timelock)
        for query_id in _CAPPING:
            mex.on_query(query_id, self._capping)

    def register(self, router: Router) -> None:
        router.on_iq("spam", "set", self._report)
        for kind in ("set", ""):  # Baileys asks without a type
            router.on_iq("w:stats", kind, lambda device, node: ())

    def _report(self, device: SimDevice, node: Node) -> Sequence[Node]:
        reported = node.child("spam_list")
        if reported is None:
            raise IqError(400, "bad-request")
        self.spam_reports.add(reported)
        return [Node("report_id", {}, secrets.token_hex(8).encode())]

    def _capping(self, device: SimDevice, given: Json) -> Json:
        """How many new chats may still be started."""
        return {
            "xwa2_message_capping_info": {
                "total_quota": str(_QUOTA),
                "used_quota": "0",
                "cycle_start_timestamp": "0",
                "cycle_end_timestamp": "0",
                "server_sent_timestamp": self._world.now(),
                "ote_status": "NOT_ELIGIBLE",
                "mv_status": "NOT_ELIGIBLE",
                "capping_status": "NONE",
            }
        }


def _reachout_timelock(device: SimDevice, given: Json) -> Json:
    told = {"is_active": False, "time_enforcement_ends": "0", "enforcement_type": "DEFAULT"}
    return {"xwa2_fetch_account_reachout_timelock": told}
