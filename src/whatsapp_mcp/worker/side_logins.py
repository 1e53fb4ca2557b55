"""The queue of side logins: has the session paused, then has everything that waits sent in one short login.

Pauses are kept rare: each costs the session some tenths of a second without connection, and nobody knows what WhatsApp
makes of a device that logs in all the time. A session process does not outlive its pause, so when the last ones were
stands in the store, and whoever waits longer than that asks the next process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, TypeVar

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import NotConnected, RateLimited, SessionError, SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.models.app_state import ChatChanged, ChatMarksRead, ChatMarksSeen
from whatsapp_mcp.models.changes import Change
from whatsapp_mcp.models.side_login import Answer
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe import side_login as p
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.store.records import Pauses
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.worker.login_process import Login
from whatsapp_mcp.worker.pause_limits import PauseLimits

logger = logging.getLogger(__name__)

R = TypeVar("R")
T = TypeVar("T")

PAUSE_DETAIL: Final = "paused for a request of its own"
READY_SECONDS: Final = 30.0
"""Until the process of a login has loaded everything and looked at the requests."""
A_DAY: Final = 86_400.0
GATHERING: Final = 10.0
"""Seconds at least from a change of the phone to the login that reads it; what comes meanwhile is read with it."""
LOGIN_SECONDS: Final = 25.0
"""For everything that one login does. It ends by itself after 20 (`LoginBegins.total_seconds`)."""


class Pausing(Protocol):
    """The session process, as far as it can pause."""

    def paused(self, detail: str) -> AbstractAsyncContextManager[None]:
        """Inside, neonize is disconnected and quiet and the store goes on. On leaving, this process ends: what it has
        answered by then is sent, and the next one connects.

        Raises:
            SessionError: there is nothing to pause.
        """


class StoreAccess(Protocol):
    """The store thread."""

    def run_now(self, work: Callable[[StoreWriter], T]) -> T:
        """Blocks."""

    def apply_now(self, *changes: Change) -> None:
        """Blocks. Raises StoreError."""


@dataclass(slots=True, eq=False)
class _Asked:
    command: Command[Any]
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    accepted: bool = False
    reply: codec.Json | None = None


class SideLogins:
    """One in a session process, for all its clients.

    Args:
        start: prepares a login.
        reading: seconds from one pause to one that does nothing but read what the phone changed; 0: there is none.
        now: milliseconds since 1970.
    """

    def __init__(
        self,
        limits: PauseLimits,
        pausing: Pausing,
        store: StoreAccess,
        start: Callable[[], Awaitable[Login]],
        *,
        reading: float = 0.0,
        now: Callable[[], int] = now_ms,
    ) -> None:
        self._limits = limits
        self._reading = PauseLimits(reading, limits.per_day)
        self._reader: asyncio.Task[None] | None = None
        self._pausing = pausing
        self._store = store
        self._start = start
        self._now = now
        self._waiting: dict[int, _Asked] = {}
        self._asked = 0
        self._task: asyncio.Task[None] | None = None
        self._login: Login | None = None
        self._news = asyncio.Event()
        self._learned: list[Change] = []
        self._begun = self._done = self._over = False

    async def ask(self, command: Command[Answer[R]]) -> Answer[R]:
        """Have a command carried out. Who is cancelled is left out, as long as it is not being sent.

        Raises:
            Moving: there is no pause any more in this process; ask the next one.
            RateLimited: too many pauses today.
            WhatsAppMcpError: what the login answered, or why there was none.
        """
        if self._over:
            raise codec.Moving
        self._asked += 1
        number, asked = self._asked, _Asked(command)
        self._waiting[number] = asked
        logger.info("%d requests wait for a side login", len(self._waiting))
        if self._login is not None:
            self._login.put(number, command)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="side logins")
        try:
            with waits_for("a short login of our own (side login), one after the other"):
                answer: Answer[R] = await asked.answer
            return answer
        finally:
            if self._waiting.pop(number, None) is not None:
                logger.info("a caller gave up; %d requests wait for a side login", len(self._waiting))
                self._news.set()
                if self._login is not None:
                    self._login.withdraw(number)

    async def seen(self, marks: ChatMarksSeen) -> None:
        """Store what neonize's database has of the app state; what is not in it is read soon."""
        await asyncio.to_thread(self._store.apply_now, marks)
        if self._reading.distance and not self._over and (self._reader is None or self._reader.done()):
            self._reader = asyncio.create_task(self._read(), name="reading the app state")

    async def _read(self) -> None:
        """One login that reads all that there is by then, when it is time for one."""
        failures = 0
        while not self._over:
            try:
                if not await self._unread():
                    return
                due = self._reading.seconds_to_wait(await self._pauses(), self._now())
                await asyncio.sleep(max(due, min(GATHERING, self._reading.distance)))
                if since := await self._unread():
                    await self.ask(p.ReadAppState(since=since))
            except (WhatsAppMcpError, codec.Moving) as error:
                logger.info("what the phone changed could not be read: %s", error)
                failures += 1
                await asyncio.sleep(again_after(self._reading.distance, failures))

    async def _unread(self) -> dict[str, int]:
        return await asyncio.to_thread(self._store.run_now, StoreWriter.unread_app_state)

    async def close(self) -> None:
        """This process ends: nothing more is begun, and what was is not waited for."""
        self._over = True
        tasks = {task for task in (self._task, self._reader) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._settle(0.0)

    # -- one after the other ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while self._waiting and not self._over:
            try:
                await self._keep_distance()
                if self._waiting:
                    await self._check_limit()
                    await self._log_in()
            except (WhatsAppMcpError, codec.Moving) as error:
                # Nothing to pause, or no way to WhatsApp: those who wait now are told, and not asked to wait again.
                self._refuse(error)
            except Exception:
                logger.exception("a side login failed unexpectedly")
                self._refuse(SessionError("the session could not be paused for a short login"))

    async def _keep_distance(self) -> None:
        """Wait until the next pause is due; what is asked for meanwhile comes along."""
        await asyncio.sleep(self._limits.seconds_to_wait(await self._pauses(), self._now()))

    async def _check_limit(self) -> None:
        retry_after = self._limits.retry_after(await self._pauses(), self._now())
        if retry_after is not None:
            raise RateLimited(
                f"the session was paused {self._limits.per_day} times in 24 hours for requests of this kind, which is "
                "the limit here",
                retry_after_seconds=retry_after,
            )

    async def _log_in(self) -> None:
        """Prepare a login; if anything is left to do after it has looked at the requests, pause for it."""
        self._login = login = await self._start()
        listening = asyncio.create_task(self._listen(login), name="side login")
        try:
            for number, asked in self._waiting.items():
                login.put(number, asked.command)
            await self._all_looked_at(listening)
            if self._waiting:
                await self._pause(login, listening)
        finally:
            self._login = None
            await login.end()
            await asyncio.wait({listening})
            if not self._begun:
                for asked in self._waiting.values():  # the next login looks at them itself
                    asked.accepted = False

    async def _all_looked_at(self, listening: asyncio.Task[None]) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not all(asked.accepted for asked in self._waiting.values()):
                    if listening.done():
                        raise NotConnected("the process for a short login ended before it began")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NotConnected("the process for a short login was not ready in time") from None

    async def _pause(self, login: Login, listening: asyncio.Task[None]) -> None:
        """One pause and everything that is asked for until it ends; the last thing that this process does."""
        started = asyncio.get_running_loop().time()
        async with self._pausing.paused(PAUSE_DETAIL):
            try:
                await self._note_pause()
                self._begun = True
                login.go()
                await asyncio.wait({listening}, timeout=LOGIN_SECONDS)
            finally:
                self._over = True
                await login.end()  # before anybody else uses the device
            await self._keep_learned()
            await self._note_pause_end()
            self._settle(asyncio.get_running_loop().time() - started)

    async def _listen(self, login: Login) -> None:
        """Until it has nothing more to say."""
        try:
            async for line in login.lines():
                match line:
                    case p.Accepted() if line.id in self._waiting:
                        self._waiting[line.id].accepted = True
                    case p.Learned():
                        marks = tuple(change for change in line.changes if isinstance(change, ChatChanged))
                        self._learned += [*line.changes, ChatMarksRead(line.device, line.since, line.versions, marks)]
                    case p.LoginDone():
                        self._done = True
                    case dict():
                        self._take_reply(line)
                self._news.set()
        except ValueError:
            logger.exception("unreadable line from a side login")
        finally:
            self._news.set()

    def _take_reply(self, reply: codec.Json) -> None:
        number = int(reply["id"])
        if (asked := self._waiting.get(number)) is not None:
            asked.reply = reply
            if not self._begun:  # refused, which costs no pause
                self._answer(number, 0.0)

    # -- answers ------------------------------------------------------------------------------------------------------

    def _settle(self, paused_seconds: float) -> None:
        for number, asked in list(self._waiting.items()):
            if asked.reply is not None:
                self._answer(number, paused_seconds)
            elif self._done or not self._begun or not asked.accepted:
                self._fail(number, codec.Moving())
            else:
                self._fail(number, _unknown_outcome())

    def _answer(self, number: int, paused_seconds: float) -> None:
        asked = self._waiting[number]
        assert asked.reply is not None
        try:
            answer: Answer[Any] = codec.result_in(asked.reply, asked.command)
        except (WhatsAppMcpError, ValueError) as error:
            known = error if isinstance(error, WhatsAppMcpError) else _unknown_outcome()
            self._fail(number, known)
            return
        del self._waiting[number]
        if not asked.answer.done():
            asked.answer.set_result(replace(answer, paused_seconds=paused_seconds))

    def _fail(self, number: int, error: Exception) -> None:
        answer = self._waiting.pop(number).answer
        if not answer.done():
            answer.set_exception(error)

    def _refuse(self, error: Exception) -> None:
        for number in list(self._waiting):
            self._fail(number, error)

    # -- the store ----------------------------------------------------------------------------------------------------

    async def _pauses(self) -> Pauses:
        return await asyncio.to_thread(self._store.run_now, StoreWriter.pauses)

    async def _note_pause(self) -> None:
        now = self._now()
        await asyncio.to_thread(
            self._store.run_now, lambda writer: writer.keep_pauses(self._limits.one_more(writer.pauses(), now))
        )

    async def _note_pause_end(self) -> None:
        now = self._now()
        with contextlib.suppress(WhatsAppMcpError):  # then the next one comes a second too soon
            await asyncio.to_thread(
                self._store.run_now, lambda writer: writer.keep_pauses(writer.pauses()._replace(ended=now))
            )

    async def _keep_learned(self) -> None:
        learned, self._learned = self._learned, []
        if not learned:
            return
        try:
            await asyncio.to_thread(self._store.apply_now, *learned)
        except Exception:
            # WhatsApp has the change; that our store has not is no reason to tell the caller that it failed.
            logger.exception("changes of the app state could not be stored")


def again_after(distance: float, failures: int) -> float:
    """Seconds until what could not be read is tried again: each attempt is a pause, and what lacks a key may lack it
    for good."""
    return min(distance * 2.0**failures, max(distance, A_DAY))


def _unknown_outcome() -> SessionTimeout:
    return SessionTimeout(
        "the short login ended before it answered; whether the request took effect is unknown",
        next_step="Look on the phone or with the matching read tool whether it took effect, then call again if not.",
    )
