"""What supervisors ask: ``GET /health``, whether the server lives; ``GET /ready``, whether an account can be used;
``GET /metrics``, how everything does."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from whatsapp_mcp.account_names import account_name
from whatsapp_mcp.models.figures import AccountFigures, NodeFigures
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.server.metrics import CONTENT_TYPE, CallCounts, Sample, account_samples, exposition, server_samples
from whatsapp_mcp.server.watchers import Watchers


@dataclass(frozen=True, slots=True)
class AccountStanding:
    state: str
    """Of ``SessionState``, or ``unused``: linked, and started by its first request."""
    ready: bool
    detail: str = ""


PATHS: Final = ("/health", "/ready", "/metrics")
_KEPT: Final = 1.0
"""Seconds for which an answer is good: some need no token to ask, and the next one costs a look at files."""
_PATIENCE: Final = 1.0
"""Seconds that who asks waits for that look, which is into a database maybe."""
_AT_ONCE: Final = 8
"""Looks; whoever asks meanwhile gets no thread of others."""
_NO_ANSWER: Final = AccountStanding("unknown", False, "the database does not answer")


class WatchedAccounts(Protocol):
    """What is looked at."""

    @property
    def at_mcp(self) -> str:
        """Name of the account that is served without one."""
        ...

    @property
    def counts(self) -> CallCounts:
        """Of all accounts' servers."""
        ...

    def names(self) -> Collection[str]:
        """Of all accounts there are; in a thread."""
        ...

    def standing(self, name: str) -> AccountStanding:
        """How an account stands, whether or not it was started; from any thread."""
        ...

    async def figures(self, name: str) -> AccountFigures:
        """What is counted of it."""
        ...

    def node(self) -> NodeFigures | None:
        """What is counted of this machine, where it is one of several."""
        ...


class Health:
    """The routes.

    Args:
        accounts: all of them.
        watchers: who is told more than whether all is well.
        http_sessions: how many are open.
    """

    def __init__(self, accounts: WatchedAccounts, watchers: Watchers, http_sessions: Callable[[], int]) -> None:
        self._accounts = accounts
        self._watchers = watchers
        self._http_sessions = http_sessions
        self._known: dict[str, tuple[float, AccountStanding]] = {}
        self._figures: dict[str, tuple[float, AccountFigures]] = {}
        self._looking = anyio.Lock()
        self._threads = anyio.CapacityLimiter(_AT_ONCE)

    @property
    def routes(self) -> Sequence[Route]:
        """``/health`` is always 200: to start the server again mends no account."""
        return (
            Route("/health", self._health),
            Route("/ready", self._ready),
            Route("/ready/{account}", self._ready_account),
            Route("/metrics", self._metrics),
        )

    async def _health(self, request: Request) -> Response:
        said, _ = await self._said(request, self._accounts.at_mcp)
        return JSONResponse(said)

    async def _ready(self, request: Request) -> Response:
        """Of one node among several, whether it is to be asked: any of them answers for every account, so that what
        happens to one account is no reason to ask another node."""
        if (node := self._accounts.node()) is not None:
            said = {"status": "ok" if node.ready else "impaired"}
            return JSONResponse(said, status_code=200 if node.ready else 503)
        said, ready = await self._said(request, self._accounts.at_mcp)
        return JSONResponse(said, status_code=200 if ready else 503)

    async def _ready_account(self, request: Request) -> ASGIApp:
        grant = self._watchers.grant(request)
        if grant is None:
            return self._watchers.refusal
        try:
            name = account_name(request.path_params["account"])
        except ValueError:
            return _no(404, "no account can have this name")
        if not _sees(grant, name):  # whether there is such an account is not told
            return _no(403, "this token may not use this account")
        if name not in await anyio.to_thread.run_sync(self._accounts.names):
            return _no(404, "there is no such account")
        said, ready = await self._said(request, name)
        return JSONResponse(said, status_code=200 if ready else 503)

    async def _said(self, request: Request, account: str) -> tuple[dict[str, str], bool]:
        found = await self._standing(account)
        said = {"status": "ok" if found.ready else "impaired"}
        if _sees(self._watchers.grant(request), account):
            said |= {"account": account, "state": found.state, "detail": found.detail}
        return said, found.ready

    async def _standing(self, account: str) -> AccountStanding:
        known = self._known.get(account)
        if known is None or time.monotonic() - known[0] > _KEPT:
            found = _NO_ANSWER
            with anyio.move_on_after(_PATIENCE):
                look = partial(self._accounts.standing, account)
                found = await anyio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=self._threads)
            self._known[account] = known = (time.monotonic(), found)
        return known[1]

    async def _metrics(self, request: Request) -> ASGIApp:
        grant = self._watchers.grant(request)
        if grant is None:
            return self._watchers.refusal
        if grant.chats is not None:
            return _no(403, "this token is for some chats only, and figures are of all")
        names = [name for name in await anyio.to_thread.run_sync(self._accounts.names) if _sees(grant, name)]
        samples = [
            *server_samples(self._http_sessions(), self._accounts.node()),
            *self._accounts.counts.by_account(names),
        ]
        if grant.accounts is None:
            samples += self._accounts.counts.durations()
        for name in names:
            samples += await self._of_account(name)
        return Response(exposition(samples), media_type=CONTENT_TYPE)

    async def _of_account(self, name: str) -> list[tuple[str, Sample]]:
        async with self._looking:  # one at a time, however many ask
            known = self._figures.get(name)
            if known is None or time.monotonic() - known[0] > _KEPT:
                self._figures[name] = known = (time.monotonic(), await self._accounts.figures(name))
        standing = await self._standing(name)
        return [*account_samples(name, standing.state, known[1], ready=standing.ready)]


def _sees(grant: Grant | None, account: str) -> bool:
    return grant is not None and (grant.accounts is None or account in grant.accounts)


def _no(status: int, why: str) -> JSONResponse:
    return JSONResponse({"status": "impaired", "detail": why}, status_code=status)
