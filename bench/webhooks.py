"""A thousand webhooks on one account, as many as there may be: an event to all of them, and a burst of events.

The time runs from the commit of a message until the last receiver has it, who listen on loopback in one process.
Floor: as many requests of the same size by the HTTP client alone, over a pool like ours, as many at once, to the same
receivers in turn. Beside it ours reads the store under the policy, signs, writes the audit line of each request, and
keeps how far each webhook is.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpcore2

from bench.memory import peak
from bench.program import BenchError
from bench.receiver import Receiver, receiver
from bench.row import Row, median
from bench.turns import turns
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.models.changes import Live, MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.events import EventKind
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe.webhooks import STORED, WebhooksBegin
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.webhooks.book import MOST, Webhook
from whatsapp_mcp.webhooks.process import AT_ONCE

__all__ = ["measure"]

BURST: Final = 10
"""Events."""
ROUNDS, SECONDS = 10, 60.0
TIMEOUT: Final = 300.0
LIMIT: Final = 60.0
"""Seconds for what is to arrive."""
RATIO: Final = 2.0
MEMORY_AT_MOST: Final = 105.0
"""MiB: what a session process may have."""
END: Final = 10.0
ANA: Final = Jid("5511987650001", USER)
FIRST: Final = 1_780_000_000_000
BODY: Final = b"." * 400


class _Account:
    """A store that grows, and the process that delivers what is new in it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._writer = StoreWriter(folder / "messages.db")
        self._count = 0
        webhooks = [_webhook(number, port) for number in range(MOST)]
        content = {"version": 1, "webhooks": [one.model_dump(mode="json") for one in webhooks]}
        write_private(folder / "webhooks.json", json.dumps(content).encode())
        self._process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        return self._process.pid

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "whatsapp_mcp.webhooks.process"), stdin=asyncio.subprocess.PIPE
        )
        try:
            self._tell(codec.encode(self._begins()))
            yield
        finally:
            self._writer.close()
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                async with asyncio.timeout(END):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    def _begins(self) -> WebhooksBegin:
        folder = self._folder
        return WebhooksBegin(
            account="default",
            store=str(folder / "messages.db"),
            book=str(folder / "webhooks.json"),
            progress=str(folder / "progress.json"),
            policy=str(folder / "policy.toml"),
            preset="open",
            audit=str(folder / "audit.jsonl"),
            log_level="WARNING",
        )

    def happens(self, events: int) -> float:
        """Store so many messages, each by itself; ``time.monotonic()`` before it."""
        began = time.monotonic()
        for _ in range(events):
            self._count += 1
            content = Content(MessageKind.TEXT, "Shall we meet at eight, where we met the last time?")
            message = MessageReceived(f"3EB0{self._count:016X}", ANA, ANA, FIRST + self._count, content)
            self._writer.apply([Live(message)])
            self._tell(STORED)
        return began

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)


def _webhook(number: int, port: int) -> Webhook:
    url = f"http://127.0.0.1:{port}/{number}"
    return Webhook(
        name=f"hook-{number}",
        id=f"{number:012x}",
        url=url,
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        kinds=tuple(EventKind),
        reach=("loopback",),
    )


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with receiver() as there:
            account = _Account(Path(folder), there.port)
            async with account.delivering():
                return await _measured(account, there)


async def _measured(account: _Account, there: Receiver) -> list[Row]:
    times: dict[str, list[float]] = {"one": [], "floor": [], "burst": [], "burst floor": []}
    for counts in turns(ROUNDS, seconds=SECONDS):
        took = {
            "floor": await _floor(there, MOST),
            "one": await _ours(account, there, 1),
            "burst floor": await _floor(there, BURST * MOST),
            "burst": await _ours(account, there, BURST),
        }
        if counts:
            for name, seconds in took.items():
                times[name].append(seconds * 1000)
    one, floor, burst, of_burst = (median(times[name]) for name in ("one", "floor", "burst", "burst floor"))
    name = f"{MOST:,} webhooks"
    note = f"{BURST * MOST / burst * 1000:.0f} requests/s"
    return [
        Row(f"{name}, an event to each", one, "ms", floor, ratio_at_most=RATIO),
        Row(f"{name}, {BURST} events to each", burst, "ms", of_burst, ratio_at_most=RATIO, note=note),
        Row(f"{name}, most memory", peak(account.pid), "MiB", at_most=MEMORY_AT_MOST),
    ]


async def _ours(account: _Account, there: Receiver, events: int) -> float:
    """Seconds from the first commit until everybody has everything, once."""
    began = account.happens(events)
    taken = await there.got(events * MOST, timeout=LIMIT)
    if taken.doubled or taken.paths != MOST:
        raise BenchError(f"{taken.doubled} requests came twice, and {taken.paths} webhooks of {MOST} got something")
    return taken.at - began


async def _floor(there: Receiver, count: int) -> float:
    """Seconds for so many requests by the HTTP client alone."""
    limiter = asyncio.Semaphore(AT_ONCE)
    headers = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(BODY))}

    async def post(pool: httpcore2.AsyncConnectionPool, number: int) -> None:
        more: list[Any] = [*headers.items(), ("webhook-id", f"floor-{number}")]
        url = f"http://127.0.0.1:{there.port}/{number % MOST}"
        async with limiter:
            await pool.request("POST", url, headers=more, content=BODY)

    began = time.monotonic()
    async with (
        httpcore2.AsyncConnectionPool(max_connections=128, max_keepalive_connections=32) as pool,
        asyncio.TaskGroup() as tasks,
    ):
        for number in range(count):
            tasks.create_task(post(pool, number))
    return (await there.got(count, timeout=LIMIT)).at - began
