"""The session manager: supervises the session process and is all that the rest of the server sees of WhatsApp.

One task starts and ends session processes, one request after the other; everybody else asks (`login`, `restart` …).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, TypeVar

import anyio

from whatsapp_mcp import clock
from whatsapp_mcp.errors import (
    AlreadyLoggedIn,
    DataDirectoryInUse,
    NotConnected,
    NotLoggedIn,
    SessionCrashed,
    SessionError,
    WhatsAppMcpError,
)
from whatsapp_mcp.models.session import HandedOver, SessionSnapshot, SessionState
from whatsapp_mcp.pipe.account import Logout, PairPhone
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.lines import EndReason, StateChanged
from whatsapp_mcp.session_db.database import handed_over, linked_device, remove_session
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.files import remove_store
from whatsapp_mcp.supervisor.back_off import BackOff
from whatsapp_mcp.supervisor.board import StateBoard
from whatsapp_mcp.supervisor.link import SESSION_COMMAND, Link
from whatsapp_mcp.supervisor.lock import AccountLock
from whatsapp_mcp.supervisor.requests import RequestQueue

logger = logging.getLogger(__name__)

R = TypeVar("R")

BACK_OFF: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before the n-th restart in a row."""
LOCK_RETRY: Final = 1.0
CALLS_DRAIN: Final = 5.0
"""Seconds that calls under way have before the process they run in is ended."""
QR_WAIT: Final = 25.0
"""Seconds appLogin waits for the first code: process start, TLS, Noise (whatsmeow gives the handshake 20 s)."""
RESTART_WAIT: Final = 25.0

_STAYS_DOWN: Final[dict[EndReason, SessionState]] = {
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
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        """``prepare`` is awaited once, in the background, before the first session process starts.

        ``command`` starts one session process.
        """
        self._settings = settings
        self._command = command
        self._prepare = prepare
        self._board = StateBoard(now)
        self._requests = RequestQueue()
        self._lock = AccountLock(settings.lock_path)
        self._unusable: Callable[[], SessionError] | None = None
        """Why nobody is served; None while requests are taken."""
        self._back_off = BackOff(BACK_OFF)
        # Only what is done on request, one after the other, changes these:
        self._link: Link | None = None
        self._listening: asyncio.Task[None] | None = None
        self._next_start: asyncio.TimerHandle | None = None

    # -- what others see ----------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> SessionSnapshot:
        return self._board.snapshot

    @property
    def newest_arrival(self) -> int:
        """Arrival number of the newest stored message that the session process announced."""
        return self._board.newest_arrival

    async def wait_change(self, timeout: float) -> bool:
        """Wait until the state changes or something is stored; False when ``timeout`` seconds passed first."""
        return await self._board.wait_change(timeout)

    def problem(self) -> SessionError:
        """Why there is no connection now, as the error that a call would get."""
        return self._unusable() if self._unusable is not None else self._board.problem()

    async def ready(self) -> None:
        """Return when connected; wait a bounded time while that is likely.

        Raises:
            SessionError: with the state and the next step.
        """
        await self._board.wait_for(
            lambda: self._board.state not in _WORTH_WAITING and not self._undecided, self._settings.connect_wait
        )
        if self._board.state is not SessionState.CONNECTED:
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
            await self._board.wait_for(lambda: self._link is not link and not self._undecided, timeout=2)
            if self._board.state not in _WORTH_WAITING and self._board.state is not SessionState.CONNECTED:
                raise self.problem() from None  # it ended for a reason that is known
            raise

    async def handed_over(self, message: bytes) -> HandedOver | None:
        """Under which id a message of ours (serialized waE2E.Message) left; None if it did not get that far."""
        return await asyncio.to_thread(handed_over, self._settings.session_db, message)

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

    # -- requests that change the session -----------------------------------------------------------------------------

    async def login(self) -> SessionSnapshot:
        """Start pairing by QR, or continue it; returns with the code that is valid now.

        Raises:
            AlreadyLoggedIn: an account is linked.
            SessionError: no code within the wait; says why.
        """
        self._check_usable()
        board = self._board
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QR_WAIT):
                await self._requests.ask(self._pair)
                await board.wait_for(lambda: board.code_is_shown or board.state is not SessionState.PAIRING, QR_WAIT)
        if board.state is SessionState.CONNECTED:
            raise AlreadyLoggedIn("the phone has just linked this device")
        if not board.code_is_shown:
            detail = board.snapshot.detail or "WhatsApp sent no code in time"
            raise NotConnected(
                f"pairing could not start: {detail}",
                next_step="Call appLogin again in some seconds.",
                whatsapp_said=board.snapshot.whatsapp_said,
            )
        return board.snapshot

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
        return await self._requests.ask(self._log_out)

    async def restart(self) -> None:
        """End the session process in order and start it again; returns when connected.

        Raises:
            SessionError: not connected in time; says why.
        """
        self._check_usable()
        await self._requests.ask(self._restart)
        await self._board.wait_for(lambda: self._board.state not in _WORTH_WAITING, RESTART_WAIT)
        if self._board.state is not SessionState.CONNECTED:
            raise self.problem()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """While inside, no session process runs and the linked device is free for a login of our own.

        The process drains before it ends; it is started again on leaving, whatever happened inside, and leaving returns
        when the session is connected or the wait for that is over. Calls that come meanwhile wait as for a reconnect.

        Raises:
            SessionError: not connected, so there is nothing to pause.
        """
        left = asyncio.Event()
        try:
            await self.ready()
            while not await self._requests.ask_early(lambda entered: self._pause(entered, left)):
                await self.ready()  # others had their turn first
            yield
        finally:
            left.set()
        await self._board.wait_for(lambda: self._board.state is SessionState.CONNECTED, RESTART_WAIT)

    # -- supervision --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        broken = ""
        try:
            await self._take_lock()
            if self._prepare is not None:
                await self._prepare()
            await self._start_if_linked()
            await self._requests.serve(closing=self.problem)
        except WhatsAppMcpError as error:
            broken = f"{error.message}. {error.next_step}"
        except Exception as error:
            logger.exception("the session cannot be supervised any more")
            broken = str(error) if isinstance(error, OSError) else "unexpected error; the log says more"
        finally:
            self._forget_next_start()
            if self._link is not None:
                await self._link.stop()
                self._link = None
            self._lock.release()
            self._refuse_everybody(self._board.problem, broken)

    async def _take_lock(self) -> None:
        while not self._lock.acquire():
            self._refuse_everybody(self._in_use, str(self._in_use()))
            await asyncio.sleep(LOCK_RETRY)
        if self._unusable is not None:
            self._unusable = None
            self._board.update(SessionState.STARTING)

    def _refuse_everybody(self, error: Callable[[], SessionError], detail: str) -> None:
        self._board.update(SessionState.STOPPED, detail)
        self._unusable = error
        self._requests.refuse(error)

    def _in_use(self) -> DataDirectoryInUse:
        return DataDirectoryInUse(
            f"the data directory {self._settings.data_dir} is in use by {self._lock.holder_text()}"
        )

    def _check_usable(self) -> None:
        if self._unusable is not None:
            raise self._unusable()

    # -- one after the other ------------------------------------------------------------------------------------------

    async def _pair(self) -> None:
        if self._board.snapshot.own_jid is not None or await self._linked():
            raise AlreadyLoggedIn("a WhatsApp account is linked already")
        if self._link is None:
            self._board.update(SessionState.PAIRING)
            await self._start()

    async def _log_out(self) -> bool:
        await self._check_linked()
        confirmed = False
        if self._link is not None and self._board.state is SessionState.CONNECTED:
            try:
                await self._link.call(Logout(), timeout=20)
                confirmed = True
            except WhatsAppMcpError as error:
                logger.warning("WhatsApp did not confirm the logout: %s", error.message)
        await self._stop()
        await asyncio.to_thread(remove_session, self._settings.session_db)
        await asyncio.to_thread(remove_store, self._settings.store_path)
        self._board.newest_arrival = 0
        self._board.no_account(SessionState.UNPAIRED)
        return confirmed

    async def _restart(self) -> None:
        await self._check_linked()
        self._back_off.start_again()
        self._board.update(SessionState.RECONNECTING, "restarted on request")
        await self._stop()
        await self._start()

    async def _pause(self, entered: asyncio.Future[bool], left: asyncio.Event) -> bool:
        if self._board.state is not SessionState.CONNECTED:
            return False
        self._board.update(SessionState.RECONNECTING, "paused for a request of its own")
        await self._stop()
        if not entered.done():
            entered.set_result(True)
        await left.wait()
        await self._start()
        return True

    async def _start_if_linked(self) -> None:
        if await self._linked():
            await self._start()
        elif self._board.state is SessionState.STARTING:
            self._board.update(SessionState.UNPAIRED)

    async def _after_end(self, link: Link) -> None:
        """Decide what the end of a process means: nothing more to do, or start again after a while."""
        if link is not self._link:
            return  # it was ended on request
        self._link = None
        self._board.announce()
        ended = link.ended
        reason, detail = (ended.reason, ended.detail) if ended else ("crashed", _crash_text(link.exit_code))
        said = ended.whatsapp_said if ended else None
        logger.warning("the session process ended: %s: %s%s", reason, detail, f" ({said})" if said else "")
        state = _STAYS_DOWN.get(ended.reason) if ended else None
        if state is SessionState.LOGGED_OUT or not await self._linked():
            restarts = self._board.snapshot.restarts
            self._board.no_account(state or SessionState.UNPAIRED, detail, whatsapp_said=said, restarts=restarts)
            return
        if state is not None and state is not SessionState.UNPAIRED:
            self._board.update(state, detail, whatsapp_said=said)
            return
        restarts = self._board.snapshot.restarts + 1
        self._board.update(SessionState.RECONNECTING, detail, whatsapp_said=said, restarts=restarts)
        self._next_start = asyncio.get_running_loop().call_later(
            self._back_off.failed(), self._requests.put, self._start_if_linked
        )

    # -- the process --------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        self._forget_next_start()
        if self._board.state is not SessionState.PAIRING:
            before = self._board.snapshot
            self._board.update(SessionState.CONNECTING, before.detail, whatsapp_said=before.whatsapp_said)
        descriptor = self._lock.descriptor
        assert descriptor is not None, "the lock is held while a session process runs"
        try:
            self._link = await Link.spawn(self._settings, descriptor, command=self._command)
        except WhatsAppMcpError as error:
            self._board.update(SessionState.STOPPED, f"{error.message}. {error.next_step}")
        else:
            self._listening = asyncio.create_task(self._listen(self._link), name="session-notices")

    async def _listen(self, link: Link) -> None:
        try:
            async for notice in link.notices():
                if isinstance(notice, StateChanged) and notice.state is SessionState.CONNECTED:
                    self._back_off.connected()
                self._board.note(notice)
        finally:
            self._requests.put(lambda: self._after_end(link))

    async def _stop(self) -> None:
        """End the running process in order, if there is one; nothing follows from it by itself."""
        self._forget_next_start()
        if self._link is not None and self._listening is not None:
            await self._link.wait_idle(CALLS_DRAIN)
            await self._link.stop()
            await asyncio.wait({self._listening}, timeout=5)
            self._link = None

    def _forget_next_start(self) -> None:
        if self._next_start is not None:
            self._next_start.cancel()
            self._next_start = None

    async def _linked(self) -> bool:
        try:
            return await asyncio.to_thread(linked_device, self._settings.session_db) is not None
        except WhatsAppMcpError as error:
            self._board.update(SessionState.STOPPED, f"{error.message}. {error.next_step}")
            return False

    async def _check_linked(self) -> None:
        if self._board.snapshot.own_jid is None and not await self._linked():
            raise NotLoggedIn("no WhatsApp account is linked")

    @property
    def _undecided(self) -> bool:
        """A process has ended, and what follows from it is not decided: the state is still that of before."""
        return self._board.state is SessionState.CONNECTED and (self._link is None or self._link.gone)


def _crash_text(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"the session process was ended by signal {-exit_code}"
    return f"the session process ended with code {exit_code}"
