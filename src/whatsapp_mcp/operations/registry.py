"""Handlers register here under their operationId."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.services import Services

__all__ = ["REGISTERED", "Handler", "operation"]

Handler = Callable[[Services, Arguments, Progress], Awaitable[Outcome]]

REGISTERED: dict[str, Handler] = {}
"""By operationId; filled by importing the modules of the tags."""


def operation(operation_id: str) -> Callable[[Handler], Handler]:
    """Register the decorated function as the handler of one operation of tools.yaml."""

    def register(handler: Handler) -> Handler:
        if operation_id in REGISTERED:
            raise ValueError(f"two handlers for {operation_id}")
        REGISTERED[operation_id] = handler
        return handler

    return register
