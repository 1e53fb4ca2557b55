"""How long hosts wait for the answer to a call, by what they say of themselves; docs/hosts.md says it to people."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import mcp.types as types

from whatsapp_mcp.policy.caller import Patience

ANSWER_WITHIN: Final = 47.0
"""Seconds: most hosts take a call for lost after 60, the default of MCP's TypeScript SDK."""
SHARE: Final = 0.8
"""Of a limit; the rest is for the way there and back."""


class _Limit(NamedTuple):
    """Of one host, as it is when nobody has configured it."""

    seconds: float | None
    """After which it gives a call up; None: not known, or none."""
    heeds_progress: bool = True
    """Whether a progress notification begins it anew."""


_KNOWN: Final = {
    # MCP's Python SDK, where the program says no name of its own: openai-agents gives up after 5 seconds (its
    # client_session_timeout_seconds), others never.
    "mcp": _Limit(5),
    # 60 or 240 seconds, as users found; progress does not help (anthropics/claude-code#22542, #65643).
    "claude-ai": _Limit(60, heeds_progress=False),
    # tool_timeout_sec: 60, later 120 and 300 (openai/codex#28234); counted from the request.
    "codex-mcp-client": _Limit(60, heeds_progress=False),
    # no timeout of its own, so that of the TypeScript SDK (openclaw/openclaw#85581)
    "openclaw": _Limit(60, heeds_progress=False),
}


def patience_of(client: types.InitializeRequestParams | None, *, listens: bool) -> Patience:
    """How long a client waits; ``listens``: it hears of this call's progress."""
    return _patience(client.client_info.name if client is not None else "", listens=listens)


@lru_cache(64)
def _patience(name: str, *, listens: bool) -> Patience:
    limit = _KNOWN.get(name.strip().casefold(), _Limit(None))
    short = limit.seconds is not None and limit.seconds * SHARE < ANSWER_WITHIN
    return Patience(
        answer_within=None if listens and limit.heeds_progress else ANSWER_WITHIN,
        waiting=limit.seconds * SHARE if limit.seconds is not None and short else None,
    )
