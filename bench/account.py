"""Linking the server under measurement to the simulated WhatsApp."""

from __future__ import annotations

from bench.mcp_host import Host
from bench.world import World

__all__ = ["link"]


async def link(host: Host, world: World) -> None:
    """Pair by QR; returns when the session is connected."""
    login = await host.call("appLogin")
    await world.scan("server", login.results["qr_text"])
    await host.call("appDevices")
    await world.settle()
