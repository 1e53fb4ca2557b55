"""A server that is one of the nodes: it says every second that it is alive, starts what it is asked to, gives away what
it shall not hold any more, and sees to the accounts of nodes that died."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final, Protocol

import psycopg

from whatsapp_mcp.cluster.database import ClusterUnreachable, connect, told
from whatsapp_mcp.cluster.directory import Beat, Directory, Hold, NameTaken, NoRoom, WantedAccount
from whatsapp_mcp.cluster.tables import CHANNEL
from whatsapp_mcp.cluster.times import ALIVE, RENEW
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.models.figures import HoldFigures, NodeFigures

logger = logging.getLogger(__name__)

_MOVE_LIMIT: Final = 15.0
"""Seconds within which an account that is given away has to be held by another node; then the next one is tried."""
_READY_LIMIT: Final = 10.0
"""Seconds within which the next holder has to be ready; the account moves then anyway."""
_WHOLE_EACH: Final = 10.0
"""Seconds after which it is asked for all accounts, if none was told of meanwhile."""
_LOOK: Final = 0.05


class AccountActions(Protocol):
    """What a node can do with an account."""

    def know(self, accounts: Collection[str]) -> None:
        """All that the database has, whichever node holds them."""
        ...

    def start(self, account: str, *, pairing: bool) -> bool:
        """Have its session process started here; False when that cannot be."""
        ...

    def prepare(self, account: str) -> bool:
        """Have a session process started here that takes the account over when its holder gives it up; False when that
        cannot be."""
        ...

    async def move(self, account: str) -> None:
        """Have the session process that is here end, for another node to go on."""
        ...


class Membership:
    """One node, while it runs."""

    def __init__(self, url: str, directory: Directory, actions: AccountActions, *, address: str, version: str) -> None:
        self._url = url
        self._directory = directory
        self._actions = actions
        self._address = address
        self._version = version
        self._instance = secrets.token_hex(8)
        self._told = asyncio.Event()
        self._moving: asyncio.Task[None] | None = None
        self._draining = False
        self._last: tuple[float, Beat] | None = None
        self._holds: dict[str, Hold] = {}
        """Of all accounts, as far as it was asked; their ages count for nothing."""
        self._whole_until = 0.0
        """Until then it is not asked for all of them."""

    def figures(self) -> NodeFigures:
        """As the database told last."""
        node, most = self._directory.node, self._directory.max_accounts
        if self._last is None:
            return NodeFigures(name=node, accounts=0, most=most, draining=False, age=None, ready=False)
        age, beat = time.monotonic() - self._last[0], self._last[1]
        ready = age < ALIVE and not beat.draining
        return NodeFigures(name=node, accounts=len(beat.held), most=most, draining=beat.draining, age=age, ready=ready)

    def hold_figures(self, account: str) -> HoldFigures | None:
        """None: nobody has held it yet, or the database was not asked yet."""
        if self._last is None or (known := self._holds.get(account)) is None:
            return None
        hold = self._last[1].holds.get(account)
        late = self._last[1].orphans
        told = hold is not None and hold.held and (hold.node == self._directory.node or account in late)
        age = max(0.0, time.monotonic() - self._last[0] + hold.age) if hold is not None and told else None
        return HoldFigures(here=account in self._last[1].held, age=age, holders=(hold or known).epoch)

    def had_last(self, account: str) -> bool:
        """Whether this node has it, or had it last; also of one that nobody has had yet."""
        hold = self._holds.get(account)
        return hold is None or hold.node == self._directory.node

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        """While inside, this is a node.

        Raises:
            SetupError: there is another node of this name.
        """
        await self._join()
        listening = _Notifications(self._url, self._hear)
        task = asyncio.create_task(self._run(), name="node")
        try:
            yield
        finally:
            listening.close()
            task.cancel()
            await asyncio.wait({task})
            if self._moving is not None:
                self._moving.cancel()
            with contextlib.suppress(ClusterUnreachable):
                await self._directory.leave(self._instance)

    async def _join(self) -> None:
        """A server that was killed is a node for some seconds more."""
        loop = asyncio.get_running_loop()
        until = loop.time() + ALIVE + RENEW
        while True:
            try:
                await self._directory.join(address=self._address, version=self._version, instance=self._instance)
                return
            except NameTaken:
                if loop.time() > until:
                    raise SetupError(
                        f"another node of this database is called {self._directory.node}",
                        next_step="Give each machine a name of its own with --node.",
                    ) from None
            except ClusterUnreachable as error:
                logger.warning("%s; this node goes on trying", error)
                return
            await asyncio.sleep(RENEW / 2)

    def _hear(self, account: str) -> None:
        """In the thread of the loop."""
        self._directory.note_change(account)
        self._whole_until = 0.0
        self._told.set()

    async def _run(self) -> None:
        while True:
            self._told.clear()
            try:
                beat = await self._beat()
                if beat is None:
                    await self._join()
                else:
                    await self._act(beat)
            except ClusterUnreachable as error:
                logger.warning("%s", error)
            except SetupError as error:
                logger.error("%s. %s", error.message, error.next_step)
            except Exception:
                logger.exception("this node could not do what it was asked")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW):
                    await self._told.wait()
            await asyncio.sleep(_LOOK)  # many accounts change at once

    async def _beat(self) -> Beat | None:
        """Of all accounts when one was told of since the last such beat began, or none for long."""
        whole = time.monotonic() >= self._whole_until
        if whole:
            self._whole_until = time.monotonic() + _WHOLE_EACH
        try:
            beat = await self._directory.beat(self._instance, whole=whole)
        except BaseException:
            self._whole_until = 0.0
            raise
        if beat is None:
            self._whole_until = 0.0
        return beat

    async def _act(self, beat: Beat) -> None:
        self._draining = beat.draining
        self._last = (time.monotonic(), beat)
        if beat.whole:
            self._holds = dict(beat.holds)
            self._actions.know(beat.accounts)
        else:
            self._holds.update(beat.holds)
        for one in beat.wanted:
            if beat.draining or not self._begin(one):
                await self._directory.refuse(one.account)
        for account in beat.orphans:
            if not beat.draining:
                with contextlib.suppress(NoRoom):
                    await self._directory.choose(account)  # if it is we, the next beat says so
        if beat.draining and beat.held and (self._moving is None or self._moving.done()):
            self._moving = asyncio.create_task(self._give_away(beat.held), name="drain")

    def _begin(self, wanted: WantedAccount) -> bool:
        if wanted.moves:
            return self._actions.prepare(wanted.account)
        return self._actions.start(wanted.account, pairing=wanted.pairing)

    async def _give_away(self, accounts: tuple[str, ...]) -> None:
        """One by one, so that each is away for as short as can be."""
        for account in accounts:
            if not self._draining:
                return
            try:
                await self._give_one_away(account)
            except NoRoom:
                logger.warning("no other node takes the account %r; it stays here", account)
                await asyncio.sleep(RENEW)
            except ClusterUnreachable as error:
                logger.warning("the account %r could not be given away: %s", account, error)

    async def _give_one_away(self, account: str) -> None:
        loop = asyncio.get_running_loop()
        node = await self._directory.choose(account, moves=True)
        until = loop.time() + _READY_LIMIT
        while loop.time() < until and not await self._directory.is_ready(account):
            await self._directory.wait_change(account, RENEW)
        logger.info("the account %r moves to the node %s", account, node)
        await self._actions.move(account)
        until = loop.time() + _MOVE_LIMIT
        while loop.time() < until:
            holder = await self._directory.holder(account)
            if holder is None or (holder.held and holder.node != self._directory.node):
                return
            await self._directory.wait_change(account, RENEW)


class _Notifications:
    """What the database tells while it happens, in a thread of its own. Without it, each beat finds out."""

    def __init__(self, url: str, hear: Callable[[str], None]) -> None:
        self._url = url
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._closed = threading.Event()
        threading.Thread(target=self._listen, name="notifications", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def _listen(self) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(ClusterUnreachable, psycopg.Error, RuntimeError):
                self._listen_once()
            self._closed.wait(RENEW)

    def _listen_once(self) -> None:
        with told(self._url), connect(self._url) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            while not self._closed.is_set():
                for notification in connection.notifies(timeout=RENEW):
                    self._loop.call_soon_threadsafe(self._hear, notification.payload)
