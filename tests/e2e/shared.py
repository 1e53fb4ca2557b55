"""One linked account for the tests that do not hurt each other: starting and pairing costs more than most of them.

A test that borrows it finds people, messages and settings of others before it. It makes its own people and looks at
nothing but what is theirs; whoever counts all chats, changes the server's settings, or breaks the session pairs an
account of its own. After a failure the account is given up, so that the next test starts with a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.e2e.harness import Host, host_on, simulated, within_limit
from whatsapp_mcp.simulator import Simulator

World = tuple[Simulator, Host]


@dataclass
class SharedAccount:
    """Lends the account out, test by test, in one event loop."""

    new_folder: Callable[[], Path]
    outbox: Path
    _keeper: asyncio.Task[None] | None = None
    _world: World | None = None

    def __post_init__(self) -> None:
        self._end = asyncio.Event()

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[World]:
        """The simulator and the host. What was sent has arrived, and all faults are over, when the next test has it."""
        try:
            async with within_limit():
                simulator, host = self._world or await self._open()
                yield simulator, host
                simulator.faults.clear()
                simulator.faults.media.clear()
                await simulator.until_delivered()
                await simulator.dismiss_contacts()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        self._end.set()
        keeper, self._keeper, self._world = self._keeper, None, None
        if keeper is not None:
            await asyncio.wait([keeper])

    async def _open(self) -> World:
        """A task of its own holds the account: what it enters there, it leaves there."""
        ready: asyncio.Future[World] = asyncio.get_running_loop().create_future()
        self._end = asyncio.Event()
        self._keeper = asyncio.create_task(self._keep(ready, self._end))
        self._keeper.add_done_callback(partial(_hand_on, ready))
        self._world = await ready
        return self._world

    async def _keep(self, ready: asyncio.Future[World], end: asyncio.Event) -> None:
        folder = self.new_folder()
        settings = {"WHATSAPP_MCP_OUTBOX": str(self.outbox), "WHATSAPP_MCP_SIDE_LOGIN_DISTANCE": "0"}
        async with simulated(folder) as (simulator, endpoint), host_on(endpoint, folder / "data", **settings) as host:
            await host.pair(simulator)
            ready.set_result((simulator, host))
            await end.wait()


def _hand_on(ready: asyncio.Future[World], ended: asyncio.Task[None]) -> None:
    """Why there is no account."""
    if not ready.done():
        failure = None if ended.cancelled() else ended.exception()
        ready.set_exception(failure or RuntimeError("the account was closed before it was linked"))
