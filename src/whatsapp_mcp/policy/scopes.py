"""What a scope allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from whatsapp_mcp.catalog.operation import ACTS, Operation
from whatsapp_mcp.policy.caller import Scope

_READ: Final = frozenset({"look", "ask"})
_ALLOWED: Final[Mapping[Scope, frozenset[str]]] = {
    "read": _READ,
    "send": _READ | {"send", "signal", "arrange"},
    "full": frozenset(ACTS),
}


def allowed_by_scope(operation: Operation, scope: Scope) -> bool:
    return operation.touches.act in _ALLOWED[scope]
