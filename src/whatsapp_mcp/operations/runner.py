"""Runs operations by name: what the MCP face calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.operations import (
    app,
    chat,
    chat_arrivals,
    chat_state,
    group,
    group_members,
    message,
    message_media,
    message_status,
    newsletter,
    send,
    send_media,
    user,
)
from whatsapp_mcp.operations.idempotency import run_once
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.registry import REGISTERED, Handler
from whatsapp_mcp.operations.sending import IDEMPOTENCY_KEY
from whatsapp_mcp.operations.services import Services

# Importing a module registers its handlers; each stands in a module whose name begins with its tag.
_ = (
    *(app, user, send, send_media, message, message_media, message_status),
    *(chat, chat_arrivals, chat_state, group, group_members, newsletter),
)


def handlers() -> Mapping[str, Handler]:
    """All handlers by operationId."""
    return MappingProxyType(REGISTERED)


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
