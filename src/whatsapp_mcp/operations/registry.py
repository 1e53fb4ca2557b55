"""Handlers register here under their operationId."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.services import Services

__all__ = ["Handler", "handlers", "operation"]

Handler = Callable[[Services, Arguments, Progress], Awaitable[Outcome]]

_HANDLERS: dict[str, Handler] = {}


def operation(operation_id: str) -> Callable[[Handler], Handler]:
    """Register the decorated function as the handler of one operation of tools.yaml."""

    def register(handler: Handler) -> Handler:
        if operation_id in _HANDLERS:
            raise ValueError(f"two handlers for {operation_id}")
        _HANDLERS[operation_id] = handler
        return handler

    return register


def handlers() -> Mapping[str, Handler]:
    """All handlers by operationId."""
    from whatsapp_mcp.operations import app, chat, delivery, direct, group, media, message, newsletter, send, user

    # Importing a module registers its handlers.
    _ = (app, chat, delivery, direct, group, media, message, newsletter, send, user)
    return MappingProxyType(_HANDLERS)
