"""Steering a simulator from another process, over its control socket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any, Self

_MAX_LINE = 1 << 24


class ControlError(Exception):
    """A command failed. ``code`` is ``bad_request``, ``not_found``, ``pairing_failed``, ``refused`` (WhatsApp would not
    do it), ``timeout``, ``failed`` or ``disconnected``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ControlClient:
    """One connection to a control socket. Commands may be in flight at the same time.

        async with ControlClient(path) as control:
            await control.call("scan", qr=text)
            await control.call("say", contact="Ana", text="Hi!")

    The commands and their arguments are documented in :mod:`whatsapp_mcp.simulator.control.commands`.
    """

    def __init__(self, path: Path, *, timeout: float = 45.0) -> None:
        self._path = path
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connect.

        Raises:
            OSError: there is no simulator behind this path.
            TimeoutError: it does not accept.
        """
        if sys.platform == "win32":
            raise NotImplementedError("the simulator works on Linux only")
        async with asyncio.timeout(self._timeout):
            reader, self._writer = await asyncio.open_unix_connection(self._path, limit=_MAX_LINE)
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))

    @property
    def connected(self) -> bool:
        """Whether commands can be sent; False once the simulator has closed the connection."""
        return self._reading is not None and not self._reading.done()

    async def wait_disconnected(self) -> None:
        """Return when the simulator has closed the connection, or there is none."""
        if self._reading is not None:
            await asyncio.wait({self._reading})

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
            self._writer = None

    async def call(self, command: str, *, deadline: float | None = None, **arguments: Any) -> Any:
        """Run a command and return its result; ``deadline`` (seconds) replaces the client's timeout for this call.

        Raises:
            ControlError: the simulator refused, or the connection is gone.
            TimeoutError: no answer in time.
        """
        if self._writer is None or not self.connected:
            raise ControlError("disconnected", "not connected to a simulator")
        number = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls[number] = answer
        request = {"id": number, "command": command, "arguments": arguments}
        try:
            async with asyncio.timeout(self._timeout if deadline is None else deadline):
                self._writer.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
                await self._writer.drain()
                return await answer
        finally:
            self._calls.pop(number, None)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._settle(json.loads(line))
        except (OSError, ValueError):
            pass  # the calls below are told
        finally:
            for call in self._calls.values():
                if not call.done():
                    call.set_exception(ControlError("disconnected", "the simulator closed the connection"))

    def _settle(self, answer: dict[str, Any]) -> None:
        call = self._calls.get(answer.get("id", 0))
        if call is None or call.done():
            return
        error = answer.get("error")
        if error is None:
            call.set_result(answer.get("result"))
        else:
            call.set_exception(ControlError(error["code"], error["message"]))
