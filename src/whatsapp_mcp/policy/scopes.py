"""What a scope, toolsets, and the rules of an account allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, get_args

from whatsapp_mcp.catalog import SelectionError, load_catalog, select
from whatsapp_mcp.catalog.operation import ACTS, Operation
from whatsapp_mcp.policy.caller import Grant, Scope

if TYPE_CHECKING:
    from whatsapp_mcp.policy.rules import Rules

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
"""Each allows what those before it do."""

_READ: Final = frozenset({"look", "ask"})
_ALLOWED: Final[Mapping[Scope, frozenset[str]]] = {
    "read": _READ,
    "send": _READ | {"send", "signal", "arrange"},
    "full": frozenset(ACTS),
}


def allowed_by_scope(operation: Operation, scope: Scope) -> bool:
    return operation.touches.act in _ALLOWED[scope]


def allowed_by_toolsets(operation: Operation, toolsets: str | None) -> bool:
    return toolsets is None or operation.name in _named(toolsets)


def allowed_by_rules(operation: Operation, rules: Rules) -> bool:
    """Whether the account has this operation at all."""
    read_only = rules.read_only and operation.touches.changes
    return not read_only and allowed_by_toolsets(operation, rules.toolsets)


def is_granted(operation: Operation, grant: Grant) -> bool:
    """Whether a caller with this grant can have this operation at all."""
    return allowed_by_scope(operation, grant.scope) and allowed_by_toolsets(operation, grant.toolsets)


def at_most(grant: Grant, scope: Scope) -> Grant:
    """The same, with no more than this scope."""
    return grant if SCOPES.index(grant.scope) <= SCOPES.index(scope) else replace(grant, scope=scope)


@lru_cache(maxsize=64)
def _named(toolsets: str) -> frozenset[str]:
    """Names of the operations; none when another version of the catalogue knew what is named here."""
    try:
        return frozenset(select(load_catalog(), toolsets).by_name)
    except SelectionError:
        return frozenset()
