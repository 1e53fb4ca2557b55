"""A client of somebody's account that runs on Node, in a process of its own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.peers.packages import NodePeer
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.simulator import Record

Json = dict[str, Any]

SECONDS = 60.0
"""For one step."""
_LINE_LIMIT = 1 << 26


class PeerError(Exception):
    """The client refused something; the text is its own."""


@dataclass(frozen=True)
class PeerEvent:
    name: str
    data: Any


class NodeClient:
    """What it reports is in :attr:`events`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.events: Record[PeerEvent] = Record("event of the client")
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "event" in said:
                self.events.add(PeerEvent(said["event"], said["data"]))
                continue
            answer = self._answers.pop(said.get("id"), None)
            if answer is None or answer.done():
                continue  # what a library writes there itself; and what nobody waits for any more
            if "error" in said:
                answer.set_exception(PeerError(said["error"]))
            else:
                answer.set_result(said["result"])

    async def call(self, name: str, *arguments: Any) -> Any:
        """A method of it, or a command of the program."""
        assert self._process.stdin is not None
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "call": name, "arguments": arguments}).encode() + b"\n")
        async with asyncio.timeout(SECONDS):
            return await answer

    async def event(self, name: str, fits: Callable[[Any], bool] = lambda data: True, *, start: int = 0) -> Any:
        """The first event of this name that fits, from the position ``start`` of :attr:`events` on."""
        found = await self.events.wait_for(
            lambda event: event.name == name and fits(event.data), timeout=SECONDS, start=start
        )
        return found.data

    def stop_reading(self) -> None:
        self._reading.cancel()


Client = TypeVar("Client", bound=NodeClient)


@asynccontextmanager
async def running(kind: type[Client], peer: NodePeer, endpoint: Endpoint, *arguments: str) -> AsyncIterator[Client]:
    """Raises NotInstalled."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    way = {"PROXY": endpoint.proxy, "NODE_EXTRA_CA_CERTS": endpoint.ca_file, "ROOT": endpoint.noise_root}
    process = await asyncio.create_subprocess_exec(
        *peer.command(),
        *arguments,
        env={**kept, **way},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=_LINE_LIMIT,
    )
    client = kind(process)
    try:
        yield client
    finally:
        client.stop_reading()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def given_bytes(content: bytes) -> Json:
    return {"$bytes": base64.b64encode(content).decode()}
