"""A simulator with a contact and a real neonize client that is linked to the phone: what several test modules need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.simulator.neonize_client import Event, NeonizeClient, neonize_client
from whatsapp_mcp.simulator import Simulator, SimulatorConfig, VirtualContact

__all__ = ["Linked", "linked_client"]


@dataclass
class Linked:
    simulator: Simulator
    client: NeonizeClient
    ana: VirtualContact
    directory: Path

    async def incoming(self, message_id: str) -> Any:
        """The client's event for a message of ours."""

        def fits(event: Event) -> bool:
            return bool(event.name == "Message" and event.data["Info"]["ID"] == message_id)

        return (await self.client.events.wait_for(fits)).data

    def file(self, content: bytes, name: str = "content") -> str:
        """A file that the client may read."""
        path = self.directory / name
        path.write_bytes(content)
        return str(path)

    async def download(self, message: dict[str, Any], *, timeout: float = 60.0) -> bytes:
        """What the client downloads for the message of an event."""
        path = self.directory / "download"
        path.unlink(missing_ok=True)
        await self.client.call("download", message=message, path=str(path), timeout=timeout)
        return path.read_bytes()


@asynccontextmanager
async def linked_client(directory: Path, config: SimulatorConfig | None = None) -> AsyncIterator[Linked]:
    async with Simulator(config) as simulator:
        ana = await simulator.add_contact("Ana", saved=True)
        async with neonize_client(simulator.endpoint, directory) as client:
            await client.call("start")
            await simulator.phone.scan(await client.event("qr"))
            await client.event("Connected")
            async with asyncio.timeout(60):  # the app state is there
                while (await client.call("me"))["PushName"] != simulator.phone.account.push_name:
                    await asyncio.sleep(0.01)
            yield Linked(simulator, client, ana, directory)
