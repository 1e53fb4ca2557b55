"""Spawn → ``initialize`` answered, over stdio. Floor: a bare server of the SDK (`bare_server.py`).

Ours has the endpoint of a running simulator and no linked account, so that no session starts; caches are warm (the
byte code of all modules, the catalogue's JSON). ``linked`` is what a host sees every day: the same with an account,
whose session process starts at the same time.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, environment, hosting
from bench.row import Row, median
from bench.turns import turns
from bench.world import world

__all__ = ["BARE", "measure"]

Environment = dict[str, str]

BARE: Final = ("-m", "bench.bare_server")
ROUNDS, SECONDS = 11, 20.0
LINKED_ROUNDS, LINKED_SECONDS = 5, 12.0
RATIO: Final = 1.15


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp:
            ours = environment(home, whatsapp.endpoint)
            bare = dict(os.environ)
            unlinked, floor = await _in_turn(ours, bare, rounds=ROUNDS, seconds=SECONDS)
            async with hosting(SERVER, ours) as host:
                await link(host, whatsapp)
            linked, floor_linked = await _in_turn(ours, bare, rounds=LINKED_ROUNDS, seconds=LINKED_SECONDS)
    return [
        Row("start", unlinked, "ms", floor, ratio_at_most=RATIO, note="spawn → initialize answered"),
        Row(
            "start, linked",
            linked,
            "ms",
            floor_linked,
            note="the session process starts beside it, on the same cores; no budget",
        ),
    ]


async def _in_turn(ours: Environment, bare: Environment, *, rounds: int, seconds: float) -> tuple[float, float]:
    """Medians of ours and of the bare server, milliseconds."""
    times: list[float] = []
    floors: list[float] = []
    for counts in turns(rounds, seconds=seconds):
        floor, taken = await _start(BARE, bare), await _start(SERVER, ours)
        if counts:
            floors.append(floor)
            times.append(taken)
    return median(times), median(floors)


async def _start(arguments: tuple[str, ...], environment: Environment) -> float:
    """Milliseconds."""
    async with hosting(arguments, environment) as host:
        return host.start_seconds * 1000
