"""Read tools over stdio on a warm store. Floor: a tool that does nothing, on the same server (`nothing_server.py`)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from bench import nothing_server
from bench.generate import fill
from bench.mcp_host import Host, environment, hosting
from bench.row import Row, median, quantile
from bench.turns import turns

__all__ = ["NOTHING_SERVER", "measure"]

NOTHING_SERVER: Final = ("-m", "bench.nothing_server")
MESSAGES: Final = 10_000
WARM_UP, ROUNDS, SECONDS = 30, 300, 8.0
AT_MOST: Final = 2.0
RATIO: Final = 2.5


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        history = await fill(home / "data" / "default" / "messages.db", MESSAGES)
        async with hosting(NOTHING_SERVER, environment(home)) as host:
            busiest = str(history.chats[0])
            reads: dict[str, tuple[str, dict[str, Any]]] = {
                "listChats": ("listChats", {}),
                "getChatMessages": ("getChatMessages", {"chat_jid": busiest}),
                "getChatMessages, 10 rows": ("getChatMessages", {"chat_jid": busiest, "limit": 10}),
            }
            return await _measured(host, reads)


async def _measured(host: Host, reads: dict[str, tuple[str, dict[str, Any]]]) -> list[Row]:
    floors: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in reads}
    rows: dict[str, int] = {}
    for counts in turns(ROUNDS, seconds=SECONDS, warm_up=WARM_UP):
        nothing = await host.call(nothing_server.NAME)
        if counts:
            floors.append(nothing.seconds * 1000)
        for name, (tool, arguments) in reads.items():
            called = await host.call(tool, arguments)
            rows[name] = len(called.results["data"])
            if counts:
                times[name].append(called.seconds * 1000)
    floor = median(floors)
    return [
        Row("trivial call", floor, "ms", note=f"p99 {quantile(floors, 0.99):.2f} ms"),
        *(
            Row(
                name,
                median(taken),
                "ms",
                floor,
                at_most=AT_MOST,
                ratio_at_most=RATIO,
                note=f"{rows[name]} rows of {MESSAGES:,} messages; p99 {quantile(taken, 0.99):.2f} ms",
            )
            for name, taken in times.items()
        ),
    ]
