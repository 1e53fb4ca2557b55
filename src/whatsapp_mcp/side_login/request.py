"""What a side login is to do: changes of the app state, or a query of its own kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.app_state import AppStateChange
from whatsapp_mcp.side_login.queries import SideLoginQuery


@dataclass(frozen=True, slots=True)
class ReadSince:
    """What was changed in some collections, each after this version."""

    since: dict[str, int]


@dataclass(slots=True, eq=False)
class Request:
    """One caller's request and what became of it."""

    work: tuple[AppStateChange, ...] | ReadSince | SideLoginQuery[Any]
    open_patches: int = 0
    """Number of patches that its changes are part of and that are not through yet."""
    asked: bool = False
    """Whether a query went out; its answer may have been lost."""
    result: Any = None
    error: WhatsAppMcpError | None = None
    done: bool = False

    def finish(self, result: Any = None) -> None:
        self.result, self.done = result, True

    def fail(self, error: WhatsAppMcpError) -> None:
        if not self.done:
            self.error, self.done = error, True
