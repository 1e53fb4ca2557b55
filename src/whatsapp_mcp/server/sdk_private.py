"""Names of the MCP SDK that it does not promise to keep: the reason for the ceiling on mcp in pyproject.toml."""

from __future__ import annotations

from mcp.server.connection import Connection
from mcp.server.runner import serve_dual_era_loop
from mcp.server.session import ServerSession
from mcp.shared._context_streams import ContextReceiveStream, ContextSendStream, create_context_streams
from mcp.shared.message import SessionMessage

__all__ = [
    "ContextReceiveStream",
    "ContextSendStream",
    "SessionMessage",
    "connection_of",
    "create_context_streams",
    "serve_dual_era_loop",
]


def connection_of(session: ServerSession) -> Connection:
    """Of a request: what lasts as long as its client is connected, with a place for state and for what is done at its
    end. In revision 2026-07-28 over HTTP each request has its own."""
    return session._connection
