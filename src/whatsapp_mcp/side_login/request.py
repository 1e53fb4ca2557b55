"""What a caller waits for: changes of the app state, or a query of its own kind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.app_state import AppStateChange
from whatsapp_mcp.side_login.queries import SideLoginQuery


@dataclass(slots=True, eq=False)
class Request:
    """One caller's request and what became of it. The caller is told when the session goes on, not before."""

    work: tuple[AppStateChange, ...] | SideLoginQuery[Any]
    future: asyncio.Future[float] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """How long the session was paused, in seconds; ``result`` is there by then."""
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
