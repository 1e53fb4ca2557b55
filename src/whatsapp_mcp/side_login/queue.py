"""The courier: takes requests from callers, has the session paused, sends everything that waits in one short login.

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
from typing import Any, Final, Generic, TypeVar

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import AppStateKeysMissing, InvalidArgument, RateLimited, SessionError, WhatsAppMcpError
from whatsapp_mcp.models.changes import AppStateChange
from whatsapp_mcp.session_db.device import SessionDatabase
from whatsapp_mcp.side_login.actions import Action
from whatsapp_mcp.side_login.batch import Job, Visit
from whatsapp_mcp.side_login.login import ANSWER_SECONDS
from whatsapp_mcp.side_login.payload import announced_version
from whatsapp_mcp.side_login.queries import Query
from whatsapp_mcp.side_login.service import Service

__all__ = ["Courier", "CourierConfig", "Delivery"]

logger = logging.getLogger(__name__)

R = TypeVar("R")

_DAY: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class CourierConfig:
    """What a courier needs to know."""

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


@dataclass(frozen=True, slots=True)
class Delivery(Generic[R]):
    """A request that was carried out."""

    result: R
    changes: tuple[AppStateChange, ...]
    """All that was learned in the same pause: this change, and what the phone or others changed since the last time."""
    paused_seconds: float
    """How long the session was without connection."""


class Courier:
    """One per account.

    Args:
        config: where and how often.
        pause: the session manager's: inside, no session process runs; it is started again on leaving, whatever happens.
        on_changes: is given what was learned, after the pause and before the callers get their results.
        monotonic, clock: for tests.
    """

    def __init__(
        self,
        config: CourierConfig,
        pause: Callable[[], AbstractAsyncContextManager[None]],
        *,
        on_changes: Callable[[Sequence[AppStateChange]], Awaitable[None]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._pause = pause
        self._on_changes = on_changes
        self._monotonic = monotonic
        self._clock = clock
        self._database = SessionDatabase(config.session_db)
        self._waiting: list[Job] = []
        self._task: asyncio.Task[None] | None = None
        self._pauses: deque[float] = deque()
        self._last_end: float | None = None
        self._closed = False

    async def change(self, *actions: Action) -> Delivery[None]:
        """Change the account's app state, as on any of its devices; the phone follows.

        Raises:
            AppStateKeysMissing: nothing can be encrypted yet; the session was not paused.
            NotLoggedIn, RateLimited, SessionError, WhatsAppRefused: see ``errors``.
        """
        if not actions:
            raise InvalidArgument("nothing to change")
        await self._check_keys()
        return await self._deliver(actions)

    async def ask(self, query: Query[R]) -> Delivery[R]:
        """Send a request of its own kind. Raises SessionError, WhatsAppRefused, and what the query's class says."""
        return await self._deliver(query)

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

    async def _deliver(self, work: tuple[Action, ...] | Query[Any]) -> Delivery[Any]:
        if self._closed:
            raise SessionError("the server is stopping")
        future: asyncio.Future[Delivery[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append(Job(work, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="courier")
        return await future

    async def _run(self) -> None:
        while self._waiting:
            await self._keep_distance()
            self._waiting = [job for job in self._waiting if not job.future.done()]  # callers may have given up
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
        visit: Visit | None = None
        started = self._monotonic()
        try:
            service, version = await asyncio.to_thread(self._prepare)
            started = self._monotonic()
            async with self._pause():
                self._pauses.append(started)
                visit = Visit(
                    self._database,
                    service,
                    version,
                    self._take,
                    total_seconds=self._config.total_seconds,
                    answer_seconds=self._config.answer_seconds,
                    clock=self._clock,
                )
                await visit.run()
        except WhatsAppMcpError as error:
            # Nothing to pause, or no way to WhatsApp: those who wait now are told, and not asked to wait again.
            self._reject(self._take() if visit is None else (), error)
        except asyncio.CancelledError:
            self._reject(visit.jobs if visit is not None else (), SessionError("the server is stopping"))
            raise
        except Exception:
            logger.exception("a pause of the session failed")
            self._reject(self._take(), SessionError("the session could not be paused"))
        finally:
            self._last_end = self._monotonic()
        if visit is not None:
            await self._hand_over(visit, self._last_end - started)

    async def _hand_over(self, visit: Visit, paused_seconds: float) -> None:
        changes = visit.changes
        if changes and self._on_changes is not None:
            try:
                await self._on_changes(changes)
            except Exception:
                # WhatsApp has the change; that our store has not is no reason to tell the caller that it failed.
                logger.exception("changes of the app state could not be stored")
        for job in visit.jobs:
            if job.future.done():
                continue
            if job.error is not None or not job.done:
                job.future.set_exception(job.error or SessionError("the request was not carried out"))
            else:
                job.future.set_result(Delivery(job.result, tuple(changes), paused_seconds))

    def _prepare(self) -> tuple[Service, tuple[int, int, int]]:
        """What needs no pause: where to go, and what version to announce. Both may change while the server runs."""
        endpoint = Endpoint.read(self._config.endpoint) if self._config.endpoint is not None else None
        service = Service.choose(endpoint, os.environ, require_endpoint=self._config.require_endpoint)
        return service, announced_version()

    def _take(self) -> list[Job]:
        """The jobs that wait, without those whose callers have given up."""
        taken = [job for job in self._waiting if not job.future.done()]
        self._waiting = []
        return taken

    @staticmethod
    def _reject(jobs: Sequence[Job], error: WhatsAppMcpError) -> None:
        for job in jobs:
            if not job.future.done():
                job.future.set_exception(error)
