"""Runs operations by name: what the MCP face calls."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.registry import IDEMPOTENCY_KEY, REGISTERED, Handler
from whatsapp_mcp.operations.services import Services

_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "app": ("app",),
    "user": ("user",),
    "send": ("send", "send_media"),
    "message": ("message", "message_media", "message_status"),
    "chat": ("chat", "chat_arrivals", "chat_state"),
    "group": ("group", "group_members"),
    "newsletter": ("newsletter",),
}
"""Tag -> the modules of its handlers, the light ones first. Each is loaded when it is first needed: a server has to
answer `initialize` before anything else, and what they all work with takes a tenth of the time that the SDK takes."""


def handlers() -> Mapping[str, Handler]:
    """All handlers by operationId."""
    for modules in _MODULES.values():
        for module in modules:
            importlib.import_module(f"whatsapp_mcp.operations.{module}")
    return MappingProxyType(REGISTERED)


def _handler(operation: Operation) -> Handler:
    """Of one operation; importing a module registers its handlers."""
    for module in _MODULES[operation.tag]:
        if operation.name in REGISTERED:
            break
        importlib.import_module(f"whatsapp_mcp.operations.{module}")
    return REGISTERED[operation.name]


class OperationRunner:
    """Implements :class:`~whatsapp_mcp.operations.outcome.Runner` with the registered handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self, operation: Operation, arguments: Arguments, progress: Progress) -> Outcome:
        handler = _handler(operation)
        if IDEMPOTENCY_KEY in arguments:
            from whatsapp_mcp.operations.idempotency import run_once

            return await run_once(operation.name, handler, self._services, arguments, progress)
        return await handler(self._services, arguments, progress)
