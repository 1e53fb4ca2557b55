"""A command attached to the session process of an account: it looks, or asks for something, and keeps nothing alive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from whatsapp_mcp import __version__
from whatsapp_mcp.clock import now
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.lines import Attach, AttachedClient, Refused, StateChanged, Welcome
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.link import Link

R = TypeVar("R")

STANDING_LIMIT: Final = 5.0
"""Seconds for a session process to say how things stand, after it has answered."""


class Observer:
    """What a command can do with a session process."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._state: StateChanged | None = None
        self._told = asyncio.Event()

    @property
    def welcome(self) -> Welcome:
        return self._link.welcome

    async def state(self) -> StateChanged | None:
        """How the session stands now; None when the process ends before it says so."""
        async with asyncio.timeout(STANDING_LIMIT):
            await self._told.wait()
        return self._state

    async def call(self, command: Command[R], timeout: float) -> R:
        """Ask for something.

        Raises:
            SessionCrashed: the process ended before it answered.
            SessionTimeout: no answer within so many seconds.
            Moving: it is about to end, and did nothing.
            WhatsAppMcpError: what it answered.
        """
        return await self._link.call(command, timeout)

    async def listen(self) -> None:
        """To the end of the process; answers come while somebody listens."""
        async for notice in self._link.notices():
            if isinstance(notice, StateChanged):
                self._state = notice
                self._told.set()
        self._told.set()


@asynccontextmanager
async def attached(settings: Settings) -> AsyncIterator[Observer | Refused | None]:
    """Attach to the session process of the account; ``None`` when nobody listens.

    Raises:
        TimeoutError: somebody listens, and does not answer.
    """
    client = AttachedClient(
        kind="command", pid=os.getpid(), command=" ".join(sys.argv)[:200], since=now(), version=__version__
    )
    link = await Link.attach(settings.account_dir, Attach(client=client))
    if not isinstance(link, Link):
        yield link
        return
    observer = Observer(link)
    listening = asyncio.create_task(observer.listen())
    try:
        yield observer
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        link.let_go()
