"""Names of the MCP SDK that it does not promise to keep: the reason for the ceiling on mcp in pyproject.toml."""

from __future__ import annotations

from mcp.server.runner import serve_dual_era_loop
from mcp.shared._context_streams import ContextReceiveStream, ContextSendStream, create_context_streams
from mcp.shared.message import SessionMessage

__all__ = [
    "ContextReceiveStream",
    "ContextSendStream",
    "SessionMessage",
    "create_context_streams",
    "serve_dual_era_loop",
]
