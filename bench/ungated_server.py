"""The server of `nothing_server.py` without gate, conversations and audit: the floor of what they cost.

How long a client waits and which folders it names is not theirs, so that the floor asks for it too.
"""

from __future__ import annotations

import asyncio
from typing import Any

import mcp.types as types
from mcp.server.context import ServerRequestContext

from bench import nothing_server
from whatsapp_mcp.operations import runner
from whatsapp_mcp.operations.outcome import Arguments, Outcome
from whatsapp_mcp.policy.caller import Caller
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.callers import Callers
from whatsapp_mcp.server.host_limits import ANSWER_WITHIN, patience_of


async def _run(self: runner.OperationRunner, passage: Passage, arguments: Arguments) -> Outcome:
    until = asyncio.get_running_loop().time() + ANSWER_WITHIN
    services = self._services.for_call(passage.caller, self._services.store, until, hold_seconds=0)
    return await runner._in_time(passage.operation, await runner._handler(passage.operation), services, arguments)


def _ended(_runner: runner.OperationRunner, _passage: Passage) -> None:
    """Nothing is written down."""


def _of(self: Callers, ctx: ServerRequestContext[Any], params: types.CallToolRequestParams | None = None) -> Caller:
    patience = patience_of(ctx.session.client_params, listens="progress_token" in (ctx.meta or {}))
    return Caller(roots=self.roots.of(ctx, params), patience=patience)


def main() -> None:
    setattr(runner.OperationRunner, "run", _run)  # noqa: B010
    setattr(runner.OperationRunner, "ended", _ended)  # noqa: B010
    setattr(Callers, "of", _of)  # noqa: B010
    nothing_server.main()


if __name__ == "__main__":
    main()
