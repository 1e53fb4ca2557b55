"""What the policy and the audit add to a call over stdio: the default policy against the same server without gate.

Both servers answer in turn, from copies of one store; the medians of many short calls are compared.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from bench import nothing_server
from bench.generate import fill
from bench.mcp_host import Host, environment, hosting
from bench.row import Row, median, quantile
from bench.turns import turns

__all__ = ["measure"]

UNGATED_SERVER: Final = ("-m", "bench.ungated_server")
NOTHING_SERVER: Final = ("-m", "bench.nothing_server")
MESSAGES: Final = 2_000
WARM_UP, ROUNDS, SECONDS = 100, 3_000, 20.0
RATIO: Final = 1.05


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        gated, ungated = Path(folder, "gated"), Path(folder, "ungated")
        history = await fill(gated / "data" / "default" / "messages.db", MESSAGES)
        shutil.copytree(gated, ungated)
        calls: dict[str, dict[str, Any]] = {
            nothing_server.NAME: {},
            "getChatMessages": {"chat_jid": str(history.chats[0]), "limit": 1},
        }
        async with (
            hosting(NOTHING_SERVER, environment(gated, WHATSAPP_MCP_POLICY="careful")) as ours,
            hosting(UNGATED_SERVER, environment(ungated)) as floor,
        ):
            return await _compared(ours, floor, calls)


async def _compared(ours: Host, floor: Host, calls: dict[str, dict[str, Any]]) -> list[Row]:
    times: dict[str, tuple[list[float], list[float]]] = {tool: ([], []) for tool in calls}
    even = False
    for counts in turns(ROUNDS, seconds=SECONDS, warm_up=WARM_UP):
        even = not even  # who goes first finds colder caches
        for tool, arguments in calls.items():
            for place in (0, 1) if even else (1, 0):
                called = await (ours, floor)[place].call(tool, arguments)
                if counts:
                    times[tool][place].append(called.seconds * 1000)
    return [
        Row(
            f"{tool} with policy and audit" + (", 1 row" if arguments else ""),
            median(times[tool][0]),
            "ms",
            median(times[tool][1]),
            ratio_at_most=RATIO,
            note=f"{len(times[tool][0])} calls; p99 {quantile(times[tool][0], 0.99):.2f} ms,"
            f" without {quantile(times[tool][1], 0.99):.2f} ms",
        )
        for tool, arguments in calls.items()
    ]
