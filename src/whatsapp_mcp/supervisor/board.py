"""Where the session stands: everybody may look, and wait until it changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from whatsapp_mcp.errors import (
    WHATSAPP_SAID,
    AccountBanned,
    ClientOutdated,
    NotConnected,
    NotLoggedIn,
    SessionError,
    SessionReplaced,
    WhatsAppMcpError,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import SessionSnapshot, SessionState
from whatsapp_mcp.pipe.lines import Notice, QrShown, StateChanged, Stored, TypingSeen, Welcome
from whatsapp_mcp.untrusted_text import said

logger = logging.getLogger(__name__)

TYPING_KEPT: Final = 200
"""So many changes of who types are remembered for those who wait."""


class StateBoard:
    """The state of the session, and the newest message that the session process announced."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._changed = asyncio.Event()
        self.snapshot = SessionSnapshot(state=SessionState.STARTING, since=now())
        self.newest_arrival = 0
        self._typing: deque[tuple[int, TypingSeen]] = deque(maxlen=TYPING_KEPT)
        self._typed = 0

    def typing_after(self, mark: int | None) -> tuple[int, tuple[TypingSeen, ...]]:
        """Who began or ended typing after a mark, and the mark of now; None: nothing but that mark."""
        return self._typed, tuple(seen for number, seen in self._typing if mark is not None and number > mark)

    @property
    def state(self) -> SessionState:
        return self.snapshot.state

    @property
    def code_is_shown(self) -> bool:
        """Whether there is a QR code that is valid now."""
        expires = self.snapshot.qr_expires_at
        return self.state is SessionState.PAIRING and expires is not None and expires > self._now()

    # -- changes ------------------------------------------------------------------------------------------------------

    def note(self, notice: Notice) -> None:
        """Take in what the session process tells."""
        match notice:
            case Stored():
                self.newest_arrival = max(self.newest_arrival, notice.newest_arrival)
                self.announce()
            case TypingSeen():
                self._typed += 1
                self._typing.append((self._typed, notice))
                self.announce()
            case QrShown():
                expires = self._now() + timedelta(seconds=notice.seconds)
                self.update(SessionState.PAIRING, qr_text=notice.text, qr_expires_at=expires)
            case StateChanged():
                known = self.snapshot
                still_trying = notice.state is SessionState.CONNECTING and not notice.detail
                self.update(
                    notice.state,
                    known.detail if still_trying else notice.detail,
                    whatsapp_said=known.whatsapp_said if still_trying else None,
                    own_jid=notice.own_jid or known.own_jid,
                    own_lid=notice.own_lid or known.own_lid,
                    push_name=notice.push_name or known.push_name,
                    platform=notice.platform or known.platform,
                )

    def update(
        self, state: SessionState, detail: str = "", *, whatsapp_said: str | None = None, **fields: object
    ) -> None:
        """``fields``: other fields of the snapshot that change."""
        since = self._since(state, detail)
        if state is not SessionState.PAIRING:
            fields |= {"qr_text": None, "qr_expires_at": None}
        fields |= {"state": state, "detail": detail, "whatsapp_said": whatsapp_said, "since": since}
        self.snapshot = self.snapshot.model_copy(update=fields)
        self.announce()

    def _since(self, state: SessionState, detail: str) -> datetime:
        """When the session came into this state; a new one is logged."""
        if state is self.state:
            return self.snapshot.since
        logger.info("the session is %s%s", state.value, f": {detail}" if detail else "")
        return self._now()

    def attached(self, welcome: Welcome) -> None:
        """A session process is there; its notices say how it stands."""
        self.snapshot = self.snapshot.model_copy(update={"restarts": welcome.restarts})

    def linked_as(self, jid: str | None) -> None:
        """Whose session it is, as neonize's database has it: known before there is a connection."""
        if jid is not None and self.snapshot.own_jid is None:
            with contextlib.suppress(ValueError, WhatsAppMcpError):
                self.snapshot = self.snapshot.model_copy(update={"own_jid": Jid.parse(jid)})
                self.announce()

    def no_account(self, state: SessionState, detail: str = "", *, whatsapp_said: str | None = None) -> None:
        """Forget whose session it was."""
        since = self._since(state, detail)
        restarts = self.snapshot.restarts
        self.newest_arrival = 0
        self.snapshot = SessionSnapshot(
            state=state, detail=detail, whatsapp_said=whatsapp_said, since=since, restarts=restarts
        )
        self.announce()

    def announce(self) -> None:
        """Wake everybody who waits for a change; the next wait gets a fresh event."""
        self._changed.set()
        self._changed = asyncio.Event()

    # -- waiting ------------------------------------------------------------------------------------------------------

    async def wait_change(self, timeout: float) -> bool:
        """Wait until the state changes or something is stored; False when ``timeout`` seconds passed first."""
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await changed.wait()
        return changed.is_set()

    async def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until ``condition`` holds, looking at every change; False when ``timeout`` seconds passed first."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not condition():
            rest = deadline - loop.time()
            if rest <= 0:
                return False
            await self.wait_change(rest)
        return True

    # -- errors -------------------------------------------------------------------------------------------------------

    def problem(self) -> SessionError:
        """Why there is no connection now, as the error that a call would get."""
        error = self._problem()
        if self.snapshot.whatsapp_said:
            error.details[WHATSAPP_SAID] = said(self.snapshot.whatsapp_said)
        return error

    def _problem(self) -> SessionError:
        because = f": {self.snapshot.detail}" if self.snapshot.detail else ""
        match self.state:
            case SessionState.UNPAIRED:
                return NotLoggedIn(f"no WhatsApp account is linked{because}")
            case SessionState.PAIRING:
                return NotLoggedIn("pairing is under way: the QR code has not been scanned yet")
            case SessionState.LOGGED_OUT:
                return NotLoggedIn(f"the account was logged out{because}")
            case SessionState.REPLACED:
                return SessionReplaced(f"the session was replaced{because}")
            case SessionState.OUTDATED:
                return ClientOutdated(f"WhatsApp refuses this client{because}")
            case SessionState.BANNED:
                return AccountBanned(f"the account is banned{because}")
            case _:
                return NotConnected(f"not connected to WhatsApp (state: {self.state.value}){because}")
