"""`whatsapp-mcp node`: what the shared database knows of the machines, and what is asked of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.errors import NotConnected, SetupError
from whatsapp_mcp.extras import POSTGRES
from whatsapp_mcp.settings import Settings

R = TypeVar("R")
_LOOK: Final = 0.2
"""Seconds between two looks whether a node has given its accounts away."""
NO_PROGRESS: Final = 30.0
"""Seconds without one account less, after which nothing is waited for any more."""


class ListedNode(BaseModel):
    """One machine that shares the database."""

    model_config = ConfigDict(frozen=True)

    name: str
    address: str
    version: str
    state: Literal["alive", "draining", "silent"]
    """``silent``: it has not said for some seconds that it is alive."""
    seconds: float
    """Since it last said so."""
    accounts: tuple[str, ...]
    """That it holds."""
    max_accounts: int | None


def list_nodes(settings: Settings) -> tuple[ListedNode, ...]:
    """All, by name.

    Raises:
        SetupError: no database is set.
        NotConnected: it does not answer.
    """

    async def ask(directory: Any) -> tuple[ListedNode, ...]:
        return tuple(
            ListedNode(
                name=one.name,
                address=one.address,
                version=one.version,
                state="draining" if one.draining and one.alive else "alive" if one.alive else "silent",
                seconds=round(max(0.0, one.seconds), 1),
                accounts=one.accounts,
                max_accounts=one.max_accounts,
            )
            for one in await directory.nodes()
        )

    return _with_directory(settings, ask)


def node_line(node: ListedNode) -> str:
    """For a person."""
    most = f" of {node.max_accounts}" if node.max_accounts is not None else ""
    state = f"silent for {node.seconds:.0f} s" if node.state == "silent" else node.state
    names = f": {', '.join(node.accounts)}" if node.accounts else ""
    return f"{node.name}  {node.address}  {state}  {len(node.accounts)}{most} accounts{names}"


def drain_node(settings: Settings, name: str, tell: Callable[[str], None]) -> tuple[str, ...]:
    """Have a node give its accounts away, and wait until it has none; which it had.

    Raises:
        SetupError: no database is set, there is no such node, or others do not take its accounts.
        NotConnected: the database does not answer.
    """

    async def ask(directory: Any) -> tuple[str, ...]:
        await _set_draining(directory, name, draining=True)
        loop = asyncio.get_running_loop()
        first = left = await _held(directory, name)
        since = loop.time()
        while left:
            await asyncio.sleep(_LOOK)
            now = await _held(directory, name)
            for account in left:
                if account not in now:
                    tell(f"{account} has moved.")
            if len(now) < len(left):
                since = loop.time()
            left = now
            if loop.time() - since > NO_PROGRESS:
                raise SetupError(
                    f"the node {name} still holds {', '.join(left)}: no other node takes them",
                    next_step="Start another node, or raise --max-accounts of one; `node resume` takes this one back.",
                )
        return first

    return _with_directory(settings, ask)


def resume_node(settings: Settings, name: str) -> None:
    """Let a node take accounts again.

    Raises:
        SetupError: no database is set, or there is no such node.
        NotConnected: the database does not answer.
    """
    _with_directory(settings, lambda directory: _set_draining(directory, name, draining=False))


async def _set_draining(directory: Any, name: str, *, draining: bool) -> None:
    if not await directory.set_draining(name, draining=draining):
        raise SetupError(f"there is no node {name!r}", next_step="`whatsapp-mcp node list` lists them.")


async def _held(directory: Any, name: str) -> tuple[str, ...]:
    found: tuple[str, ...] = next((one.accounts for one in await directory.nodes() if one.name == name), ())
    return found


def _with_directory(settings: Settings, ask: Callable[[Any], Coroutine[Any, Any, R]]) -> R:
    if settings.database is None:
        raise SetupError(
            "no database is set, so there are no nodes",
            next_step="Set WHATSAPP_MCP_DATABASE as on the nodes.",
        )
    POSTGRES.require("WHATSAPP_MCP_DATABASE")
    from whatsapp_mcp.cluster.database import ClusterUnreachable
    from whatsapp_mcp.cluster.directory import Directory

    directory = Directory(settings.database.get_secret_value())
    try:
        return asyncio.run(ask(directory))
    except ClusterUnreachable as error:
        raise NotConnected(
            str(error), next_step="Check WHATSAPP_MCP_DATABASE, and whether it can be reached."
        ) from None
    finally:
        directory.close()
