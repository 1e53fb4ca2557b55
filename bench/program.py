"""The parent's side of every program that the bench starts: JSON-RPC in lines over its stdin and stdout.

MCP servers speak it anyway, and the bench's own programs (`world.py`, `plain_neonize.py`) do too. There is no SDK
between the clock and the pipe: the time of a request runs from the write to the whole line of the answer; it is parsed
after that. Every program ends with its stdin, so none outlives the bench, however that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

__all__ = ["BenchError", "Program", "Timed", "running"]

Json = dict[str, Any]

ROOT: Final = Path(__file__).resolve().parents[1]
MAX_LINE: Final = 1 << 24
END_LIMIT: Final = 16.0
"""Seconds a program has to end after its stdin closed; a session may take ten of them to drain."""
LOG_TAIL: Final = 2000
_NO_BYTE_CODE: Final = "PYTHONDONTWRITEBYTECODE"
"""With it, and no cache, every start compiles all of our modules, and hardly any of the floor's."""


class BenchError(Exception):
    """A row could not be measured."""


class Timed(NamedTuple):
    """An answer, and when it was there."""

    result: Any
    seconds: float
    """From the write of the request to the end of the answer."""
    at: float
    """``time.monotonic()`` at the end; on Linux one clock for all processes."""


class Program:
    """A running program. One request at a time."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, started: float) -> None:
        self._process = process
        self._log = log
        self._id = 0
        self.overtaken: dict[int, Json] = {}
        """Answers, by number, that came while another was waited for."""
        self.started = started
        """``time.monotonic()`` before the process was started."""

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self, method: str, params: Json) -> int:
        """Ask without waiting; the answer will be in ``overtaken``, under this number, once a later request saw it."""
        self._id += 1
        self._write({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        return self._id

    async def request(self, method: str, params: Json | None = None, *, timeout: float = 30.0) -> Timed:
        """Raises BenchError: an error was answered, nothing in ``timeout`` seconds, or the program ended."""
        stdout = self._process.stdout
        assert stdout is not None
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params or {}}
        try:
            async with asyncio.timeout(timeout):
                began = time.monotonic()
                self._write(request)
                while answer := await stdout.readline():
                    at = time.monotonic()
                    message = json.loads(answer)
                    if message.get("id") != self._id:
                        if "id" in message:
                            self.overtaken[message["id"]] = message
                        continue  # else a notification
                    if "error" in message:
                        raise BenchError(f"{method}: {message['error']}{self._last_words()}")
                    return Timed(message["result"], at - began, at)
        except TimeoutError:
            raise BenchError(f"no answer to {method} within {timeout:g} s{self._last_words()}") from None
        except OSError as error:
            raise BenchError(f"{method}: {error}{self._last_words()}") from error
        raise BenchError(f"the program ended before it answered {method}{self._last_words()}")

    def notify(self, method: str) -> None:
        self._write({"jsonrpc": "2.0", "method": method})

    def _write(self, message: Json) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")

    def _last_words(self) -> str:
        words = self._log.read_text("utf-8", "replace")[-LOG_TAIL:].strip()
        return f"; its last words:\n{words}" if words else ""

    async def end(self) -> None:
        """Close its stdin and wait; kill it when that takes too long."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(END_LIMIT):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def running(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    python: Path = Path(sys.executable),
    folder: Path = ROOT,
) -> AsyncIterator[Program]:
    """``python ARGUMENTS`` in ``folder``; what it says on stderr is shown only when it fails."""
    with tempfile.NamedTemporaryFile(prefix="bench-log-") as log:
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            python,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log.file,
            cwd=folder,
            env={name: value for name, value in environment.items() if name != _NO_BYTE_CODE},
            limit=MAX_LINE,
            start_new_session=True,  # Ctrl-C is for the bench, which then ends its programs in order
        )
        program = Program(process, Path(log.name), began)
        try:
            yield program
        finally:
            await asyncio.shield(program.end())
