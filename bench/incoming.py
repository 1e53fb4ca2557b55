"""A contact writes → the message is in what getChatMessages answers.

Measured as an agent does it: waitForMessage is pending, answers, and getChatMessages is called; the time runs from
before the contact's encryption to the end of the second answer. Floor: the moment at which plain neonize calls back
with a message of the same contact, before anything is done with it.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, Host, environment, hosting
from bench.plain_neonize import Plain, plain_neonize
from bench.program import BenchError
from bench.row import Row, median, quantile
from bench.turns import turns
from bench.world import ANA, World, world

__all__ = ["measure"]

WARM_UP, ROUNDS, SECONDS = 5, 60, 15.0
AT_MOST: Final = 25.0
ARMED: Final = 0.01
"""Seconds for the request of waitForMessage to be pending when she writes."""


async def measure() -> list[Row]:
    floors: list[float] = []
    told: list[float] = []
    visible: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with (
            world(home) as whatsapp,
            plain_neonize(home, whatsapp.endpoint) as plain,
            hosting(SERVER, environment(home, whatsapp.endpoint)) as host,
        ):
            await plain.pair(whatsapp)
            await link(host, whatsapp)
            for turn, counts in enumerate(turns(ROUNDS, seconds=SECONDS, warm_up=WARM_UP)):
                text = f"Message {turn}, about as long as people write"
                floor = await _floor(plain, whatsapp, text)
                await whatsapp.settle()
                waited, shown = await _ours(host, whatsapp, text)
                await whatsapp.settle()
                if counts:
                    floors.append(floor * 1000)
                    told.append(waited * 1000)
                    visible.append(shown * 1000)
    note = f"p90 {quantile(visible, 0.9):.1f} ms; waitForMessage answers after {median(told):.1f} ms"
    return [Row("incoming message", median(visible), "ms", median(floors), at_most=AT_MOST, note=note)]


async def _floor(plain: Plain, whatsapp: World, text: str) -> float:
    message_id, began = await whatsapp.say("plain", text)
    return await plain.received(message_id) - began


async def _ours(host: Host, whatsapp: World, text: str) -> tuple[float, float]:
    """Seconds until waitForMessage answered, and until getChatMessages showed it."""
    cursor = (await host.call("waitForMessage", {"timeout": 0})).results["cursor"]
    waiting = asyncio.create_task(host.call("waitForMessage", {"cursor": cursor, "timeout": 10}))
    try:
        await asyncio.sleep(ARMED)
        message_id, began = await whatsapp.say("server", text)
        waited = await waiting
    finally:
        waiting.cancel()
    shown = await host.call("getChatMessages", {"chat_jid": ANA, "limit": 1})
    if [row["message_id"] for row in shown.results["data"]] != [message_id]:
        raise BenchError("the message that was announced is not the newest of its chat")
    return waited.at - began, shown.at - began
