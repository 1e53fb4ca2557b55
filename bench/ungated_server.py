"""The server of `nothing_server.py` without gate, conversations and audit: the floor of what they cost."""

from __future__ import annotations

from typing import Any

from bench import nothing_server
from whatsapp_mcp.operations import runner
from whatsapp_mcp.operations.outcome import Arguments, Outcome
from whatsapp_mcp.policy.caller import Caller
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.callers import Callers


async def _run(self: runner.OperationRunner, passage: Passage, arguments: Arguments) -> Outcome:
    return await runner._handler(passage.operation)(self._services, arguments)


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
