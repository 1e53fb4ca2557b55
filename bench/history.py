"""From linking to a history that can be searched: the phone shares its messages in parts, the oldest last.

``--messages`` says how many. The time runs from the beginning of linking to the answer of searchMessages that has the
oldest of them; the simulator writes, packs and encrypts each part meanwhile, on the other core. What the store alone
takes is the row `ingest`.

Floor: plain neonize, which is linked and told the same in the same run, and throws it away: what the simulator and
neonize take is in both. It needs one core where we need two, so on a machine that is busy with other things its time is
more of a share of ours; the processor time of the two processes says the same on any.

The longer the history, the smaller a part of neonize's time is what it does once, to be linked, while a message costs
us the same: against neonize alone the ratios grow with the size, and have a budget for each. What a message costs at
least is neonize's part and what SQLite takes for the finished rows, with indexes and search index, in transactions of
the same size (`ingest.sqlite_alone`, with the very rows that are in the store then): against that, one budget holds for
all sizes.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.account import link
from bench.ingest import sqlite_alone
from bench.mcp_host import SERVER, Host, environment, hosting
from bench.memory import peak
from bench.plain_neonize import plain_neonize
from bench.processes import session_of, spent
from bench.program import BenchError
from bench.row import Row
from bench.stores import Scale
from bench.world import Who, World, world
from whatsapp_mcp.worker.store_thread import MOST_COLLECTED

__all__ = ["measure"]

PART: Final = 20_000
LONG: Final = 300_000
"""Messages from which on the second budget counts."""
RATIOS: Final = (4.0, 6.0)
PROCESSOR_RATIOS: Final = (7.0, 15.0)
"""At a million SQLite alone takes four times what neonize takes, and neonize is in both: beside a store, nothing is
below 5."""
STORED_RATIO: Final = 3.2
MEMORY_AT_MOST: Final = 300.0
LOOK: Final = 0.05
SECONDS_PER_MESSAGE: Final = 1e-3
WORD: Final = "Mitternachtssuppe"


async def measure(scale: Scale) -> list[Row]:
    limit = 60 + scale.messages * SECONDS_PER_MESSAGE
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp:
            async with plain_neonize(home, whatsapp.endpoint) as plain:
                began = time.monotonic()
                await plain.watch_for(WORD)
                await plain.pair(whatsapp)
                await _share(whatsapp, "plain", scale.messages)
                floor = await plain.told(limit) - began
                floor_spent = spent(plain.pid)
            async with hosting(SERVER, environment(home, whatsapp.endpoint)) as host:
                began = time.monotonic()
                await link(host, whatsapp)
                await _share(whatsapp, "server", scale.messages)
                await _found(host, began + limit)
                seconds = time.monotonic() - began
                session = session_of(home / "data")
                most, session_spent = peak(session), spent(session)
            stored = await sqlite_alone(home / "floor.db", home / "data" / "default" / "messages.db", MOST_COLLECTED)
    name = f"history of {scale.messages:,}, from link to search"
    note = f"{scale.messages / seconds:,.0f} messages a second"
    is_long = scale.messages >= LONG
    least = floor_spent + stored
    return [
        Row(name, seconds, "s", floor, ratio_at_most=RATIOS[is_long], note=note),
        Row(f"{name}, processor", session_spent, "s", floor_spent, ratio_at_most=PROCESSOR_RATIOS[is_long]),
        Row("the same, to neonize and SQLite alone", session_spent, "s", least, ratio_at_most=STORED_RATIO),
        Row("memory of the session process then, at most", most, "MiB", at_most=MEMORY_AT_MOST),
    ]


async def _share(whatsapp: World, who: Who, messages: int) -> None:
    for first in range(0, messages, PART):
        count = min(PART, messages - first)
        await whatsapp.share(who, count, first=first, word=WORD if first + count == messages else "Then")


async def _found(host: Host, until: float) -> None:
    while time.monotonic() < until:
        if (await host.call("searchMessages", {"query": WORD})).results["data"]:
            return
        await asyncio.sleep(LOOK)
    raise BenchError("the oldest message was not found in time")
