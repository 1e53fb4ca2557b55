"""A message to many webhooks: from before the contact writes to the last receiver that has it. ``--webhooks`` says how
many.

Floor: as many requests of the same size to the same receiver by plain asyncio, as many at once, each on a connection of
its own, as different receivers have it. Its processor time includes that of the receiver.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench import nothing_server
from bench.account import link
from bench.calls import NOTHING_SERVER
from bench.mcp_host import environment, hosting
from bench.memory import peak
from bench.pace import here
from bench.processes import below, spent
from bench.program import BenchError
from bench.row import Row, median
from bench.stores import Scale
from bench.world import world
from whatsapp_mcp.models.events import EventKind
from whatsapp_mcp.private_files import ensure_private_folder
from whatsapp_mcp.webhooks.book import WebhookBook
from whatsapp_mcp.webhooks.process import AT_ONCE

__all__ = ["TIMEOUT", "measure"]

TIMEOUT: Final = 300.0
ROUNDS: Final = 3
LIMIT: Final = 60.0
PER_WEBHOOK_AT_MOST: Final = 0.75
PROCESSOR_RATIO: Final = 7.0
AT_MOST: Final = 50.0
"""Milliseconds, for each and for the message to get as far as the first, where a call that does nothing takes 0.28 ms
(`pace.py`)."""
TRIVIAL_CALLS: Final = 20
"""In each round."""
MEMORY_AT_MOST: Final = 105.0
_PROCESS: Final = "whatsapp_mcp.webhooks.process"


class _Receiver:
    """All of them, at one port: each has a path of its own."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.size = 0
        self._news = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                length = next(int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:"))
                await reader.readexactly(length)
                self.size = len(head) + length
                self.paths.add(lines[0].split()[1])
                self._news.set()
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def all(self, count: int) -> None:
        """Wait until so many have got something. Raises BenchError."""
        try:
            async with asyncio.timeout(LIMIT):
                while len(self.paths) < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise BenchError(f"{len(self.paths)} of {count} webhooks were told within {LIMIT:g} s") from None


@asynccontextmanager
async def _receiving() -> AsyncIterator[tuple[_Receiver, int]]:
    receiver = _Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, backlog=1024)
    async with server:
        yield receiver, server.sockets[0].getsockname()[1]


async def measure(scale: Scale) -> list[Row]:
    count = scale.webhooks
    taken: list[float] = []
    floors: list[float] = []
    trivial: list[float] = []
    processor: list[float] = []
    processor_floors: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp, _receiving() as (receiver, port):
            await asyncio.to_thread(_configure, home / "data", count, port)
            async with hosting(NOTHING_SERVER, environment(home, whatsapp.endpoint)) as host:
                await link(host, whatsapp)
                for turn in range(1 + ROUNDS):
                    calls = [await host.call(nothing_server.NAME) for _ in range(TRIVIAL_CALLS)]
                    trivial += [called.seconds * 1000 for called in calls]
                    receiver.paths.clear()
                    before = spent(_process()) if turn else 0.0
                    _, began = await whatsapp.say("server", f"Number {turn}")
                    await receiver.all(count)
                    told = time.monotonic() - began
                    spent_by_us = spent(_process()) - before
                    before = time.process_time()
                    floor = await _plainly(receiver.size, count, port)
                    if turn:  # the first starts the process, and opens the connections
                        taken.append(told * 1000)
                        floors.append(floor * 1000)
                        processor.append(spent_by_us * 1000 / count)
                        processor_floors.append((time.process_time() - before) * 1000 / count)
                memory = peak(_process())
    each = median(taken) / count
    note = f"{each:.2f} ms for each, {each / median(trivial):.2f} trivial calls;"
    note += " the first one starts the process and does not count"
    name = f"a message to {count:,} webhooks, the last"
    at_most = here(AT_MOST + PER_WEBHOOK_AT_MOST * count, median(trivial))
    return [
        Row(name, median(taken), "ms", median(floors), at_most=at_most, note=note),
        Row(
            "processor time for each webhook",
            median(processor),
            "ms",
            median(processor_floors),
            ratio_at_most=PROCESSOR_RATIO,
        ),
        Row("memory of the process of webhooks, at most", memory, "MiB", at_most=MEMORY_AT_MOST),
    ]


def _configure(data: Path, count: int, port: int) -> None:
    account = data / "default"
    ensure_private_folder(data)
    ensure_private_folder(account)
    book = WebhookBook(account / "webhooks.json")
    for number in range(count):
        book.add(
            f"hook{number}", f"http://127.0.0.1:{port}/hook/{number}", kinds=(EventKind.MESSAGE,), reach=("loopback",)
        )


async def _plainly(size: int, count: int, port: int) -> float:
    """Seconds."""
    body = b"x" * max(0, size - 100)
    places = asyncio.Semaphore(AT_ONCE)

    async def post(number: int) -> None:
        async with places:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /plain/%d HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (number, len(body)) + body)
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

    began = time.monotonic()
    await asyncio.gather(*(post(number) for number in range(count)))
    return time.monotonic() - began


def _process() -> int:
    found = [process.pid for process in below(1) if _PROCESS in process.command]
    if len(found) != 1:
        raise BenchError(f"{len(found)} processes of webhooks in place of one")
    return found[0]
