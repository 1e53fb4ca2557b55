"""The server of `nothing_server.py` without gate, conversations and audit: the floor of what they cost.

The time limit of a call is not theirs, so that the floor has it too.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from bench import nothing_server
from whatsapp_mcp.operations import runner
from whatsapp_mcp.operations.outcome import Arguments, Outcome
from whatsapp_mcp.policy.caller import Caller
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.callers import Callers
from whatsapp_mcp.server.host_limits import ANSWER_WITHIN


async def _run(self: runner.OperationRunner, passage: Passage, arguments: Arguments) -> Outcome:
    until = asyncio.get_running_loop().time() + ANSWER_WITHIN
    services = replace(self._services, until=until)
    return await runner._in_time(passage.operation, runner._handler(passage.operation), services, arguments)


def _ended(_runner: runner.OperationRunner, _passage: Passage) -> None:
    """Nothing is written down."""


_ANYBODY = Caller()


def _of(_callers: Callers, *_call: Any) -> Caller:
    return _ANYBODY


def main() -> None:
    setattr(runner.OperationRunner, "run", _run)  # noqa: B010
    setattr(runner.OperationRunner, "ended", _ended)  # noqa: B010
    setattr(Callers, "of", _of)  # noqa: B010
    nothing_server.main()


if __name__ == "__main__":
    main()
