"""Folders that a client says it works in (MCP roots): files are sent from them too, where the owner allows that.

Up to revision 2025-11-25 the client is asked (``roots/list``) when a call first names a file, and again once it says
that they changed. Since 2026-07-28 the question goes out as the result of the call, like one to the owner, and comes
back with the call's repetition. Of clients on this machine alone: what another machine calls its folders is not here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError, NoBackChannelError

from whatsapp_mcp.policy.caller import Roots, no_roots
from whatsapp_mcp.server.asking import ROUNDS_SINCE, InputAsked
from whatsapp_mcp.waiting import waits_for

MOST: Final = 20
"""Folders of one client."""
KEPT: Final = 600.0
"""Seconds for which an answer counts where clients do not tell of changes."""
_KEY: Final = "roots"
_SECONDS: Final = 10.0
_Context = ServerRequestContext[Any]


@dataclass(frozen=True, slots=True)
class _Told:
    folders: tuple[Path, ...]
    until: float
    """On ``time.monotonic``'s clock."""


class ClientRoots:
    """Of one server, which has one client: over HTTP nobody is asked. In revision 2026-07-28 the SDK has a connection
    for each request, so that nothing can be kept there."""

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed
        self._told: _Told | None = None

    def of(self, ctx: _Context, params: types.CallToolRequestParams | None) -> Roots:
        """What asks the client of this call, when somebody wants to know."""
        capabilities = ctx.session.client_capabilities
        if not self._allowed or ctx.request is not None or capabilities is None or capabilities.roots is None:
            return no_roots
        tells = bool(capabilities.roots.list_changed) and ctx.protocol_version < ROUNDS_SINCE

        async def folders() -> tuple[Path, ...]:
            if self._told is None or time.monotonic() > self._told.until:
                self._told = await _asked(ctx, params, float("inf") if tells else KEPT)
            return self._told.folders

        return folders

    async def changed(self, _ctx: _Context, _params: types.NotificationParams | None) -> None:
        """The client says that they did."""
        self._told = None


async def _asked(ctx: _Context, params: types.CallToolRequestParams | None, kept: float) -> _Told:
    if ctx.protocol_version >= ROUNDS_SINCE:
        answer = (params.input_responses or {}).get(_KEY) if params is not None else None
        if answer is None:
            raise InputAsked({_KEY: types.ListRootsRequest()})
        roots = answer.roots if isinstance(answer, types.ListRootsResult) else []
    else:
        try:
            with anyio.fail_after(_SECONDS), waits_for("the client to name its folders"):
                roots = (await ctx.session.send_request(types.ListRootsRequest(), types.ListRootsResult)).roots
        except (TimeoutError, NoBackChannelError, MCPError):
            return _Told((), 0.0)
    uris = [str(root.uri) for root in roots]
    return _Told(await anyio.to_thread.run_sync(usable, uris), time.monotonic() + kept)


def usable(uris: Iterable[str]) -> tuple[Path, ...]:
    """Of the roots those that may count as an outbox: folders that are there, and neither hold the home folder nor are
    it. What lies in the data directory is refused wherever it is named."""
    from urllib.request import url2pathname  # slow to load, and no server needs it that is told of no roots

    home = Path.home().resolve()
    found: dict[Path, None] = {}
    for uri in uris:
        parts = urlsplit(uri)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            continue
        try:
            folder = Path(url2pathname(parts.path))
            if not folder.is_absolute() or not (folder := folder.resolve()).is_dir():
                continue
        except (OSError, ValueError, RuntimeError):
            continue
        if folder != Path(folder.anchor) and not home.is_relative_to(folder):
            found[folder] = None
    return tuple(found)[:MOST]
