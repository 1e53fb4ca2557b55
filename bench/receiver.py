"""A receiver of webhooks on loopback as a process of its own, that takes all it is sent and counts.

Answers JSON-RPC lines on stdin: ``ready``, ``got``; `receiver` is the parent's side.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from bench.program import Program, running

__all__ = ["Receiver", "Taken", "receiver"]

Json = dict[str, Any]
_TAKEN: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Taken(NamedTuple):
    """What came since it was asked last."""

    at: float
    """``time.monotonic()`` of the last of them."""
    paths: int
    """How many places they went to."""
    doubled: int
    """How many came a second time."""
    connections: int


class Receiver:
    """The parent's side."""

    def __init__(self, program: Program, port: int) -> None:
        self._program = program
        self.port = port

    async def got(self, count: int, *, timeout: float) -> Taken:
        """Wait for so many requests. Raises BenchError."""
        answer = await self._program.request("got", {"count": count, "timeout": timeout}, timeout=timeout + 5)
        return Taken(**answer.result)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A running one."""
    async with running(["-m", "bench.receiver"], os.environ) as program:
        yield Receiver(program, (await program.request("ready")).result["port"])


class _Counting:
    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str]] = Counter()
        self._connections = 0
        self._last = 0.0
        self._more = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                await reader.readexactly(int(headers["content-length"]))
                self._requests[head[0].split()[1], headers["webhook-id"]] += 1
                self._last = time.monotonic()
                self._more.set()
                writer.write(_TAKEN)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def got(self, count: int, timeout: float) -> Json:
        async with asyncio.timeout(timeout):
            while self._requests.total() < count:
                self._more.clear()
                await self._more.wait()
        requests, self._requests = self._requests, Counter()
        connections, self._connections = self._connections, 0
        paths = len({path for path, _ in requests})
        doubled = requests.total() - len(requests)
        return {"at": self._last, "paths": paths, "doubled": doubled, "connections": connections}


async def _answer() -> None:
    counting = _Counting()
    server = await asyncio.start_server(counting.serve, "127.0.0.1", 0, backlog=1024)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request: Json = json.loads(line)
        answer: Json
        try:
            if request["method"] == "got":
                answer = {"result": await counting.got(**request["params"])}
            else:
                answer = {"result": {"port": server.sockets[0].getsockname()[1]}}
        except TimeoutError:
            answer = {"error": "not all of them came in time"}
        sys.stdout.write(json.dumps({"id": request["id"], **answer}) + "\n")
        sys.stdout.flush()
    server.close()


if __name__ == "__main__":
    asyncio.run(_answer())
