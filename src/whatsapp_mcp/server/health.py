"""``GET /health`` and ``GET /ready``, for supervisors: whether the server lives, whether the account can be used."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from whatsapp_mcp.server.auth import grant_of_request

_KEPT: Final = 1.0
"""Seconds for which an answer is good: nobody needs a token to ask, and the next one costs a look at files."""


@dataclass(frozen=True, slots=True)
class AccountStanding:
    state: str
    """Of ``SessionState``, or ``unused``: linked, and started by its first request."""
    ready: bool
    detail: str = ""


def health_routes(account: str, look: Callable[[], AccountStanding]) -> Sequence[Route]:
    """Of the account at ``/mcp``. Both say ``ok`` or ``impaired``; ``/ready`` says it by its status code too, while
    ``/health`` is always 200: to start the server again mends no account. Who has a token is told the state.

    Args:
        look: how the account stands; called in a thread.
    """
    known: list[tuple[float, AccountStanding]] = []

    async def standing() -> AccountStanding:
        if not known or time.monotonic() - known[0][0] > _KEPT:
            known[:] = [(time.monotonic(), await anyio.to_thread.run_sync(look))]
        return known[0][1]

    async def body(request: Request) -> tuple[dict[str, str], bool]:
        found = await standing()
        said = {"status": "ok" if found.ready else "impaired"}
        grant = grant_of_request(request.scope)
        if request.user.is_authenticated and (grant.accounts is None or account in grant.accounts):
            said |= {"account": account, "state": found.state, "detail": found.detail}
        return said, found.ready

    async def health(request: Request) -> JSONResponse:
        return JSONResponse((await body(request))[0])

    async def ready(request: Request) -> JSONResponse:
        said, is_ready = await body(request)
        return JSONResponse(said, status_code=200 if is_ready else 503)

    return Route("/health", health), Route("/ready", ready)
