"""Linking the server under measurement to the simulated WhatsApp."""

from __future__ import annotations

import time
from typing import Final

from bench.mcp_host import Host
from bench.program import BenchError
from bench.world import World

__all__ = ["link"]

LIMIT: Final = 60.0
"""Seconds until it must be connected; a call waits for that only a short time."""


async def link(host: Host, world: World) -> None:
    """Pair by QR; returns when the session is connected."""
    login = await host.call("appLogin")
    await world.scan("server", login.results["qr_text"])
    end = time.monotonic() + LIMIT
    while True:
        try:
            await host.call("appDevices")
            break
        except BenchError as error:
            if "not_connected" not in str(error) or time.monotonic() > end:
                raise
    await world.settle()
