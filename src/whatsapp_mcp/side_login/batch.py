"""What happens during one pause of the session: log in, do all that is waiting, log in again if the line breaks."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from whatsapp_mcp.errors import LoginRefused, NotConnected, SessionTimeout, SideReplaced, WhatsAppMcpError
from whatsapp_mcp.models.changes import AppStateChange
from whatsapp_mcp.session_db.device import SessionDatabase
from whatsapp_mcp.side_login import blobs
from whatsapp_mcp.side_login.actions import Action
from whatsapp_mcp.side_login.app_state import Upload, plan_uploads, push
from whatsapp_mcp.side_login.changes import changes_of
from whatsapp_mcp.side_login.collections import Collections
from whatsapp_mcp.side_login.login import ANSWER_SECONDS, ConnectionLost, SideLogin
from whatsapp_mcp.side_login.payload import login_payload
from whatsapp_mcp.side_login.queries import Query
from whatsapp_mcp.side_login.service import Service
from whatsapp_mcp.wire.protos import server_sync

__all__ = ["Job", "Visit"]

logger = logging.getLogger(__name__)

_MAX_LOGINS: Final = 4
_BACK_OFF: Final = 0.3
"""Seconds more before each further login; the first repetition comes at once."""


@dataclass(slots=True, eq=False)
class Job:
    """One caller's request and what became of it."""

    work: tuple[Action, ...] | Query[Any]
    future: asyncio.Future[Any]
    open_uploads: int = 0
    """Number of patches that its actions are part of and that are not through yet."""
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


class Visit:
    """Does the jobs of one pause. ``run`` never raises for what WhatsApp does: every job ends with a result or error.

    Args:
        database: neonize's session database; neonize must not be connected.
        service: where WhatsApp is.
        version: the WhatsApp web version to announce.
        take: gives the jobs that came in since it was asked last.
        total_seconds: for everything together.
    """

    def __init__(
        self,
        database: SessionDatabase,
        service: Service,
        version: tuple[int, int, int],
        take: Callable[[], Sequence[Job]],
        *,
        total_seconds: float,
        answer_seconds: float = ANSWER_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._service = service
        self._version = version
        self._take = take
        self._total_seconds = total_seconds
        self._answer_seconds = answer_seconds
        self._clock = clock
        self._collections: Collections | None = None
        self._uploads: list[tuple[Upload, list[Job]]] = []
        self.jobs: list[Job] = []

    async def run(self) -> None:
        try:
            async with asyncio.timeout(self._total_seconds):
                await self._work()
        except TimeoutError:
            self._give_up(f"WhatsApp did not answer within {self._total_seconds:g} seconds")
        except WhatsAppMcpError as error:
            self._fail_open(error)
        except Exception:
            logger.exception("the short login failed unexpectedly")
            self._fail_open(WhatsAppMcpError("the short login failed unexpectedly"))

    @property
    def changes(self) -> list[AppStateChange]:
        """What was read on the way: our changes, and what other devices changed in the same collections."""
        return changes_of(self._collections.learned) if self._collections is not None else []

    async def _work(self) -> None:
        device = await asyncio.to_thread(self._database.device)
        payload = login_payload(device.jid, self._version)
        self._collections = Collections(self._database, device, self._download)
        logins = 0
        while self._has_open():
            logins += 1
            try:
                async with SideLogin(
                    device, self._service, payload, clock=self._clock, answer_seconds=self._answer_seconds
                ) as login:
                    while self._has_open():
                        await self._serve(login, self._collections)
            except ConnectionLost as lost:
                logger.warning("short login %d: %s", logins, lost)
                self._give_up_unrepeatable(lost)
                if logins >= _MAX_LOGINS:
                    self._give_up(str(lost))
                    return
                await asyncio.sleep(_BACK_OFF * (logins - 1))

    def _has_open(self) -> bool:
        """Take in what has come, and say whether there is anything to do."""
        fresh = list(self._take())
        self.jobs += fresh
        wanted = [(action, job) for job in fresh if isinstance(job.work, tuple) for action in job.work]
        for upload in plan_uploads((action for action, _ in wanted), int(self._clock() * 1000)):
            jobs = list(dict.fromkeys(wanted[position][1] for position in upload.positions))
            for job in jobs:
                job.open_uploads += 1
            self._uploads.append((upload, jobs))
        return any(not job.done for job in self.jobs)

    async def _serve(self, login: SideLogin, collections: Collections) -> None:
        for upload, jobs in list(self._uploads):
            if any(not job.done for job in jobs):
                await self._push(login, collections, upload, jobs)
            self._uploads.remove((upload, jobs))
        for job in self.jobs:
            if isinstance(job.work, Query) and not job.done:
                await self._ask(login, job, job.work)

    async def _push(self, login: SideLogin, collections: Collections, upload: Upload, jobs: list[Job]) -> None:
        try:
            await push(login, collections, upload, self._clock)
        except (SideReplaced, LoginRefused):
            raise
        except WhatsAppMcpError as error:
            for job in jobs:
                job.fail(error)
            return
        for job in jobs:
            job.open_uploads -= 1
            if not job.open_uploads and not job.done:
                job.finish()

    @staticmethod
    async def _ask(login: SideLogin, job: Job, query: Query[Any]) -> None:
        job.asked = True
        try:
            job.finish(await query.ask(login))
        except (SideReplaced, LoginRefused):
            raise
        except WhatsAppMcpError as error:
            job.fail(error)

    async def _download(self, login: SideLogin, reference: server_sync.ExternalBlobReference) -> bytes:
        return await blobs.download(login, self._service, reference)

    def _give_up_unrepeatable(self, lost: ConnectionLost) -> None:
        for job in self.jobs:
            if isinstance(job.work, Query) and job.asked and not job.work.repeatable:
                job.fail(_unknown_outcome(str(lost)))

    def _give_up(self, reason: str) -> None:
        """End what is open: with an unknown outcome where something was sent, else as not done."""
        self.jobs += self._take()
        offered = {id(job) for upload, jobs in self._uploads if upload.sent for job in jobs}
        for job in self.jobs:
            if job.asked or id(job) in offered:
                job.fail(_unknown_outcome(reason))
            else:
                job.fail(NotConnected(f"the short login did not succeed: {reason}"))

    def _fail_open(self, error: WhatsAppMcpError) -> None:
        self.jobs += self._take()
        for job in self.jobs:
            job.fail(error)


def _unknown_outcome(reason: str) -> SessionTimeout:
    return SessionTimeout(
        f"{reason}; whether the request took effect is unknown",
        next_step="Look on the phone or with the matching read tool whether it took effect, then call again if not.",
    )
