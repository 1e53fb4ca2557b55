"""A received file as large as WhatsApp takes, downloaded: who holds it in memory. ``--file-mib`` sets its size.

Floor: the same with a file of a hundredth of the size, on the same server just before, so that what is loaded for it is
loaded.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from bench.account import link
from bench.mcp_host import SERVER, Host, environment, hosting
from bench.memory import peak
from bench.processes import session_of
from bench.program import BenchError
from bench.row import Row
from bench.stores import Scale
from bench.world import ANA, world

__all__ = ["TIMEOUT", "downloaded", "measure"]

TIMEOUT: Final = 600.0
OVER_AT_MOST: Final = 16.0
"""MiB that a process may take more for the large file."""
SLOW: Final = "session_timeout"
"""An answer of the server that goes on with the download; the next call finds it done, or waits for it."""


async def measure(scale: Scale) -> list[Row]:
    return await downloaded(scale, "a large download")


async def downloaded(scale: Scale, what: str, **more: str) -> list[Row]:
    """``more``: variables of the server."""
    large = scale.file_mib << 20
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        async with world(home) as whatsapp:
            variables = environment(home, whatsapp.endpoint, WHATSAPP_MCP_DOWNLOAD_LIMIT=str(scale.file_mib), **more)
            async with hosting(SERVER, variables) as host:
                await link(host, whatsapp)
                pids = {"server": host.program.pid, "session process": session_of(home / "data")}
                await _download(host, await whatsapp.send_file(large // 100))
                before = {name: peak(pid) for name, pid in pids.items()}
                message = await whatsapp.send_file(large)
                await whatsapp.settle()
                seconds = await _download(host, message)
                after = {name: peak(pid) for name, pid in pids.items()}
    note = f"{scale.file_mib:,} MiB in {seconds:.1f} s, {scale.file_mib / seconds:.0f} MiB/s"
    return [
        Row(
            f"memory of the {name}, {what}",
            after[name],
            "MiB",
            before[name],
            over_at_most=OVER_AT_MOST,
            note=note,
        )
        for name in pids
    ]


async def _download(host: Host, message: str) -> float:
    """Seconds until the file is there."""
    began = time.monotonic()
    while True:
        try:
            await host.call("downloadMessageMedia", {"phone": ANA, "message_id": message}, timeout=60.0)
        except BenchError as error:
            if SLOW not in str(error):
                raise
        else:
            return time.monotonic() - began
