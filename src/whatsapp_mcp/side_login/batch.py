"""All requests of one pause of the session: log in, carry out what waits, log in again if the line breaks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from whatsapp_mcp.errors import LoginRefused, NotConnected, SessionTimeout, SideReplaced, WhatsAppMcpError
from whatsapp_mcp.models.app_state import AppStateChange
from whatsapp_mcp.session_db.device import LinkedDevice, SessionDatabase
from whatsapp_mcp.side_login.app_state import PendingPatch, plan_patches, push
from whatsapp_mcp.side_login.changes import changes_of
from whatsapp_mcp.side_login.collections import Collections, ReadVersions
from whatsapp_mcp.side_login.login import ANSWER_SECONDS, ConnectionLost, PassiveLogin
from whatsapp_mcp.side_login.payload import login_payload
from whatsapp_mcp.side_login.queries import SideLoginQuery
from whatsapp_mcp.side_login.request import ReadSince, Request
from whatsapp_mcp.side_login.service import Service
from whatsapp_mcp.wire.shape_record import ShapeRecord

logger = logging.getLogger(__name__)

_MAX_LOGINS: Final = 4
_BACK_OFF: Final = 0.3
"""Seconds more before each further login; the first repetition comes at once."""


class Batch:
    """Carries out the requests of one pause. ``run`` never raises for what WhatsApp does: each request has its end.

    Args:
        database: neonize's session database; neonize must not be connected.
        service: where WhatsApp is.
        version: the WhatsApp web version to announce.
        take: gives the requests that came in since it was asked last.
        total_seconds: for everything together.
        record: of the stanzas' shapes.
    """

    def __init__(
        self,
        database: SessionDatabase,
        service: Service,
        version: tuple[int, int, int],
        take: Callable[[], Sequence[Request]],
        *,
        total_seconds: float,
        answer_seconds: float = ANSWER_SECONDS,
        record: ShapeRecord | None = None,
    ) -> None:
        self._database = database
        self._service = service
        self._version = version
        self._take = take
        self._total_seconds = total_seconds
        self._answer_seconds = answer_seconds
        self._record = record
        self._collections: Collections | None = None
        self._patches: list[PendingPatch] = []
        self.requests: list[Request] = []

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

    @property
    def read(self) -> ReadVersions | None:
        """Of which collections ``changes`` has all; None while there was no login."""
        return self._collections.read if self._collections is not None else None

    async def _work(self) -> None:
        device = await asyncio.to_thread(self._database.device)
        payload = login_payload(device.jid, self._version)
        self._collections = Collections(self._database, device)
        logins = 0
        while self._has_open():
            logins += 1
            try:
                async with PassiveLogin(
                    device, self._service, payload, answer_seconds=self._answer_seconds, record=self._record
                ) as login:
                    while self._has_open():
                        await self._serve(login, self._collections)
            except ConnectionLost as lost:
                logger.warning("short login %d: %s (%s)", logins, lost, lost.said)
                self._give_up_unrepeatable(lost)
                if logins >= _MAX_LOGINS:
                    self._give_up(str(lost), lost.said)
                    return
                await asyncio.sleep(_BACK_OFF * (logins - 1))

    def _has_open(self) -> bool:
        """Take in what has come, and say whether there is anything to do."""
        fresh = list(self._take())
        self.requests += fresh
        self._patches += plan_patches(fresh)
        return any(not request.done for request in self.requests)

    def _login(self, device: LinkedDevice, payload: bytes) -> PassiveLogin:
        return PassiveLogin(device, self._service, payload, answer_seconds=self._answer_seconds, record=self._record)

    async def _serve(self, login: PassiveLogin, collections: Collections) -> None:
        for patch in list(self._patches):
            if any(not request.done for request in patch.requests):
                await self._push(login, collections, patch)
            self._patches.remove(patch)
        for request in self.requests:
            if isinstance(request.work, SideLoginQuery) and not request.done:
                await self._ask(login, request, request.work)
            elif isinstance(request.work, ReadSince) and not request.done:
                await self._read(login, collections, request, request.work)

    @staticmethod
    async def _read(login: PassiveLogin, collections: Collections, request: Request, reading: ReadSince) -> None:
        try:
            for name, since in reading.since.items():
                await collections.read_from(login, name, since)
        except (SideReplaced, LoginRefused):
            raise
        except WhatsAppMcpError as error:
            request.fail(error)
        else:
            request.finish()

    async def _push(self, login: PassiveLogin, collections: Collections, patch: PendingPatch) -> None:
        try:
            await push(login, collections, patch)
        except (SideReplaced, LoginRefused):
            raise
        except WhatsAppMcpError as error:
            for request in patch.requests:
                request.fail(error)
            return
        for request in patch.requests:
            request.open_patches -= 1
            if not request.open_patches and not request.done:
                request.finish()

    @staticmethod
    async def _ask(login: PassiveLogin, request: Request, query: SideLoginQuery[Any]) -> None:
        request.asked = True
        try:
            request.finish(await query.ask(login))
        except (SideReplaced, LoginRefused):
            raise
        except WhatsAppMcpError as error:
            request.fail(error)

    def _give_up_unrepeatable(self, lost: ConnectionLost) -> None:
        for request in self.requests:
            if isinstance(request.work, SideLoginQuery) and request.asked and not request.work.repeatable:
                request.fail(_unknown_outcome(str(lost), lost.said))

    def _give_up(self, reason: str, said: str | None = None) -> None:
        """End what is open: with an unknown outcome where something was sent, else as not done.

        Args:
            said: what the other end gave as the reason.
        """
        self.requests += self._take()
        offered = {id(request) for patch in self._patches if patch.sent for request in patch.requests}
        for request in self.requests:
            if request.asked or id(request) in offered:
                request.fail(_unknown_outcome(reason, said))
            else:
                request.fail(NotConnected(f"the short login did not succeed: {reason}", whatsapp_said=said))

    def _fail_open(self, error: WhatsAppMcpError) -> None:
        self.requests += self._take()
        for request in self.requests:
            request.fail(error)


def _unknown_outcome(reason: str, said: str | None) -> SessionTimeout:
    return SessionTimeout(
        f"{reason}; whether the request took effect is unknown",
        next_step="Look on the phone or with the matching read tool whether it took effect, then call again if not.",
        whatsapp_said=said,
    )
