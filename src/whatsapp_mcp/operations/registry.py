"""Handlers register here under their operationId."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.services import Services

Handler = Callable[[Services, Any], Awaitable[Outcome]]
"""Takes its operation's own type of `whatsapp_mcp.catalog.arguments`; a test compares the two."""

IDEMPOTENCY_KEY: Final = "idempotency_key"
"""Argument of every operation that sends a message; with it, `idempotency` runs the handler."""

A = TypeVar("A", bound=Mapping[str, object])
TypedHandler = Callable[[Services, A], Awaitable[Outcome]]

REGISTERED: dict[str, Handler] = {}
"""By operationId; filled by importing the modules of the tags."""


def operation(operation_id: str) -> Callable[[TypedHandler[A]], TypedHandler[A]]:
    """Register the decorated function as the handler of one operation of tools.yaml."""

    def register(handler: TypedHandler[A]) -> TypedHandler[A]:
        if operation_id in REGISTERED:
            raise ValueError(f"two handlers for {operation_id}")
        REGISTERED[operation_id] = handler
        return handler

    return register
