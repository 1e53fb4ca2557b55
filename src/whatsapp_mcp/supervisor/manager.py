"""The session manager: all that a server sees of WhatsApp.

One task finds the session process of the account, or starts it: whoever of all servers takes the account's lock does.
Everybody else asks (`login`, `restart` …).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeVar

import anyio

from whatsapp_mcp import __version__, clock
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import (
    AlreadyLoggedIn,
    DataDirectoryInUse,
    NotConnected,
    NotLoggedIn,
    SessionCrashed,
    SessionError,
    SetupError,
    StoreError,
    WhatsAppMcpError,
)
from whatsapp_mcp.log_lines import about
from whatsapp_mcp.models.session import HandedOver, SessionSnapshot, SessionState
from whatsapp_mcp.pipe.account_lock import AccountLock, holder_of, holder_text
from whatsapp_mcp.pipe.codec import Moving
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.control import Logout, Move, PairPhone, Restart
from whatsapp_mcp.pipe.ledger import BACK_OFF, ON_REQUEST
from whatsapp_mcp.pipe.lines import Attach, AttachedClient, Ended, Kind, Logged, Refused, StateChanged, TypingSeen
from whatsapp_mcp.platform.processes import end_now
from whatsapp_mcp.session_db.database import handed_over, linked_device
from whatsapp_mcp.session_db.ratchets import never_back
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.board import StateBoard
from whatsapp_mcp.supervisor.decision import Decision, Wanted, decide, note_end_elsewhere, note_failed_start
from whatsapp_mcp.supervisor.following import following
from whatsapp_mcp.supervisor.link import Link
from whatsapp_mcp.supervisor.looking import Looking
from whatsapp_mcp.supervisor.starting import SESSION_COMMAND, start_session
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.whereabouts import PostgresSchema

if TYPE_CHECKING:
    from whatsapp_mcp.supervisor.elsewhere import OtherMachines

logger = logging.getLogger(__name__)

R = TypeVar("R")

QR_WAIT: Final = 25.0
"""Seconds appLogin waits for the first code: process start, TLS, Noise (whatsmeow gives the handshake 20 s)."""
RESTART_WAIT: Final = 25.0
FOUND_WAIT: Final = 10.0
"""Seconds within which a server that was just started knows whether a session process runs."""
LOGOUT_WAIT: Final = 40.0
CONNECTION: Final = "the connection to WhatsApp"

_WORTH_WAITING: Final = frozenset(
    {SessionState.STARTING, SessionState.PAIRING, SessionState.CONNECTING, SessionState.RECONNECTING}
)
"""States that may become `connected` without anybody's doing; in `pairing`, the code may just have been scanned."""

_ORDINARY_ENDS: Final = frozenset({"unused", "restart", "stopped", "moved", "held_elsewhere"})
_FOR_ANOTHER_TO_GO_ON: Final = ON_REQUEST - {"logged_out_here"}
_REFUSED_ELSEWHERE: Final = 5.0
"""Seconds until another machine's process that refused this server is asked again."""

_NOT_HEARD_YET: Final = frozenset({SessionState.STARTING, SessionState.UNPAIRED})
"""Nothing is linked, as far as this server knows: a session process that it has just attached to may be pairing."""

_NEEDS_SOMEBODY: Final = frozenset({SessionState.REPLACED, SessionState.OUTDATED, SessionState.BANNED})
"""An account is linked, and pairing anew would not help."""


class SessionManager:
    """One server's way to the session of one account.

    Use as ``async with manager.running():``; entering never waits for WhatsApp.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        kind: Kind = "stdio",
        prepare: Callable[[], Awaitable[None]] | None = None,
        command: Sequence[str] = SESSION_COMMAND,
        now: Callable[[], datetime] = clock.now,
        made: str = "",
        elsewhere: OtherMachines | None = None,
    ) -> None:
        """``elsewhere``: other machines that may hold the account.

        ``made``: that the account's folder is new, as a sentence; told while nothing is linked.

        ``prepare`` is awaited once, in the background, before a session process is looked for.

        ``command`` starts one session process.
        """
        self._settings = settings
        self._command = command
        self._prepare = prepare
        self._now = now
        self._client = AttachedClient(
            kind=kind, pid=os.getpid(), command=" ".join(sys.argv)[:200], since=now(), version=__version__
        )
        self._made = made
        self._board = StateBoard(now)
        self._wanted = Wanted()
        self._elsewhere = elsewhere
        self._looking = Looking(settings, elsewhere)
        self._unusable: SessionError | None = None
        """Why nobody is served; None while requests are taken."""
        self._decided = False
        """Whether it is known what follows from the end of the last process."""
        self._tries = 0
        """How often in a row the database could not be reached."""
        self._link: Link | None = None

    # -- what others see ----------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> SessionSnapshot:
        return self._board.snapshot

    @property
    def newest_arrival(self) -> int:
        """Arrival number of the newest stored message that the session process announced."""
        return self._board.newest_arrival

    def typing_after(self, mark: int | None) -> tuple[int, tuple[TypingSeen, ...]]:
        """Who began or ended typing after a mark, and the mark of now; None: nothing but that mark."""
        return self._board.typing_after(mark)

    async def wait_change(self, timeout: float) -> bool:
        """Wait until the state changes or something is stored; False when ``timeout`` seconds passed first."""
        return await self._board.wait_change(timeout)

    def problem(self) -> SessionError:
        """Why there is no connection now, as the error that a call would get."""
        return self._unusable or self._board.problem()

    async def ready(self) -> None:
        """Return when connected; wait a bounded time while that is likely.

        Raises:
            SessionError: with the state and the next step.
        """
        with waits_for(CONNECTION):
            await self._board.wait_for(lambda: self._board.state not in _WORTH_WAITING, self._settings.connect_wait)
        if self._board.state is not SessionState.CONNECTED:
            raise self.problem()

    async def call(self, command: Command[R], *, timeout: float | None = None) -> R:
        """Run a command; one that needs the connection waits for it. Raises WhatsAppMcpError."""
        while True:
            if self._link is None or not command.at_any_time:
                await self.ready()
            link = self._link
            if link is None:
                raise NotConnected("the WhatsApp session is starting again")
            try:
                return await link.call(command, timeout or self._settings.call_timeout)
            except Moving:  # nothing was done, and the next process is about to begin
                with waits_for(CONNECTION):
                    gone = await self._board.wait_for(lambda: self._link is not link, RESTART_WAIT)  # noqa: B023
                if not gone:
                    raise NotConnected("the WhatsApp session does not end to begin anew") from None
            except SessionCrashed:
                await self._board.wait_for(lambda: self._link is not link and self._decided, timeout=2)  # noqa: B023
                if self._board.state not in _WORTH_WAITING and self._board.state is not SessionState.CONNECTED:
                    raise self.problem() from None  # it ended for a reason that is known
                raise

    async def handed_over(self, message: bytes) -> HandedOver | None:
        """Under which id a message of ours (serialized waE2E.Message) left; None if it did not get that far."""
        return await asyncio.to_thread(handed_over, self._settings.keys, message)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SessionManager]:
        """Look for the session in the background; on leaving, it is left to the other servers."""
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
            SessionError: no code within the wait, or the linked account is not let in; says why.
        """
        board = self._board
        self._check_usable()
        if board.snapshot.own_jid is not None or await self._linked():
            if board.state in _NEEDS_SOMEBODY:
                raise self.problem()
            raise AlreadyLoggedIn("a WhatsApp account is linked already")
        if self._link is None or board.state in _NOT_HEARD_YET:
            board.update(SessionState.PAIRING)
            self._wanted.pairing = True
            self._looking.wake()
        with waits_for("a code from WhatsApp"):
            await board.wait_for(lambda: board.code_is_shown or board.state is not SessionState.PAIRING, QR_WAIT)
        self._wanted.pairing = False
        if board.state is SessionState.CONNECTED:
            raise AlreadyLoggedIn("the phone has just linked this device")
        if not board.code_is_shown:
            self._check_usable()
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
        try:
            return await self._link.call(PairPhone(digits=digits), self._settings.call_timeout)
        except Moving:
            raise SessionCrashed("pairing ended", next_step="Call appLoginWithCode again.") from None

    async def logout(self, *, erase_messages: bool = False) -> bool:
        """Unlink the device and delete its session, and the account's messages where that is wanted.

        Returns:
            Whether WhatsApp confirmed it; if not, the phone may still list the device.

        Raises:
            NotLoggedIn: nothing is linked.
        """
        self._check_usable()
        await self._check_linked()
        confirmed, asked, board = False, None, self._board
        try:
            async with asyncio.timeout(LOGOUT_WAIT):
                while board.state is not SessionState.UNPAIRED:
                    link = self._link
                    if link is not None and link is not asked:
                        asked = link
                        with contextlib.suppress(Moving, SessionError):
                            confirmed = await link.call(Logout(erase_messages=erase_messages), timeout=20)
                        continue
                    if link is None:
                        self._wanted.erase, self._wanted.erase_messages = True, erase_messages
                        self._looking.wake()
                    await board.wait_change(LOGOUT_WAIT)
        except TimeoutError:
            raise self.problem() from None
        finally:
            self._wanted.erase = self._wanted.erase_messages = False
        return confirmed

    async def restart(self) -> None:
        """End the session process in order, for all servers, and start it again; returns when connected.

        Raises:
            SessionError: not connected in time; says why.
        """
        self._check_usable()
        await self._check_linked()
        board = self._board
        with waits_for(CONNECTION):  # what nobody has found yet cannot be ended
            await board.wait_for(lambda: self._link is not None or board.state is not SessionState.STARTING, FOUND_WAIT)
        link = self._link
        if link is not None:
            with contextlib.suppress(Moving, SessionCrashed):
                await link.call(Restart(), timeout=self._settings.call_timeout)
            with waits_for(CONNECTION):
                await board.wait_for(lambda: self._link is not link, RESTART_WAIT)
        else:
            board.update(SessionState.RECONNECTING, "restarted on request")
            self._wanted.at_once = True
            self._looking.wake()
        with waits_for(CONNECTION):
            await board.wait_for(lambda: board.state not in _WORTH_WAITING, RESTART_WAIT)
        if board.state is not SessionState.CONNECTED:
            raise self.problem()

    def start(self, *, pairing: bool = False) -> None:
        """Another machine asks that the session process is started here."""
        self._wanted.start = True
        self._wanted.pairing |= pairing and self._link is None
        self._looking.wake()

    async def prepare(self) -> None:
        """Start a session process that takes the account over when the one of another machine gives it up."""
        link = self._link
        if link is None or not link.is_remote:
            self.start()
            return
        if (lock := AccountLock.acquire(self._settings.lock_path)) is None:  # it was started already
            return
        try:
            await start_session(self._settings, lock, pairing=False, waits=True, command=self._command)
        except WhatsAppMcpError as error:
            logger.warning("the account cannot be taken over: %s", error.message)
        finally:
            lock.release()

    async def move(self) -> None:
        """End the session process in order, for another machine to go on; nothing happens when none is here."""
        link = self._link
        if link is not None and not link.is_remote:
            with contextlib.suppress(Moving, SessionError):
                await link.call(Move(), timeout=self._settings.call_timeout)

    # -- supervision --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        with about(account=self._settings.account):
            await self._run_of_account()

    async def _run_of_account(self) -> None:
        broken = ""
        try:
            if self._prepare is not None:
                await self._prepare()
            while True:
                await self._go_on()
        except WhatsAppMcpError as error:
            broken = f"{error.message}. {error.next_step}"
        except Exception as error:
            logger.exception("the session cannot be looked for any more")
            broken = str(error) if isinstance(error, OSError) else "unexpected error; the log says more"
        finally:
            if self._link is not None:
                await self._link.leave()
                self._link = None
            self._board.update(SessionState.STOPPED, broken)
            self._unusable = self._board.problem()

    async def _go_on(self) -> None:
        """Find the session process and use it to its end; or start it; or wait for a reason to."""
        try:
            link = await self._attach()
            if link is None and self._elsewhere is not None:
                found = await self._attach_elsewhere(self._elsewhere)
                if found is False:
                    return
                link = found
            if link is None and (lock := AccountLock.acquire(self._settings.lock_path)) is not None:
                try:
                    link = await self._decide(lock)
                finally:
                    lock.release()
            elif link is None:
                await self._wait_for_holder()
        except WhatsAppMcpError as error:
            if isinstance(error, StoreError) and isinstance(self._settings.keys, PostgresSchema):
                await self._try_again(error)
            else:
                self._stop_for_now(error)
                await self._looking.for_a_reason(None)
            return
        if link is not None:
            await self._use(link)

    async def _attach(self) -> Link | None:
        """
        Raises:
            SetupError: this server may not use what there is.
        """
        attach = self._attach_line()
        try:
            answer = await Link.attach(self._settings.account_dir, attach)
        except TimeoutError:
            self._end_holder()
            return None
        if not isinstance(answer, Refused):
            return answer
        if answer.why in ("ending", "retired"):
            self._looking.found()
        else:
            self._refuse(answer)
        return None

    def _refuse(self, refused: Refused) -> None:
        self._unusable = _refusal(refused)
        self._board.update(SessionState.STOPPED, f"{self._unusable.message}. {self._unusable.next_step}")

    def _attach_line(self) -> Attach:
        """Raises SetupError: this server may not use what there is."""
        endpoint = Endpoint.read(self._settings.endpoint) if self._settings.endpoint is not None else None
        if endpoint is None and self._settings.require_endpoint:
            raise SetupError("an endpoint file is required and none is set; WhatsApp is not contacted")
        return Attach(client=self._client, noise_root=endpoint.noise_root if endpoint is not None else None)

    async def _attach_elsewhere(self, elsewhere: OtherMachines) -> Link | Literal[False] | None:
        """None: no other machine holds the account; False: it is to be looked at again."""
        answer = await elsewhere.attach(self._attach_line())
        if answer is None or isinstance(answer, Link):
            return answer
        self._decided = True
        if isinstance(answer, Refused):
            self._refuse(answer)
            await self._looking.for_a_reason(_REFUSED_ELSEWHERE)
        elif answer.detail:
            self._board.update(SessionState.RECONNECTING, answer.detail)
        return False

    async def _decide(self, lock: AccountLock) -> Link | None:
        """Nobody serves the account, and it is on us to decide whether somebody shall."""
        self._unusable = None
        wanted = self._wanted
        decision = await asyncio.to_thread(decide, self._settings, wanted, self._now())
        if not decision.start:
            self._stand(decision)
            lock.release()
            await self._looking.for_a_reason(decision.pause)
            return None
        if self._elsewhere is not None:
            pairing = decision.jid is None
            if (waiting := await self._elsewhere.is_ours_to_start(pairing=pairing)) is not None:
                if waiting.detail:
                    self._board.update(SessionState.RECONNECTING, waiting.detail)
                return None
        if self._board.state is not SessionState.PAIRING:
            self._show(decision)
        started = await start_session(self._settings, lock, pairing=decision.jid is None, command=self._command)
        wanted.pairing = wanted.start = wanted.at_once = False
        if not started:
            await asyncio.to_thread(note_failed_start, self._settings, self._now())
            return None
        return await self._attach()

    def _stand(self, decision: Decision) -> None:
        self._decided = True
        self._wanted.start = False
        if self._wanted.pairing:  # since then
            return
        if decision.jid is not None:
            self._show(decision)
        else:
            detail = decision.detail or self._made
            self._board.no_account(decision.state, detail, whatsapp_said=decision.whatsapp_said)

    def _show(self, decision: Decision) -> None:
        self._board.update(decision.state, decision.detail, whatsapp_said=decision.whatsapp_said)
        self._board.linked_as(decision.jid)

    async def _use(self, link: Link) -> None:
        self._looking.found()
        self._unusable, self._tries = None, 0
        self._wanted = Wanted(start=False)
        self._decided = False
        self._link = link
        self._board.attached(link.welcome)
        if self._board.snapshot.own_jid is None:
            with contextlib.suppress(WhatsAppMcpError):
                self._board.linked_as(await asyncio.to_thread(linked_device, self._settings.keys))
        watching = self._elsewhere.watching(link) if self._elsewhere is not None else contextlib.nullcontext()
        async with watching, following(self._settings.keys, link):
            async for notice in link.notices():
                if isinstance(notice, Logged):
                    logging.getLogger(notice.logger).log(notice.level, notice.text)
                    continue
                if isinstance(notice, StateChanged) and notice.state is SessionState.CONNECTED:
                    # Of a device that was just linked: before, there was no table.
                    await asyncio.to_thread(never_back, self._settings.keys)
                self._board.note(notice)
        self._link = None
        ended = link.ended
        detail = ended.detail if ended is not None else "the session process ended unexpectedly"
        logger.log(
            logging.INFO if ended is not None and ended.reason in _ORDINARY_ENDS else logging.WARNING,
            "the session process ended: %s: %s",
            ended.reason if ended is not None else "crashed",
            detail,
        )
        self._board.update(
            SessionState.RECONNECTING, detail, whatsapp_said=ended.whatsapp_said if ended is not None else None
        )
        if link.is_remote and ended is not None and ended.reason not in _FOR_ANOTHER_TO_GO_ON:
            await asyncio.to_thread(self._note_end_elsewhere, ended)

    def _note_end_elsewhere(self, ended: Ended) -> None:
        """What follows from the end of a process of another machine holds here too; its ledger lies there."""
        if (lock := AccountLock.acquire(self._settings.lock_path, limit=1.0)) is None:
            return
        try:
            note_end_elsewhere(self._settings, ended, self._now())
        finally:
            lock.release()

    async def _wait_for_holder(self) -> None:
        """Somebody else holds the lock: a process that is about to listen, or to end; or one that never will."""
        if await self._looking.for_the_holder():
            return
        error = self._unusable or DataDirectoryInUse(
            f"the account is in use by {holder_text(self._settings.lock_path)}, which cannot be shared"
        )
        self._unusable = error
        self._board.update(SessionState.STOPPED, f"{error.message}. {error.next_step}")

    def _end_holder(self) -> None:
        """Somebody listens, and does not answer: it hangs."""
        holder = holder_of(self._settings.lock_path)
        if holder is not None and holder.pid != os.getpid():
            logger.error("the session process %d does not answer; it is ended", holder.pid)
            with contextlib.suppress(OSError):
                end_now(holder.pid)

    def _stop_for_now(self, error: WhatsAppMcpError) -> None:
        self._decided = True
        self._wanted.pairing = self._wanted.start = self._wanted.at_once = False
        self._board.update(SessionState.STOPPED, f"{error.message}. {error.next_step}")

    async def _try_again(self, error: StoreError) -> None:
        """A database server is away for a while, as no file is."""
        self._decided = True
        self._board.update(SessionState.RECONNECTING, error.message)
        pause = BACK_OFF[min(self._tries, len(BACK_OFF) - 1)]
        self._tries += 1
        await self._looking.for_a_reason(pause)

    def _check_usable(self) -> None:
        if self._unusable is not None:
            raise self._unusable

    async def _linked(self) -> bool:
        return await asyncio.to_thread(linked_device, self._settings.keys) is not None

    async def _check_linked(self) -> None:
        if self._board.snapshot.own_jid is None and not await self._linked():
            raise NotLoggedIn("no WhatsApp account is linked")


def _refusal(refused: Refused) -> SessionError:
    if refused.why == "newer":
        return DataDirectoryInUse(
            f"version {refused.version} of this program serves the account; this server is of version {__version__}",
            next_step="Restart this MCP host, so that it starts the version that is installed.",
        )
    if refused.why == "endpoint":
        return DataDirectoryInUse(
            "the account is connected to another WhatsApp than the endpoint of this server is for",
            next_step="Give all servers of an account the same WHATSAPP_MCP_ENDPOINT, or choose another --data-dir.",
        )
    return DataDirectoryInUse("too many servers use this account", next_step="Close hosts that are not needed.")
