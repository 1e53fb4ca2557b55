"""Processor time of an account that nothing happens to: of a server, and of the session process. Seconds a minute."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, environment, hosting
from bench.processes import session_of, spent
from bench.row import Row
from bench.world import world

__all__ = ["measure"]

AT_MOST: Final = 0.1
SETTLE: Final = 6.0
"""Seconds until what follows a connection is done."""
WATCHED: Final = 30.0


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp:
            variables = environment(home, whatsapp.endpoint)
            async with hosting(SERVER, variables) as host:
                await link(host, whatsapp)
                await asyncio.sleep(SETTLE)
                pids = host.program.pid, session_of(home / "data")
                before = [spent(pid) for pid in pids]
                await asyncio.sleep(WATCHED)
                taken = [(spent(pid) - earlier) * 60 / WATCHED for pid, earlier in zip(pids, before, strict=True)]
    server, session = taken
    return [
        Row("idle server", server, "s/min", at_most=AT_MOST, note="processor time"),
        Row("idle session process", session, "s/min", note="processor time, keep-alives of WhatsApp included"),
    ]
