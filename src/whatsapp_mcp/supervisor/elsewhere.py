"""The other machines that share an account's database: who of them holds the account, and whose it is to start it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.cluster import remote
from whatsapp_mcp.cluster.database import ClusterUnreachable
from whatsapp_mcp.cluster.directory import AccountHolder, Directory, NoRoom
from whatsapp_mcp.cluster.places import place_of
from whatsapp_mcp.pipe.lines import Attach, Refused
from whatsapp_mcp.pipe.pieces import MAX_LINE
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.link import Link

_LOOK: Final = 0.25
"""Seconds until a holder that cannot be attached to, or a node that was asked to start it, is looked at again."""
_UNREACHABLE: Final = 1.0
"""Seconds between two tries to reach the database, or to find a node with room."""
_WATCH: Final = 1.0
"""Seconds between two looks whether a process that is attached to still holds the account."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing can be done now; why, as the end of a sentence, if it is for long."""

    detail: str = ""


class OtherMachines:
    """One account, as other machines have it."""

    def __init__(self, directory: Directory, settings: Settings) -> None:
        self._directory = directory
        self._settings = settings
        self._account = settings.account
        self._attached: AccountHolder | None = None

    async def attach(self, attach: Attach) -> Link | Refused | Waiting | None:
        """Attach to the session process that holds the account on another machine; None when there is none.

        Returns after a moment when it is to be looked at again.
        """
        try:
            holder = await self._directory.holder(self._account)
            if holder is None or holder.is_over or holder.place == place_of(self._settings.lock_path) != "":
                return None
            if not holder.host:
                await asyncio.sleep(_UNREACHABLE)
                return Waiting(f"the machine {holder.node} holds the account, and is no node that others can use")
            answer = await self._reach(holder, attach)
        except ClusterUnreachable as error:
            await asyncio.sleep(_UNREACHABLE)
            return Waiting(str(error))
        if answer is None or (isinstance(answer, Refused) and answer.why in ("ending", "retired")):
            await self._directory.wait_change(self._account, _LOOK)
            return Waiting()
        self._attached = holder
        return answer

    async def _reach(self, holder: AccountHolder, attach: Attach) -> Link | Refused | None:
        secret = await self._directory.secret()
        streams = await remote.connect(holder.host, holder.port, holder.fingerprint, secret=secret, limit=MAX_LINE)
        if streams is None:
            return None
        try:
            return await Link.attach_over(streams, attach, remote=True)
        except TimeoutError:
            return None

    async def is_ours_to_start(self, *, pairing: bool) -> Waiting | None:
        """None: it is; or after a moment, in which another node was asked to.

        Args:
            pairing: a device is to be linked.
        """
        try:
            chosen = await self._directory.choose(self._account, pairing=pairing)
        except NoRoom:
            await self._directory.wait_change(self._account, _UNREACHABLE)
            return Waiting("no node takes another account: start one, or raise --max-accounts")
        except ClusterUnreachable as error:
            await asyncio.sleep(_UNREACHABLE)
            return Waiting(str(error))
        if chosen == self._directory.node:
            return None
        await self._directory.wait_change(self._account, _LOOK)
        return Waiting()

    async def is_held(self) -> bool:
        """Whether a process of another machine has the account; False too while nobody can tell."""
        try:
            holder = await self._directory.holder(self._account)
        except ClusterUnreachable:
            return False
        return holder is not None and not holder.is_over and holder.place != place_of(self._settings.lock_path)

    @asynccontextmanager
    async def watching(self, link: Link) -> AsyncIterator[None]:
        """While inside, a link to a process that does not hold the account any more is let go: one that was cut off
        cannot say so."""
        task = asyncio.create_task(self._watch(link, self._attached)) if link.is_remote else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()

    async def _watch(self, link: Link, attached: AccountHolder | None) -> None:
        while attached is not None:
            await self._directory.wait_change(self._account, _WATCH)
            with contextlib.suppress(ClusterUnreachable):
                found = await self._directory.holder(self._account)
                if found is None or found.epoch != attached.epoch or (found.held and found.is_over):
                    link.let_go()
                    return
