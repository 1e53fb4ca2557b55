"""What lies of an account in PostgreSQL, when it gets another name or is removed. No node may hold the account then."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from whatsapp_mcp.errors import DataDirectoryInUse, StoreError
from whatsapp_mcp.postgres import drop_schema, rename_schema
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.whereabouts import PostgresSchema

if TYPE_CHECKING:
    from whatsapp_mcp.cluster.database import Connection
    from whatsapp_mcp.cluster.lease import Lease

logger = logging.getLogger(__name__)


def give_schema(settings: Settings, new: Settings) -> None:
    """To the account of the ``new`` settings. Nothing is done without a database.

    Raises:
        DataDirectoryInUse: a node holds the account.
        StoreError: the database cannot be used, or has something of the new account.
    """
    where, target = settings.store, new.store
    if isinstance(where, PostgresSchema) and isinstance(target, PostgresSchema):
        with held(settings, where) as lease:
            rename_schema(where, target, partial(forget, settings, lease))


def remove_schema(settings: Settings) -> None:
    """Messages, keys and all else. Nothing is done without a database. Raises as ``give_schema``."""
    where = settings.store
    if isinstance(where, PostgresSchema):
        with held(settings, where) as lease:
            drop_schema(where, partial(forget, settings, lease))


def forget(settings: Settings, lease: Lease, connection: Connection) -> None:
    """That somebody held it."""
    from whatsapp_mcp.cluster.tables import forget_account

    lease.leave_off()
    forget_account(connection, settings.account)


@contextmanager
def held(settings: Settings, where: PostgresSchema) -> Iterator[Lease]:
    """No node may hold the account inside. Should it be lost nevertheless, this process ends in time.

    Raises:
        DataDirectoryInUse: a node holds it.
        StoreError: the database cannot be used.
    """
    from whatsapp_mcp.cluster.database import ClusterUnreachable
    from whatsapp_mcp.cluster.lease import Claim, HeldElsewhere, take

    try:
        lease = take(where.url, Claim(account=settings.account, node=settings.node_name, pid=os.getpid()))
    except HeldElsewhere as error:
        raise DataDirectoryInUse(
            f"the account {settings.account!r} is in use on the node {error.node}",
            next_step="Close the MCP hosts that use it there, and run this again.",
        ) from error
    except ClusterUnreachable as error:
        raise StoreError(str(error), next_step="Check that PostgreSQL runs; nothing was changed.") from error
    lease.keep(_lost)
    try:
        yield lease
    finally:
        lease.release()


def _lost(why: str) -> None:
    logger.error("%s; this command is ended", why)
