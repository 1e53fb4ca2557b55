"""The session process's hold on an account that other machines may hold too: its lease, and its door to other nodes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio.to_thread

from whatsapp_mcp.cluster import remote
from whatsapp_mcp.cluster.database import ClusterUnreachable
from whatsapp_mcp.cluster.lease import Claim, HeldElsewhere, Lease, NotWanted, introduction, take
from whatsapp_mcp.cluster.places import place_of
from whatsapp_mcp.pipe.lines import Ended, SharedAccount
from whatsapp_mcp.pipe.pieces import MAX_LINE
from whatsapp_mcp.platform.listener import Accepted

logger = logging.getLogger("whatsapp_mcp.session")


class Holding:
    """The account is ours."""

    def __init__(self, lease: Lease, door: remote.RemoteEndpoint | None) -> None:
        self.lease = lease
        self._door = door

    @classmethod
    async def begin(
        cls,
        shared: SharedAccount,
        lock: Path,
        *,
        accepted: Accepted,
        lost: Callable[[str], None],
        given_up: Callable[[], bool],
    ) -> Holding | Ended:
        """Take the account, however long its last holder may still have it; or why that is not to be.

        Args:
            lock: the lock file, which this process holds.
            accepted: is given the streams of servers of other nodes.
            lost: is called in a foreign thread when the account is not ours any more, and told why.
        """
        door = None
        try:
            secret, address = await anyio.to_thread.run_sync(introduction, shared.database)
            if shared.attachable:
                door = await remote.listen(shared.address or address, accepted, secret=secret, limit=MAX_LINE)
            claim = _claim(shared, lock, door)
            lease = await anyio.to_thread.run_sync(partial(take, shared.database, claim, given_up=given_up))
        except (NotWanted, HeldElsewhere, ClusterUnreachable, OSError) as error:
            if door is not None:
                door.close()
            return _why_not(error, shared)
        lease.keep(lost)
        return cls(lease, door)

    async def is_ours(self) -> bool:
        """Asks the database."""
        return await anyio.to_thread.run_sync(self.lease.confirm)

    def close_door(self) -> None:
        """Accept nobody any more."""
        if self._door is not None:
            self._door.close()

    async def release(self) -> None:
        """Give the account back: nothing is done with it any more."""
        self.close_door()
        await anyio.to_thread.run_sync(self.lease.release)


def _claim(shared: SharedAccount, lock: Path, door: remote.RemoteEndpoint | None) -> Claim:
    claim = Claim(
        account=shared.account,
        node=shared.node,
        place=place_of(lock),
        pid=os.getpid(),
        tag=os.environ.get("PGAPPNAME", ""),
        waits=shared.waits,
    )
    return claim if door is None else replace(claim, host=door.host, port=door.port, fingerprint=door.fingerprint)


def _why_not(error: Exception, shared: SharedAccount) -> Ended:
    match error:
        case NotWanted():
            return Ended(reason="stopped")
        case HeldElsewhere():
            return Ended(reason="held_elsewhere", detail=f"the node {error.node} holds the account")
        case ClusterUnreachable():
            return Ended(reason="no_database", detail=str(error))
    where = shared.address or "the address by which it reaches the database"
    detail = f"nothing can listen at {where}. Give an address of this machine with --node-address"
    return Ended(reason="setup_error", detail=detail)
