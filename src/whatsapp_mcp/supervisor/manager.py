"""The session manager: supervises the session process and is all that the rest of the server sees of WhatsApp.

One task decides what happens next; everybody else asks (`login`, `call`, `restart` …) and waits with a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import anyio

from whatsapp_mcp.errors import (
    AccountBanned,
    AlreadyLoggedIn,
    ClientOutdated,
    DataDirectoryInUse,
    NotConnected,
    NotLoggedIn,
    SessionCrashed,
    SessionError,
    SessionReplaced,
    WhatsAppMcpError,
)
from whatsapp_mcp.models.session import HandedOver, SessionSnapshot, SessionState
from whatsapp_mcp.pipe import lines as p
from whatsapp_mcp.pipe.account import Logout, PairPhone
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.session_db.database import handed_over, linked_device, remove_session
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.files import remove_store
from whatsapp_mcp.supervisor.link import SESSION_COMMAND, Link
from whatsapp_mcp.supervisor.lock import AccountLock

__all__ = ["SessionManager"]

logger = logging.getLogger(__name__)

R = TypeVar("R")

BACK_OFF: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before the n-th restart in a row."""
STABLE_AFTER: Final = 60.0
"""A session that was connected this long starts the count again."""
LOCK_RETRY: Final = 1.0
CALLS_DRAIN: Final = 5.0
"""Seconds that calls under way have before the process they run in is ended."""
QR_WAIT: Final = 25.0
"""Seconds appLogin waits for the first code: process start, TLS, Noise (whatsmeow gives the handshake 20 s)."""
RESTART_WAIT: Final = 25.0

_SETTLED: Final[dict[p.EndReason, SessionState]] = {
    "logged_out": SessionState.LOGGED_OUT,
    "replaced": SessionState.REPLACED,
    "outdated": SessionState.OUTDATED,
    "banned": SessionState.BANNED,
    "qr_timeout": SessionState.UNPAIRED,
    "pairing_failed": SessionState.UNPAIRED,
    "setup_error": SessionState.STOPPED,
}
"""Ends after which nothing is started until somebody asks."""

_WORTH_WAITING: Final = frozenset(
    {SessionState.STARTING, SessionState.PAIRING, SessionState.CONNECTING, SessionState.RECONNECTING}
)
"""States that may become `connected` without anybody's doing; in `pairing`, the code may just have been scanned."""


class SessionManager:
    """Owns the session process of one account.

    Use as ``async with manager.running():``; entering never waits for WhatsApp.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        prepare: Callable[[], Awaitable[None]] | None = None,
        command: Sequence[str] = SESSION_COMMAND,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``prepare`` is awaited once, in the background, before the first session process starts.

        ``command`` starts one session process.
        """
        self._settings = settings
        self._command = command
        self._prepare = prepare
        self._now = now
        self._lock = AccountLock(settings.lock_path)
        self._link: Link | None = None
        self._snapshot = SessionSnapshot(state=SessionState.STARTING, since=now())
        self._locked_out = False
        self._broken = ""
        """Why nothing is supervised any more."""
        self._pairing_wanted = False
        self._start_wanted = False
        self._restarting = False
        self._failures = 0
        self._connected_at: float | None = None
        self._newest_arrival = 0
        self._changed = asyncio.Event()
        self._wake = asyncio.Event()
        self._lifecycle = asyncio.Lock()

    # -- what others see ----------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> SessionSnapshot:
        return self._snapshot

    @property
    def newest_arrival(self) -> int:
        """Arrival number of the newest stored message that the session process announced."""
        return self._newest_arrival

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SessionManager]:
        """Supervise in the background; on leaving, the session process drains and ends."""
        task = asyncio.create_task(self._run(), name="session-manager")
        try:
            yield self
        finally:
            task.cancel()
            # Not `await task`: a second cancellation of ours would go on to the task and interrupt the orderly end.
            with anyio.CancelScope(shield=True):
                await asyncio.wait({task})

    async def wait_change(self, timeout: float) -> bool:
        """Wait until the state changes or something is stored; False when ``timeout`` seconds passed first."""
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await changed.wait()
        return changed.is_set()

    async def ready(self) -> None:
        """Return when connected; wait a bounded time while that is likely.

        Raises:
            SessionError: with the state and the next step.
        """
        await self._wait_for(
            lambda: self._snapshot.state not in _WORTH_WAITING and not self._undecided, self._settings.connect_wait
        )
        if self._snapshot.state is not SessionState.CONNECTED:
            raise self.problem()

    async def call(self, command: Command[R], *, timeout: float | None = None) -> R:
        """Run a command that needs the connection. Raises WhatsAppMcpError."""
        await self.ready()
        link = self._link
        if link is None:
            raise NotConnected("the WhatsApp session is starting again")
        try:
            return await link.call(command, timeout or self._settings.call_timeout)
        except SessionCrashed:
            await self._wait_for(lambda: self._link is not link and not self._undecided, timeout=2)
            if self._snapshot.state not in _WORTH_WAITING and self._snapshot.state is not SessionState.CONNECTED:
                raise self.problem() from None  # it ended for a reason that is known
            raise

    async def handed_over(self, message: bytes) -> HandedOver | None:
        """Under which id a message of ours (serialized waE2E.Message) left; None if it did not get that far."""
        return await asyncio.to_thread(handed_over, self._settings.session_db, message)

    # -- requests that change the session -----------------------------------------------------------------------------

    async def login(self) -> SessionSnapshot:
        """Start pairing by QR, or continue it; returns with the code that is valid now.

        Raises:
            AlreadyLoggedIn: an account is linked.
            SessionError: no code within the wait; says why.
        """
        self._check_usable()
        async with self._lifecycle:
            if self._snapshot.own_jid is not None or await self._linked():
                raise AlreadyLoggedIn("a WhatsApp account is linked already")
            if self._link is None:
                self._pairing_wanted = True
                self._update(SessionState.PAIRING)
                self._wake.set()
        await self._wait_for(lambda: self._code_is_shown() or self._snapshot.state is not SessionState.PAIRING, QR_WAIT)
        if self._snapshot.state is SessionState.CONNECTED:
            raise AlreadyLoggedIn("the phone has just linked this device")
        if not self._code_is_shown():
            detail = self._snapshot.detail or "WhatsApp sent no code in time"
            raise NotConnected(f"pairing could not start: {detail}", next_step="Call appLogin again in some seconds.")
        return self._snapshot

    async def login_with_code(self, digits: str) -> str:
        """Start pairing by phone number; the code is valid for 160 seconds."""
        await self.login()
        if self._link is None:
            raise SessionCrashed("the session process ended during pairing", next_step="Call appLoginWithCode again.")
        return await self._link.call(PairPhone(digits=digits), self._settings.call_timeout)

    async def logout(self) -> bool:
        """Unlink the device and delete session and messages of the account.

        Returns:
            Whether WhatsApp confirmed it; if not, the phone may still list the device.

        Raises:
            NotLoggedIn: nothing is linked.
        """
        self._check_usable()
        async with self._lifecycle:
            if self._snapshot.own_jid is None and not await self._linked():
                raise NotLoggedIn("no WhatsApp account is linked")
            confirmed = False
            if self._link is not None and self._snapshot.state is SessionState.CONNECTED:
                try:
                    await self._link.call(Logout(), timeout=20)
                    confirmed = True
                except WhatsAppMcpError as error:
                    logger.warning("WhatsApp did not confirm the logout: %s", error.message)
            await self._stop_link()
            await asyncio.to_thread(remove_session, self._settings.session_db)
            await asyncio.to_thread(remove_store, self._settings.store_path)
            self._newest_arrival = 0
            self._snapshot = SessionSnapshot(state=SessionState.UNPAIRED, since=self._now())
            self._announce()
        return confirmed

    async def restart(self) -> None:
        """End the session process in order and start it again; returns when connected.

        Raises:
            SessionError: not connected in time; says why.
        """
        self._check_usable()
        async with self._lifecycle:
            if self._snapshot.own_jid is None and not await self._linked():
                raise NotLoggedIn("no WhatsApp account is linked")
            self._failures = 0
            self._update(SessionState.RECONNECTING, "restarted on request")
            await self._stop_link()
            self._start_wanted = True
            self._wake.set()
        await self._wait_for(lambda: self._snapshot.state not in _WORTH_WAITING, RESTART_WAIT)
        if self._snapshot.state is not SessionState.CONNECTED:
            raise self.problem()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """While inside, no session process runs and the linked device is free for a login of our own.

        The process drains before it ends; it is started again on leaving, whatever happened inside, and leaving returns
        when the session is connected or the wait for that is over. Calls that come meanwhile wait as for a reconnect.

        Raises:
            SessionError: not connected, so there is nothing to pause.
        """
        await self.ready()
        async with self._lifecycle:
            if self._snapshot.state is not SessionState.CONNECTED:  # a logout may have had its turn first
                raise self.problem()
            self._update(SessionState.RECONNECTING, "paused for a request of its own")
            await self._stop_link()
            try:
                yield
            finally:
                self._start_wanted = True
                self._wake.set()
        await self._wait_for(lambda: self._snapshot.state is SessionState.CONNECTED, RESTART_WAIT)

    # -- supervision --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._supervise()
        except WhatsAppMcpError as error:
            self._broken = f"{error.message}. {error.next_step}"
        except Exception as error:
            logger.exception("the session cannot be supervised any more")
            self._broken = str(error) if isinstance(error, OSError) else "unexpected error; the log says more"
        finally:
            await self._end()

    async def _supervise(self) -> None:
        await self._take_lock()
        if self._prepare is not None:
            await self._prepare()
        self._start_wanted = self._start_wanted or await self._linked()
        while True:
            if self._start_wanted or self._pairing_wanted:
                await self._run_process()
                continue
            if self._snapshot.state is SessionState.STARTING:
                self._update(SessionState.UNPAIRED)
            self._wake.clear()
            await self._wake.wait()

    async def _end(self) -> None:
        if self._link is not None:
            await self._link.stop()
            self._link = None
        self._lock.release()
        self._update(SessionState.STOPPED, self._broken)

    async def _take_lock(self) -> None:
        while not self._lock.acquire():
            if not self._locked_out:
                self._locked_out = True
                self._update(SessionState.STOPPED, self._holder_text())
            await asyncio.sleep(LOCK_RETRY)
        if self._locked_out:
            self._locked_out = False
            self._update(SessionState.STARTING)

    async def _run_process(self) -> None:
        """One life of a session process, and what follows from its end."""
        async with self._lifecycle:  # never between the steps of a logout, a restart or a pause
            link = await self._spawn() if self._start_wanted or self._pairing_wanted else None
            self._start_wanted = self._pairing_wanted = False
            self._link = link
        if link is None:
            return
        async for notice in link.notices():
            self._take_notice(notice)
        self._link = None
        await self._after_end(link)

    async def _spawn(self) -> Link | None:
        if self._snapshot.state is not SessionState.PAIRING:
            self._update(SessionState.CONNECTING, self._snapshot.detail)
        descriptor = self._lock.descriptor
        assert descriptor is not None, "the lock is held while a session process runs"
        try:
            return await Link.spawn(self._settings, descriptor, command=self._command)
        except WhatsAppMcpError as error:
            self._update(SessionState.STOPPED, f"{error.message}. {error.next_step}")
            return None

    def _take_notice(self, notice: p.Notice) -> None:
        match notice:
            case p.Stored():
                self._newest_arrival = max(self._newest_arrival, notice.newest_arrival)
                self._announce()
            case p.QrShown():
                expires = self._now() + timedelta(seconds=notice.seconds)
                self._update(SessionState.PAIRING, qr_text=notice.text, qr_expires_at=expires)
            case p.StateChanged():
                self._take_state(notice)
            case p.Ended():
                pass  # the exit follows at once

    def _take_state(self, notice: p.StateChanged) -> None:
        if notice.state is SessionState.CONNECTED:
            self._connected_at = asyncio.get_running_loop().time()
        self._update(
            notice.state,
            notice.detail,
            own_jid=notice.own_jid or self._snapshot.own_jid,
            own_lid=notice.own_lid or self._snapshot.own_lid,
            push_name=notice.push_name or self._snapshot.push_name,
            platform=notice.platform or self._snapshot.platform,
        )

    async def _after_end(self, link: Link) -> None:
        """Decide what the end of a process means: nothing more to do, or start again after a pause."""
        self._announce()
        if self._restarting:
            return
        ended = link.ended
        reason, detail = (ended.reason, ended.detail) if ended else ("crashed", _crash_text(link.exit_code))
        logger.warning("the session process ended: %s %s", reason, detail)
        state = _SETTLED.get(ended.reason) if ended else None
        linked = await self._linked()
        if state is SessionState.LOGGED_OUT or not linked:
            self._snapshot = SessionSnapshot(
                state=state or SessionState.UNPAIRED, detail=detail, since=self._now(), restarts=self._snapshot.restarts
            )
            self._announce()
            return
        if state is not None and state is not SessionState.UNPAIRED:
            self._update(state, detail)
            return
        loop = asyncio.get_running_loop()
        if self._connected_at is not None and loop.time() - self._connected_at > STABLE_AFTER:
            self._failures = 0
        self._connected_at = None
        self._update(SessionState.RECONNECTING, detail, restarts=self._snapshot.restarts + 1)
        delay = BACK_OFF[min(self._failures, len(BACK_OFF) - 1)]
        self._failures += 1
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._wake.wait()
        self._start_wanted = await self._linked()  # it may have been logged out meanwhile

    async def _stop_link(self) -> None:
        """End the running process, if any, without the supervisor starting another."""
        self._restarting = True
        try:
            if self._link is not None:
                await self._link.wait_idle(CALLS_DRAIN)
                await self._link.stop()
            await self._wait_for(lambda: self._link is None, 5)
        finally:
            self._restarting = False
        self._start_wanted = self._pairing_wanted = False

    # -- small things -------------------------------------------------------------------------------------------------

    async def _linked(self) -> bool:
        try:
            return await asyncio.to_thread(linked_device, self._settings.session_db) is not None
        except WhatsAppMcpError as error:
            self._update(SessionState.STOPPED, f"{error.message}. {error.next_step}")
            return False

    @property
    def _undecided(self) -> bool:
        """A process has ended, and what follows from it is not decided: the state is still that of before."""
        return self._link is None and self._snapshot.state is SessionState.CONNECTED

    def _code_is_shown(self) -> bool:
        expires = self._snapshot.qr_expires_at
        return self._snapshot.state is SessionState.PAIRING and expires is not None and expires > self._now()

    def _check_usable(self) -> None:
        if self._locked_out:
            raise DataDirectoryInUse(self._holder_text())
        if self._broken:
            raise self.problem()

    def _holder_text(self) -> str:
        return f"the data directory {self._settings.data_dir} is in use by {self._lock.holder_text()}"

    def problem(self) -> SessionError:
        """Why there is no connection now, as the error that a call would get."""
        state, detail = self._snapshot.state, self._snapshot.detail
        because = f": {detail}" if detail else ""
        if self._locked_out:
            return DataDirectoryInUse(self._holder_text())
        match state:
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
                return AccountBanned(f"the account is banned for a time{because}")
            case _:
                return NotConnected(f"not connected to WhatsApp (state: {state.value}){because}")

    async def _wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until ``condition`` holds, looking at every change; False when ``timeout`` seconds passed first."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not condition():
            rest = deadline - loop.time()
            if rest <= 0:
                return False
            await self.wait_change(rest)
        return True

    def _update(self, state: SessionState, detail: str = "", **fields: object) -> None:
        since = self._snapshot.since if state is self._snapshot.state else self._now()
        if state is not SessionState.PAIRING:
            fields |= {"qr_text": None, "qr_expires_at": None}
        self._snapshot = self._snapshot.model_copy(update={"state": state, "detail": detail, "since": since, **fields})
        self._announce()

    def _announce(self) -> None:
        """Wake everybody who waits for a change; the next wait gets a fresh event."""
        self._changed.set()
        self._changed = asyncio.Event()


def _crash_text(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"the session process was ended by signal {-exit_code}"
    return f"the session process ended with code {exit_code}"
