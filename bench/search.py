"""Searching and reading a larger store through MCP: 99th percentiles over many chats and words of all scripts.

Floor: the 99th percentile of a tool that does nothing, on the same server in the same run.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any, Final

from bench import nothing_server
from bench.calls import NOTHING_SERVER
from bench.generate import fill
from bench.mcp_host import environment, hosting
from bench.row import Row, median, quantile
from bench.turns import turns

__all__ = ["measure"]

MESSAGES: Final = 100_000
WARM_UP, ROUNDS, SECONDS = 20, 300, 12.0
AT_MOST: Final = 10.0


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        history = await fill(home / "data" / "default" / "messages.db", MESSAGES)
        chance = random.Random(3)
        chats, words = [str(chat) for chat in history.chats], history.words(WARM_UP + ROUNDS)
        times: dict[str, list[float]] = {"nothing": [], "search": [], "getChatMessages": [], "listChats": []}
        found = 0
        async with hosting(NOTHING_SERVER, environment(home)) as host:
            for word, counts in zip(words, turns(ROUNDS, seconds=SECONDS, warm_up=WARM_UP), strict=False):
                # Half of the questions go to the five largest chats, where most messages are.
                chat = chance.choice(chats[:5] if chance.random() < 0.5 else chats)
                calls: dict[str, tuple[str, dict[str, Any]]] = {
                    "nothing": (nothing_server.NAME, {}),
                    "search": ("getChatMessages", {"chat_jid": chat, "search": word, "limit": 20}),
                    "getChatMessages": ("getChatMessages", {"chat_jid": chat, "offset": chance.randrange(1000)}),
                    "listChats": ("listChats", {"offset": chance.randrange(100)}),
                }
                for name, (tool, arguments) in calls.items():
                    called = await host.call(tool, arguments)
                    if counts:
                        times[name].append(called.seconds * 1000)
                        found += name == "search" and bool(called.results["data"])
    searches = len(times["search"])
    floor = quantile(times.pop("nothing"), 0.99)
    rows = []
    for name, taken in times.items():
        note = f"{MESSAGES:,} messages; p50 {median(taken):.2f} ms"
        note += f"; {found * 100 // searches} % of the searches find something" if name == "search" else ""
        rows.append(Row(f"{name}, p99", quantile(taken, 0.99), "ms", floor, at_most=AT_MOST, note=note))
    return rows
