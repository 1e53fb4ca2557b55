"""How long the session is without connection for a request that neonize cannot send, and how long the caller waits.
Floor: a restart of the session (``appReconnect``), which drains, ends, starts and connects in the same way.

What the request adds to that has the budget: the side login, its connection and its answer. A restart alone, most of it
neonize being loaded and connected, takes longer than a second on two cores.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, environment, hosting
from bench.row import Row, median
from bench.turns import turns
from bench.world import ANA, world

__all__ = ["measure"]

WARM_UP, ROUNDS, SECONDS = 1, 12, 30.0
BUDGET: Final = 1_000
"""Milliseconds from call to result on the simulator, beyond a restart."""


async def measure() -> list[Row]:
    ours: list[float] = []
    floors: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp:
            variables = {**environment(home, whatsapp.endpoint), "WHATSAPP_MCP_SIDE_LOGIN_DISTANCE": "0"}
            async with hosting(SERVER, variables) as host:
                await link(host, whatsapp)
                await host.call("sendMessage", {"phone": ANA, "message": "hello"})
                await whatsapp.settle()
                for turn, counts in enumerate(turns(ROUNDS, seconds=SECONDS, warm_up=WARM_UP)):
                    restarted = await host.call("appReconnect", {})
                    pinned = await host.call("pinChat", {"chat_jid": ANA, "pinned": turn % 2 == 0})
                    if counts:
                        floors.append(restarted.seconds * 1000)
                        ours.append(pinned.seconds * 1000)
    return [Row("pinChat, with its pause", median(ours), "ms", median(floors), over_at_most=BUDGET)]
