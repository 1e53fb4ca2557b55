"""Progress of worker threads, told to somebody who is slower."""

from __future__ import annotations

import asyncio

from whatsapp_mcp.media.work import Relay, relayed


async def test_each_notification_says_more_than_the_last() -> None:
    seen: list[tuple[float, float | None, str]] = []
    told = asyncio.Event()

    async def progress(done: float, total: float | None, message: str) -> None:
        seen.append((done, total, message))
        told.set()

    async def job(relay: Relay) -> str:
        reading = relay.stage("Reading", begin=0.0, end=0.3)
        preparing = relay.stage("Preparing", begin=0.3, end=1.0)
        for work, fraction in ((reading, 0.5), (reading, 1.0), (preparing, 0.5), (preparing, 1.0)):
            work.step(fraction - 0.1)
            work.step(fraction)  # only the newest is told
            await told.wait()
            told.clear()
            work.step(fraction - 0.2)  # less than was told: nothing to tell
        return "done"

    async with asyncio.timeout(10):
        assert await relayed(job, progress, interval=0.0) == "done"
    assert [(round(done, 6), total, message) for done, total, message in seen] == [
        (0.15, 1.0, "Reading"),
        (0.3, 1.0, "Reading"),
        (0.65, 1.0, "Preparing"),
        (1.0, 1.0, "Preparing"),
    ]
