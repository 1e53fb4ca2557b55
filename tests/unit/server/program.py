"""The fake server as a program: `python -m tests.unit.server.program stdio|http [JOURNAL [GRACE]]`.

It prints to stdout in every way there is, before and while it serves, and writes what its lifespan does to JOURNAL.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from mcp.server import Server

from tests.unit.server.fakes import OPERATIONS, FakeRunner, settings
from tests.unit.systems import CHILD_LIMIT, POSIX, SLOWNESS
from whatsapp_mcp.descriptors import Descriptors, claim_stdio
from whatsapp_mcp.operations.outcome import Arguments, Outcome
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server import stdio
from whatsapp_mcp.server.app import build_server

GRACE = 4.0 * SLOWNESS
"""Seconds for calls that are under way when the input ends: more than on a host, so that a busy machine does too."""


def pollute() -> None:
    """Write to stdout from Python, from the operating system's level, from C and from a child process."""
    print("stray print")  # noqa: T201
    os.write(1, b"stray write\n")
    libc = ctypes.CDLL(None if POSIX else "ucrtbase")
    libc.puts(b"stray puts")
    libc.fflush(None)
    subprocess.run(["echo", "stray child"] if POSIX else ["cmd", "/c", "echo stray child"], check=True)
    subprocess.run(
        ["cat"] if POSIX else ["findstr", "x"], check=POSIX, timeout=CHILD_LIMIT
    )  # would eat the wire from descriptor 0


class PollutingRunner(FakeRunner):
    async def run(self, passage: Passage, arguments: Arguments) -> Outcome:
        if passage.operation.name == "echo":  # the others may be killed while they run, and leave no child behind
            pollute()
        return await super().run(passage, arguments)


def journal(entry: str) -> None:
    if len(sys.argv) > 2:
        with Path(sys.argv[2]).open("a") as file:
            file.write(entry + "\n")


@asynccontextmanager
async def lifespan(_: Server[Any]) -> AsyncIterator[None]:
    journal("up")
    try:
        yield
        await anyio.sleep(0.05)  # an end that has to wait for something
    finally:
        journal("down")


async def over_stdio(descriptors: Descriptors) -> None:
    setattr(stdio, "EOF_GRACE", float(sys.argv[3]) if len(sys.argv) > 3 else GRACE)  # noqa: B010 - a constant elsewhere
    pollute()
    server = build_server(OPERATIONS, PollutingRunner(), settings(), lifespan=lifespan)
    await stdio.serve_stdio(server, descriptors, max_line=100_000)
    journal("end")


async def over_http() -> None:
    from tests.unit.server.connections import FakeAccounts
    from tests.unit.server.fakes import FakeTokens
    from whatsapp_mcp.server import http
    from whatsapp_mcp.server.auth import HttpAccess

    setattr(http, "LIFESPAN_GRACE", 600.0)  # noqa: B010 - a constant elsewhere
    server = build_server(OPERATIONS, FakeRunner(), settings(), lifespan=lifespan)
    await http.serve_http(FakeAccounts(default=server), access=HttpAccess(FakeTokens()), port=0)
    journal("end")


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        print("buffered before the claim", end="")  # noqa: T201
        anyio.run(over_stdio, claim_stdio())
    else:
        anyio.run(over_http)
