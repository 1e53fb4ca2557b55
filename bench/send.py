"""``sendMessage`` over MCP → acknowledged. Floor: plain neonize on the same simulator (`plain_neonize.py` says what is
in it), message by message in turn with ours."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, environment, hosting
from bench.plain_neonize import plain_neonize
from bench.row import Row, median, quantile
from bench.turns import turns
from bench.world import ANA, world

__all__ = ["measure"]

WARM_UP, ROUNDS, SECONDS = 5, 60, 15.0
RATIO: Final = 1.5


async def measure() -> list[Row]:
    ours: list[float] = []
    floors: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with (
            world(home) as whatsapp,
            plain_neonize(home, whatsapp.endpoint) as plain,
            hosting(SERVER, environment(home, whatsapp.endpoint)) as host,
        ):
            await plain.pair(whatsapp)
            await link(host, whatsapp)
            # A first message from her side, or every message of ours would carry a key exchange.
            await whatsapp.say("plain", "Hi!")
            await whatsapp.say("server", "Hi!")
            await whatsapp.settle()
            for turn, counts in enumerate(turns(ROUNDS, seconds=SECONDS, warm_up=WARM_UP)):
                text = f"Message {turn}, about as long as people write"
                floor = await plain.send(text)
                await whatsapp.settle()
                called = await host.call("sendMessage", {"phone": ANA, "message": text})
                await whatsapp.settle()
                if counts:
                    floors.append(floor * 1000)
                    ours.append(called.seconds * 1000)
    note = f"p90 {quantile(ours, 0.9):.1f} ms; floor p90 {quantile(floors, 0.9):.1f} ms"
    return [Row("sendMessage", median(ours), "ms", median(floors), ratio_at_most=RATIO, note=note)]
