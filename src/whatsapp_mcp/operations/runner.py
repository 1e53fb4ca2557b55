"""Runs operations by name: what the MCP face calls."""

from __future__ import annotations

from collections.abc import Sequence

from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.operations.idempotency import run_once
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.registry import handlers
from whatsapp_mcp.operations.send import IDEMPOTENCY_KEY
from whatsapp_mcp.operations.services import Services

__all__ = ["OperationRunner", "with_handler"]


def with_handler(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Only the operations that work: those with a handler."""
    known = handlers()
    return tuple(operation for operation in operations if operation.name in known)


class OperationRunner:
    """Implements :class:`~whatsapp_mcp.operations.outcome.Runner` with the registered handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._handlers = handlers()

    async def run(self, name: str, arguments: Arguments, progress: Progress) -> Outcome:
        handler = self._handlers[name]
        if IDEMPOTENCY_KEY in arguments:
            return await run_once(name, handler, self._services, arguments, progress)
        return await handler(self._services, arguments, progress)
