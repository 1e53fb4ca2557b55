"""``--simulated``: a WhatsApp of its own for one server, in a child process that ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.simulator.control.control_client import ControlClient, ControlError
from whatsapp_mcp.supervisor.manager import SessionManager

logger = logging.getLogger(__name__)

START_LIMIT: Final = 20.0
STOP_LIMIT: Final = 5.0
AUTOSCAN_SECONDS: Final = 2.0
"""Time for a person to see the code before the simulated phone scans it."""


class SimulatedWhatsApp:
    """A simulator process, and the phone that is shown the QR codes of one session manager."""

    def __init__(self, folder: Path, *, autoscan: bool) -> None:
        self.endpoint_path = folder / "simulator-endpoint.json"
        self._autoscan = autoscan
        self._process: asyncio.subprocess.Process | None = None
        self._control_path = Path()
        self._started = asyncio.Event()

    async def start(self) -> None:
        """Start the simulator; returns when its endpoint file can be used. Raises SetupError."""
        arguments = ["--endpoint", str(self.endpoint_path), "--exit-with-stdin"]
        if self._autoscan:
            arguments += ["--autoscan", str(AUTOSCAN_SECONDS)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "whatsapp_mcp",
            "simulate",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_LIMIT):
                ready = json.loads(await self._process.stdout.readline())
        except (TimeoutError, ValueError):
            raise SetupError(
                "the simulator did not start", next_step="Run `whatsapp-mcp simulate` to see why."
            ) from None
        self._control_path = Path(ready["control"])
        self._started.set()

    @asynccontextmanager
    async def running(self, manager: SessionManager) -> AsyncIterator[None]:
        """Show the phone every new QR code; on leaving, the simulator ends."""
        showing = asyncio.create_task(self._show_codes(manager), name="simulated-phone")
        try:
            yield
        finally:
            showing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await showing
            await self._stop()

    async def _show_codes(self, manager: SessionManager) -> None:
        await self._started.wait()
        shown = ""
        async with ControlClient(self._control_path) as control:
            while True:
                text = manager.snapshot.qr_text
                if text and text != shown:
                    shown = text
                    try:
                        await control.call("show_qr", qr=text)
                    except (ControlError, TimeoutError) as error:
                        logger.warning("the simulated phone did not take the code: %s", error)
                await manager.wait_change(3600)

    async def _stop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_LIMIT):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
