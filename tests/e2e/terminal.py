"""A command in a pseudo-terminal, a person in front of it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from tests.e2e.harness import environment

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][0-9A-Za-z]|\x1b\][^\x07]*\x07")


class Place(NamedTuple):
    """Which WhatsApp, and whose data."""

    endpoint: Path
    data_dir: Path

    def variables(self, **more: str) -> dict[str, str]:
        own = environment(self.endpoint, WHATSAPP_MCP_DATA_DIR=str(self.data_dir), **more)
        return {name: value for name, value in own.items() if name != "COLUMNS"}  # of whoever runs the tests


async def run(place: Place, *arguments: str, text: str = "", **more: str) -> tuple[int, str, str]:
    """Exit code of a command, and what it writes, where nobody sits at a terminal."""
    command = [sys.executable, "-m", "whatsapp_mcp", *arguments]
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        env=place.variables(**more),
        input=text.encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Terminal:
    """What a command writes, without what moves the cursor or colours."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.raw = b""
        self._master = master
        self._more, self._all = asyncio.Event(), asyncio.Event()
        self._seen = 0

    @property
    def text(self) -> str:
        return _CONTROL.sub("", self.raw.decode(errors="replace")).replace("\r\n", "\n")

    def read(self) -> None:
        try:
            self.raw += os.read(self._master, 65_536)
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._master)
            self._all.set()
        self._more.set()

    async def see(self, text: str, *, timeout: float = 90) -> str:
        """Wait until this was written since it was last looked; what stands there then."""
        try:
            async with asyncio.timeout(timeout):
                while text not in self.text[self._seen :]:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise AssertionError(f"{text!r} was not seen; this was:\n{self.text[-3_000:]}") from None
        self._seen = self.text.index(text, self._seen) + len(text)
        return self.text

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    async def end(self, *, timeout: float = 90) -> int:
        """Wait for its end and for all that it wrote; the exit code."""
        async with asyncio.timeout(timeout):
            await self._all.wait()
            return await asyncio.to_thread(self.process.wait)


@asynccontextmanager
async def terminal(
    place: Place, *arguments: str, columns: int = 100, rows: int = 50, **more: str
) -> AsyncIterator[Terminal]:
    """``whatsapp-mcp`` with these arguments; it is gone when this is left."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    variables = place.variables(TERM="xterm-256color", **more)
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        variables.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "whatsapp_mcp", *arguments],
        env=variables,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    seen, loop = Terminal(process, master), asyncio.get_running_loop()
    loop.add_reader(master, seen.read)
    try:
        yield seen
    finally:
        loop.remove_reader(master)
        if process.poll() is None:
            process.kill()
        await asyncio.to_thread(process.wait)
        os.close(master)
