"""Read tools over stdio on a warm store. Floor: a tool that does nothing, on the same server (`nothing_server.py`)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from bench import nothing_server
from bench.generate import fill
from bench.mcp_host import Host, environment, hosting
from bench.row import Row, median, quantile

__all__ = ["NOTHING_SERVER", "measure"]

NOTHING_SERVER: Final = ("-m", "bench.nothing_server")
MESSAGES: Final = 10_000
WARM_UP: Final = 30
ROUNDS: Final = 300
AT_MOST: Final = 2.0
RATIO: Final = 2.5


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        await fill(home / "data" / "default" / "messages.db", MESSAGES)
        async with hosting(NOTHING_SERVER, environment(home)) as host:
            chats = (await host.call("listChats")).results["data"]
            busiest = chats[0]["jid"]
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
    for turn in range(WARM_UP + ROUNDS):
        nothing = await host.call(nothing_server.NAME)
        if turn >= WARM_UP:
            floors.append(nothing.seconds * 1000)
        for name, (tool, arguments) in reads.items():
            called = await host.call(tool, arguments)
            rows[name] = len(called.results["data"])
            if turn >= WARM_UP:
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
