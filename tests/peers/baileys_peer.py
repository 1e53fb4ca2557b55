"""A Baileys of somebody's account, in a process of its own."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.peers.node_client import SECONDS, Json, NodeClient, PeerEvent, running
from tests.peers.packages import NodePeer
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.simulator import SimulatedPhone

_ARRIVED = (3, 4, "DELIVERY_ACK", "READ")


class Baileys(NodeClient):
    """What it reports is in :attr:`events`."""

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


def text_of(message: Json) -> str:
    content = message["message"]
    return str(content.get("conversation") or content.get("extendedTextMessage", {}).get("text", ""))


def baileys(peer: NodePeer, endpoint: Endpoint, folder: Path) -> AbstractAsyncContextManager[Baileys]:
    """Raises NotInstalled."""
    return running(Baileys, peer, endpoint, str(folder))
