"""The queue of requests: has the session paused, then sends everything that waits in one short login.

Pauses are kept rare: each costs the session some tenths of a second without connection, and nobody knows what WhatsApp
makes of a device that logs in all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import AppStateKeysMissing, InvalidArgument, RateLimited, SessionError, WhatsAppMcpError
from whatsapp_mcp.models.app_state import AppStateChange
from whatsapp_mcp.session_db.device import SessionDatabase
from whatsapp_mcp.side_login.answer import Answer
from whatsapp_mcp.side_login.batch import Batch
from whatsapp_mcp.side_login.encoding import mutations
from whatsapp_mcp.side_login.login import ANSWER_SECONDS
from whatsapp_mcp.side_login.payload import announced_version
from whatsapp_mcp.side_login.queries import SideLoginQuery
from whatsapp_mcp.side_login.request import Request
from whatsapp_mcp.side_login.service import Service

logger = logging.getLogger(__name__)

R = TypeVar("R")

_DAY: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class SideLoginConfig:
    """Which device logs in, where, and how often."""

    session_db: Path
    endpoint: Path | None = None
    """Endpoint file of a simulator; None: the real WhatsApp."""
    require_endpoint: bool = False
    min_seconds_between: float = 5.0
    """From the end of one pause to the begin of the next."""
    max_pauses_per_day: int = 200
    """In any 24 hours of this process; 0: no limit."""
    total_seconds: float = 20.0
    """For all requests of one pause together."""
    answer_seconds: float = ANSWER_SECONDS
    """For one request."""


class SideLoginQueue:
    """One per account.

    Args:
        config: where and how often.
        pause: the session manager's: inside, no session process runs; it is started again on leaving, whatever happens.
        on_changes: is given what was learned, after the pause and before the callers get their results.
        monotonic: for tests.
    """

    def __init__(
        self,
        config: SideLoginConfig,
        pause: Callable[[], AbstractAsyncContextManager[None]],
        *,
        on_changes: Callable[[Sequence[AppStateChange]], Awaitable[None]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._pause = pause
        self._on_changes = on_changes
        self._monotonic = monotonic
        self._database = SessionDatabase(config.session_db)
        self._waiting: list[Request] = []
        self._task: asyncio.Task[None] | None = None
        self._pauses: deque[float] = deque()
        self._last_end: float | None = None
        self._closed = False

    async def change(self, *changes: AppStateChange) -> float:
        """Change the account's app state, as on any of its devices; the phone follows. Returns the pause in seconds.

        Raises:
            InvalidArgument: one of them says nothing that can be written.
            AppStateKeysMissing: nothing can be encrypted yet; the session was not paused.
            NotLoggedIn, RateLimited, SessionError, WhatsAppRefused: see ``errors``.
        """
        if not changes or not all(mutations(change, 0) for change in changes):
            raise InvalidArgument("nothing to change")
        await self._check_keys()
        return await self._carry_out(Request(changes))

    async def ask(self, query: SideLoginQuery[R]) -> Answer[R]:
        """Send a request of its own kind. Raises SessionError, WhatsAppRefused, and what the query's class says."""
        request = Request(query)
        paused_seconds = await self._carry_out(request)
        return Answer(request.result, paused_seconds)

    async def close(self) -> None:
        """End at once; who waits gets a SessionError."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._reject(self._take(), SessionError("the server is stopping"))

    async def _check_keys(self) -> None:
        device = await asyncio.to_thread(self._database.device)
        if (await asyncio.to_thread(self._database.keys, device)).newest is None:
            raise AppStateKeysMissing("the phone has not sent the app-state keys yet")

    async def _carry_out(self, request: Request) -> float:
        if self._closed:
            raise SessionError("the server is stopping")
        self._waiting.append(request)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="side login")
        return await request.future

    async def _run(self) -> None:
        while self._waiting:
            await self._keep_distance()
            self._waiting = [
                request for request in self._waiting if not request.future.done()
            ]  # callers may have given up
            if not self._waiting:
                return
            if (too_many := self._over_limit()) is not None:
                self._reject(self._take(), too_many)
                return
            await self._go()

    async def _keep_distance(self) -> None:
        """Wait until the next pause is due; what is asked for meanwhile comes along."""
        if self._last_end is not None:
            await asyncio.sleep(max(0.0, self._last_end + self._config.min_seconds_between - self._monotonic()))

    def _over_limit(self) -> RateLimited | None:
        now, limit = self._monotonic(), self._config.max_pauses_per_day
        while self._pauses and self._pauses[0] <= now - _DAY:
            self._pauses.popleft()
        if not limit or len(self._pauses) < limit:
            return None
        return RateLimited(
            f"the session was paused {limit} times in 24 hours for requests of this kind, which is the limit here",
            details={"retry_after_seconds": int(self._pauses[0] + _DAY - now) + 1},
        )

    async def _go(self) -> None:
        """One pause and everything that is asked for until it ends."""
        batch: Batch | None = None
        started = self._monotonic()
        try:
            service, version = await asyncio.to_thread(self._prepare)
            started = self._monotonic()
            async with self._pause():
                self._pauses.append(started)
                batch = Batch(
                    self._database,
                    service,
                    version,
                    self._take,
                    total_seconds=self._config.total_seconds,
                    answer_seconds=self._config.answer_seconds,
                )
                await batch.run()
        except WhatsAppMcpError as error:
            # Nothing to pause, or no way to WhatsApp: those who wait now are told, and not asked to wait again.
            self._reject(self._take() if batch is None else (), error)
        except asyncio.CancelledError:
            self._reject(batch.requests if batch is not None else (), SessionError("the server is stopping"))
            raise
        except Exception:
            logger.exception("a pause of the session failed")
            self._reject(self._take(), SessionError("the session could not be paused"))
        finally:
            self._last_end = self._monotonic()
        if batch is not None:
            await self._hand_over(batch, self._last_end - started)

    async def _hand_over(self, batch: Batch, paused_seconds: float) -> None:
        changes = batch.changes
        if changes and self._on_changes is not None:
            try:
                await self._on_changes(changes)
            except Exception:
                # WhatsApp has the change; that our store has not is no reason to tell the caller that it failed.
                logger.exception("changes of the app state could not be stored")
        for request in batch.requests:
            if request.future.done():
                continue
            if request.error is not None or not request.done:
                request.future.set_exception(request.error or SessionError("the request was not carried out"))
            else:
                request.future.set_result(paused_seconds)

    def _prepare(self) -> tuple[Service, tuple[int, int, int]]:
        """What needs no pause: where to go, and what version to announce. Both may change while the server runs."""
        endpoint = Endpoint.read(self._config.endpoint) if self._config.endpoint is not None else None
        service = Service.choose(endpoint, os.environ, require_endpoint=self._config.require_endpoint)
        return service, announced_version()

    def _take(self) -> list[Request]:
        """The requests that wait, without those whose callers have given up."""
        taken = [request for request in self._waiting if not request.future.done()]
        self._waiting = []
        return taken

    @staticmethod
    def _reject(requests: Sequence[Request], error: WhatsAppMcpError) -> None:
        for request in requests:
            if not request.future.done():
                request.future.set_exception(error)
