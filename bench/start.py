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
from bench.world import world

__all__ = ["measure"]

BARE: Final = ("-m", "bench.bare_server")
ROUNDS: Final = 11
LINKED_ROUNDS: Final = 5
RATIO: Final = 1.15


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp:
            ours = environment(home, whatsapp.endpoint)
            bare = dict(os.environ)
            floors, unlinked, linked = [], [], []
            await _start(BARE, bare)
            await _start(SERVER, ours)
            for _ in range(ROUNDS):
                floors.append(await _start(BARE, bare))
                unlinked.append(await _start(SERVER, ours))
            async with hosting(SERVER, ours) as host:
                await link(host, whatsapp)
            floors_linked = []
            for _ in range(LINKED_ROUNDS):
                floors_linked.append(await _start(BARE, bare))
                linked.append(await _start(SERVER, ours))
    return [
        Row("start", median(unlinked), "ms", median(floors), ratio_at_most=RATIO, note="spawn → initialize answered"),
        Row(
            "start, linked",
            median(linked),
            "ms",
            median(floors_linked),
            note="the session process starts beside it, on the same cores; no budget",
        ),
    ]


async def _start(arguments: tuple[str, ...], environment: dict[str, str]) -> float:
    """Milliseconds."""
    async with hosting(arguments, environment) as host:
        return host.start_seconds * 1000
