"""A Baileys of somebody's account, in a process of its own."""

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
from pathlib import Path
from typing import Any

from tests.peers.packages import NodePeer
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.simulator import Record, SimulatedPhone

Json = dict[str, Any]

SECONDS = 20.0
"""For one step."""
_LINE_LIMIT = 1 << 26
_ARRIVED = (3, 4, "DELIVERY_ACK", "READ")


class PeerError(Exception):
    """The client refused something; the text is its own."""


@dataclass(frozen=True)
class PeerEvent:
    name: str
    data: Any


class Baileys:
    """What it reports is in :attr:`events`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.events: Record[PeerEvent] = Record("event of Baileys")
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
            answer = self._answers.pop(said["id"])
            if "error" in said:
                answer.set_exception(PeerError(said["error"]))
            else:
                answer.set_result(said["result"])

    async def call(self, name: str, *arguments: Any) -> Any:
        """A method of its socket, or a command of ``baileys.mjs``."""
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

    # --- what tests do with it ---

    async def link(self, phone: SimulatedPhone) -> None:
        shown = await self.event("connection.update", lambda update: bool(update.get("qr")))
        await phone.scan(shown["qr"])
        await self.online()

    async def online(self, *, start: int = 0) -> None:
        """Wait until it is logged in."""
        await self.event("connection.update", lambda update: update.get("connection") == "open", start=start)

    async def send(self, chat: str, content: Json, **options: Any) -> str:
        """Send a message; returns its id."""
        sent = await self.call("send", chat, content, options)
        return str(sent["key"]["id"])

    async def message(self, message_id: str) -> Json:
        """A message that came, or that another device sent."""

        def fits(data: Any) -> bool:
            return any(one["key"]["id"] == message_id and one.get("message") for one in data["messages"])

        upsert = await self.event("messages.upsert", fits)
        found: Json = next(one for one in upsert["messages"] if one["key"]["id"] == message_id)
        return found

    async def update(self, message_id: str, fits: Callable[[Json], bool] = lambda update: True) -> Json:
        """A change of a message."""

        def any_fits(data: Any) -> bool:
            return any(one["key"]["id"] == message_id and fits(one["update"]) for one in data)

        updates = await self.event("messages.update", any_fits)
        return next(one["update"] for one in updates if one["key"]["id"] == message_id)

    async def arrival(self, message_id: str) -> None:
        """Wait until it knows that a message arrived.

        Of two receipts that come together, version 7 may report either one last; and a receipt that comes before it has
        reported the message itself, as part of that.
        """

        def fits(event: PeerEvent) -> bool:
            if event.name not in ("messages.update", "messages.upsert"):
                return False
            told = event.data["messages"] if event.name == "messages.upsert" else event.data
            mine = [one for one in told if one["key"]["id"] == message_id]
            return any(one.get("update", one).get("status") in _ARRIVED for one in mine)

        await self.events.wait_for(fits, timeout=SECONDS)

    async def download(self, message_id: str) -> bytes:
        content = await self.call("download", {"$message": message_id})
        return as_bytes(content)


def as_bytes(value: Json) -> bytes:
    """As Baileys writes bytes in JSON."""
    return base64.b64decode(value["data"]) if isinstance(value["data"], str) else bytes(value["data"])


def given_bytes(content: bytes) -> Json:
    return {"$bytes": base64.b64encode(content).decode()}


def text_of(message: Json) -> str:
    content = message["message"]
    return str(content.get("conversation") or content.get("extendedTextMessage", {}).get("text", ""))


@asynccontextmanager
async def baileys(peer: NodePeer, endpoint: Endpoint, folder: Path) -> AsyncIterator[Baileys]:
    """Raises NotInstalled."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = await asyncio.create_subprocess_exec(
        *peer.command(),
        str(folder),
        env={**kept, "PROXY": endpoint.proxy, "NODE_EXTRA_CA_CERTS": endpoint.ca_file},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=_LINE_LIMIT,
    )
    running = Baileys(process)
    try:
        yield running
    finally:
        running._reading.cancel()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
