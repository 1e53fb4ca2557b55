"""What some hosts honour beyond the protocol, in ``_meta`` of a tool; others pass over it."""

from __future__ import annotations

from typing import Any, Final

from whatsapp_mcp.catalog import Operation
from whatsapp_mcp.server.resource_kinds import VIEW_OF

NEVER_UNASKED: Final = frozenset({"appLogout", "deleteChat", "leaveGroup"})
"""What nobody can take back and no task needs often."""
REQUIRES_INTERACTION: Final = "anthropic/requiresUserInteraction"
"""Claude Code then asks at every call, in every permission mode, and refuses where nobody can be asked."""
MOST_CHARACTERS: Final = "anthropic/maxResultSizeChars"
"""Claude Code's limit for the text of this tool; without it, it is 25,000 tokens."""
VIEW: Final = "ui"
"""Where hosts of MCP Apps find the page in which they show the results."""
TAKEN_BY_DEFAULT: Final = 25_000
LARGEST: Final = 500_000
"""Which the host takes for this."""


def meta_of(operation: Operation, *, asks: bool, budget: int) -> dict[str, Any] | None:
    """``asks``: the owner wants to be asked about what this does; ``budget``: bytes of a result, and so at most as many
    characters or tokens."""
    meta: dict[str, Any] = {}
    if asks and operation.name in NEVER_UNASKED:
        meta[REQUIRES_INTERACTION] = True
    if budget > TAKEN_BY_DEFAULT and operation.touches.reads != "nothing":
        meta[MOST_CHARACTERS] = min(budget, LARGEST)
    if (view := VIEW_OF.get(operation.name)) is not None:
        meta[VIEW] = {"resourceUri": view}
    return meta or None
