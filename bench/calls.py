"""Read tools over stdio on a warm store. Floor: a bare server of the SDK that answers the very same, ready-made
(`bare_server.py`), so that what remains is ours: to look it up, to write it in few words, and policy and audit.

The trivial call is a tool that does nothing, on the same server as the others (`nothing_server.py`); a list may take as
long as some of those (`pace.py`).
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from bench import nothing_server
from bench.generate import fill
from bench.mcp_host import Host, environment, hosting
from bench.pace import here
from bench.row import Row, median, quantile
from bench.start import BARE
from bench.turns import turns

__all__ = ["NOTHING_SERVER", "measure"]

NOTHING_SERVER: Final = ("-m", "bench.nothing_server")
TRIVIAL: Final = "trivial call"
MESSAGES: Final = 10_000
WARM_UP, ROUNDS, SECONDS = 30, 300, 10.0
AT_MOST: Final = 2.0
"""Milliseconds where a trivial call takes 0.28 ms."""
TRIVIAL_RATIO: Final = 1.0
RATIO: Final = 2.5
"""Of a list of next to nothing: it is read in a thread, passes the policy, and is written down."""
RATIO_PER_ROW: Final = 0.09
"""More for each row, of which the floor looks up nothing, removes no hidden characters and leaves nothing out."""

Call = dict[str, Any]


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        history = await fill(home / "data" / "default" / "messages.db", MESSAGES)
        async with hosting(NOTHING_SERVER, environment(home)) as host:
            busiest = str(history.chats[0])
            calls: dict[str, Call] = {
                TRIVIAL: {"name": nothing_server.NAME, "arguments": {}},
                "listChats": {"name": "listChats", "arguments": {}},
                "getChatMessages": {"name": "getChatMessages", "arguments": {"chat_jid": busiest}},
                "getChatMessages, 10 rows": {
                    "name": "getChatMessages",
                    "arguments": {"chat_jid": busiest, "limit": 10},
                },
            }
            answers = {name: (await host.program.request("tools/call", call)).result for name, call in calls.items()}
            ready_made = home / "answers.json"
            ready_made.write_text(json.dumps(answers))
            async with hosting((*BARE, str(ready_made)), dict(os.environ)) as bare:
                times, floors = await _measured(host, bare, calls)
    trivial = median(times[TRIVIAL])
    return [_row(name, times[name], floors[name], answers[name], trivial) for name in calls]


async def _measured(
    host: Host, bare: Host, calls: dict[str, Call]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Milliseconds of ours, and of the bare server with the same answers."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    floors: dict[str, list[float]] = {name: [] for name in calls}
    for counts in turns(ROUNDS, seconds=SECONDS, warm_up=WARM_UP):
        for name, call in calls.items():
            floor = await bare.program.request("tools/call", {"name": name, "arguments": {}})
            taken = await host.program.request("tools/call", call)
            if counts:
                floors[name].append(floor.seconds * 1000)
                times[name].append(taken.seconds * 1000)
    return times, floors


def _row(name: str, times: list[float], floors: list[float], answer: dict[str, Any], trivial: float) -> Row:
    taken, floor, slowest = median(times), median(floors), f"p99 {quantile(times, 0.99):.2f} ms"
    if name == TRIVIAL:
        return Row(name, taken, "ms", floor, ratio_at_most=TRIVIAL_RATIO, note=slowest)
    rows = len(answer["structuredContent"]["results"]["data"])
    note = f"{rows} rows of {MESSAGES:,} messages, {taken / trivial:.1f} trivial calls; {slowest}"
    ratio = RATIO + rows * RATIO_PER_ROW
    return Row(name, taken, "ms", floor, at_most=here(AT_MOST, trivial), ratio_at_most=ratio, note=note)
