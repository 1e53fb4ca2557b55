"""The parent's side of ``neonize_driver.py``: a real neonize client as an async object, every wait with a deadline."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.simulator.state.record import Record

__all__ = ["DriverError", "Event", "NeonizeClient", "neonize_client"]

DRIVER = Path(__file__).with_name("neonize_driver.py")


class DriverError(Exception):
    """The call raised inside the client; the text is the exception's."""


@dataclass(frozen=True)
class Event:
    name: str
    data: Any


class NeonizeClient:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self.events: Record[Event] = Record("neonize event")
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            message = json.loads(line)
            if "event" in message:
                self.events.add(Event(message["event"], message["data"]))
                continue
            call = self._calls.pop(message["id"])
            if call.done():
                continue
            if "error" in message:
                call.set_exception(DriverError(message["error"]))
            else:
                call.set_result(message["result"])
        for call in self._calls.values():
            call.set_exception(DriverError("the client process ended"))

    async def call(self, do: str, *, timeout: float = 60.0, **arguments: Any) -> Any:
        """Run one ``do_…`` of the driver.

        Raises:
            DriverError: it raised there.
            TimeoutError: no answer in time.
        """
        assert self._process.stdin is not None
        number = next(self._ids)
        future = self._calls[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "do": do, **arguments}).encode() + b"\n")
        async with asyncio.timeout(timeout):
            return await future

    async def event(self, name: str, *, timeout: float = 60.0, start: int = 0, **fields: Any) -> Any:
        """The data of the first event with this name whose top-level ``fields`` are equal."""

        def fits(event: Event) -> bool:
            return event.name == name and all(event.data.get(key) == value for key, value in fields.items())

        return (await self.events.wait_for(fits, timeout=timeout, start=start)).data

    async def close(self) -> None:
        self._reader.cancel()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def neonize_client(endpoint: Endpoint, directory: Path, name: str = "client") -> AsyncIterator[NeonizeClient]:
    """Start a client process whose session lives in ``directory/name.db``; it can reach the simulator only."""
    endpoint_file = directory / f"{name}-endpoint.json"
    endpoint.write(endpoint_file)
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(directory),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "HTTPS_PROXY": endpoint.proxy,
        "SSL_CERT_FILE": endpoint.ca_file,
        "SSL_CERT_DIR": "/nonexistent",
        "NEONIZE_BOT_TAG": "off",
        "DRIVER_LOG": os.environ.get("DRIVER_LOG", "WARN"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(DRIVER),
        str(endpoint_file),
        str(directory / f"{name}.db"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=(directory / f"{name}.log").open("ab"),
        env=environment,
        limit=1 << 24,
    )
    client = NeonizeClient(process)
    try:
        await client.event("ready", timeout=30)
        yield client
    finally:
        await client.close()
