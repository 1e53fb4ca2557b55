"""How long a client waits, by what it says of itself."""

from __future__ import annotations

import mcp.types as types
import pytest

from whatsapp_mcp.policy.caller import Patience
from whatsapp_mcp.server.host_limits import ANSWER_WITHIN, patience_of


def client(name: str) -> types.InitializeRequestParams:
    return types.InitializeRequestParams(
        protocol_version="2025-11-25",
        capabilities=types.ClientCapabilities(),
        client_info=types.Implementation(name=name, version="1"),
    )


@pytest.mark.parametrize("name", ["mcp", "MCP", "claude-ai", "codex-mcp-client", "nobody knows", None])
def test_without_a_progress_token_every_call_is_answered_before_fifty_seconds(name: str | None) -> None:
    found = patience_of(client(name) if name else None, listens=False)
    assert found.answer_within == ANSWER_WITHIN < 48


def test_who_listens_waits_unless_it_is_known_not_to_help() -> None:
    assert patience_of(client("nobody knows"), listens=True) == Patience()
    assert patience_of(client("claude-ai"), listens=True).answer_within == ANSWER_WITHIN


def test_a_client_of_five_seconds_waits_four_for_news() -> None:
    assert patience_of(client("mcp"), listens=True).waiting == 4
    assert patience_of(client("claude-ai"), listens=False).waiting is None
