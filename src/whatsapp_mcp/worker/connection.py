"""The one start of neonize that a session process lives for: events into the store, commands out to WhatsApp."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import anyio.to_thread

from whatsapp_mcp.buckets import prefix_from
from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.media.received.opening import received_media, shared_files
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.pipe import lines as p
from whatsapp_mcp.pipe.account import SyncContacts
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.groups import SyncGroups
from whatsapp_mcp.pipe.profiles import SyncNewsletters
from whatsapp_mcp.pipe.side_login import LoginBegins
from whatsapp_mcp.platform.handles import lead_nowhere
from whatsapp_mcp.postgres import check_reachable
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.client import Client, ClientEvents, EventCode
from whatsapp_mcp.whatsapp.groups import Groups
from whatsapp_mcp.whatsapp.library import Library, load
from whatsapp_mcp.whatsapp.media_downloads import MediaDownloads
from whatsapp_mcp.whatsapp.profiles import Profiles
from whatsapp_mcp.whatsapp.recording import recording
from whatsapp_mcp.whatsapp.unreachable import why_unreachable
from whatsapp_mcp.whatsapp.whatsmeow_log import (
    Ban,
    ban_in,
    channel_of_deletion,
    is_repetition,
    is_unparsed,
    is_unread_history,
    may_be_of_keys,
    unavailable_in,
    unencrypted_in,
)
from whatsapp_mcp.whereabouts import PostgresSchema, guarded, whereabouts_of
from whatsapp_mcp.worker.deleted_posts import DeletedPosts
from whatsapp_mcp.worker.departures import Departures
from whatsapp_mcp.worker.dispatch import Dispatch
from whatsapp_mcp.worker.handlers.account import AccountHandlers
from whatsapp_mcp.worker.handlers.control import Control, ControlHandlers
from whatsapp_mcp.worker.handlers.groups import GroupHandlers
from whatsapp_mcp.worker.handlers.messages import MessageHandlers
from whatsapp_mcp.worker.handlers.profiles import ProfileHandlers
from whatsapp_mcp.worker.handlers.side_login import SideLoginHandlers
from whatsapp_mcp.worker.intake import Intake
from whatsapp_mcp.worker.login_process import LoginProcess
from whatsapp_mcp.worker.pause_limits import PauseLimits
from whatsapp_mcp.worker.side_logins import Pausing, SideLogins
from whatsapp_mcp.worker.store_thread import StoreThread
from whatsapp_mcp.worker.upkeep import keep_gathered, keep_pruned, policy

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import HistorySyncNotification

logger = logging.getLogger("whatsapp_mcp.session")

R = TypeVar("R")
CALLS_AT_ONCE: Final = 16
FIRST_QR_SECONDS: Final = 60.0
NEXT_QR_SECONDS: Final = 20.0
"""Validity of the first and the later codes of one pairing (whatsmeow: qrchan.go)."""
CONTACT_SYNCS: Final = (1.0, 4.0, 25.0)
"""Seconds after connecting, each after the one before, at which the linked device's contacts are copied."""
ASKED_AT: Final = (0.5, 20.0, 300.0)
"""Seconds after connecting, each after the one before, at which groups and channels are asked for until told."""
ASKED_LIMIT: Final = 80.0
"""Seconds; whatsmeow gives up after 75."""
RECONNECT_CHECK: Final = 0.7
"""Seconds; two checks without a socket after pairing mean that nobody reconnects. whatsmeow takes milliseconds."""
ANNOUNCEMENT_CHECK: Final = 0.2
ANNOUNCEMENT_CHECKS: Final = 300
"""Seconds between two looks whether the store's thread has come to the announcement of a history; how many looks."""
STORE_CLOSE_LIMIT: Final = 5.0
SWITCH_INTERVAL: Final = 0.0005
"""Seconds for which a thread may keep Python to itself: an event that waits for its turn is lost in a crash."""

NO_DATABASE: Final = ("failed to open database", "failed to upgrade database")
"""How an error of whatsmeow begins that is about its own database (sqlstore/container.go: ``New``)."""

_WHATSMEOW_LEVELS: Final = {"DEBUG": "DEBUG", "INFO": "INFO"}
"""whatsmeow formats and ships every line of its level or above; DEBUG includes every stanza. Never above WARN: bans and
ignored repetitions are recognised by lines of that level."""


class ProcessAround(Control, Pausing, Protocol):
    """The session process, as far as commands have to do with it."""


class WhatsAppConnection:
    """neonize and the store. Lives in the thread of the event loop; ``tell`` is called there.

    Args:
        tell: is given what clients have to know; an ``Ended`` when neonize can do no more.
        process: what this is part of.
        guard: of the account's messages; see `PostgresSchema.guard`.
    """

    def __init__(
        self, hello: p.Hello, tell: Callable[[p.Notice], None], process: ProcessAround, *, guard: str = ""
    ) -> None:
        self._hello = hello
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, "call")
        self._was_connected = False
        self._disconnected = False
        self._keys = whereabouts_of(hello.keys)
        self._keys_gone = threading.Event()
        self._qr_count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._record = recording(hello.record_stanzas)
        level = "DEBUG" if self._record else _WHATSMEOW_LEVELS.get(hello.log_level.upper(), "WARN")
        self._client = Client(self._keys, hello.device_name, log_level=level, typing=hello.typing)
        self._account = Account(self._client, MediaDownloads(hello.endpoint))
        media = received_media(prefix_from(hello.bucket) if hello.bucket else Path(hello.media_dir))
        self._retention = policy(hello.retention_days, media) if hello.retention_days else None
        self._intake = Intake(
            guarded(whereabouts_of(hello.store), guard),
            self._account,
            tell=partial(self._in_loop, self._take),
            later=lambda seconds, work: self._in_loop(self._loop.call_later, seconds, work),
            open_writer=partial(StoreWriter, retention=self._retention),
        )
        store = self._intake.store
        self._side_logins = self._new_side_logins(process)
        messages = MessageHandlers(
            self._account,
            store,
            Path(hello.media_dir),
            media,
            lambda: self._in_loop(self._departures.look),
            self._settled,
            policy=hello.policy,
            shared=shared_files(prefix_from(hello.bucket), whereabouts_of(hello.store)) if hello.bucket else None,
        )
        self._deferring = messages.deferring
        self._deleted_posts = DeletedPosts(partial(self.run, timeout=ASKED_LIMIT))
        self._departures = Departures(self._deferring, store, self._threads, stay=int(hello.schedule_stay * 3_600_000))
        self._commands = Dispatch(
            AccountHandlers(self._account, store),
            messages,
            GroupHandlers(Groups(self._client), self._account, store),
            ProfileHandlers(Profiles(self._client, self._account), self._account, store),
            SideLoginHandlers(self._side_logins),
            ControlHandlers(process),
        )

    def _new_side_logins(self, process: Pausing) -> SideLogins:
        hello = self._hello
        begins = LoginBegins(
            keys=hello.keys,
            endpoint=hello.endpoint,
            require_endpoint=hello.require_endpoint,
            log_level=hello.log_level.upper(),
            record_stanzas=hello.record_stanzas,
        )
        limits = PauseLimits(hello.side_login_distance, hello.side_login_per_day)
        start = partial(LoginProcess.start, begins)
        return SideLogins(limits, process, self.store, start, reading=hello.phone_changes_distance)

    def start(self, library: Library | None = None) -> None:
        """Store what the last process left, then connect, or show codes where no device is linked.

        Args:
            library: neonize, where it was loaded before.

        Raises:
            SetupError, StoreError: it cannot be; nothing was taken from WhatsApp.
        """
        if self._hello.log_level.upper() != "DEBUG":
            _drop_prints()
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._intake.recover(self._hello.decrypted)
        self._deferring.recover()
        if self._hello.pairing:  # what an account held back that was unlinked while no process ran
            self._go_on_with(self._departures.forget())
        self._go_on_with(self._departures.run())
        if self._retention is not None:
            self._go_on_with(keep_pruned(self.store))
        self._go_on_with(keep_gathered(self.store))
        self._client.start(
            library or load(self._hello.endpoint, require_endpoint=self._hello.require_endpoint),
            ClientEvents(
                event=self._on_event,
                qr=partial(self._in_loop, self._show),
                login_status=partial(self._in_loop, self._take_login_status),
                log=self._on_log,
                ended=partial(self._in_loop, self._take_client_end),
            ),
        )

    @property
    def store(self) -> StoreThread:
        return self._intake.store

    async def run(self, command: Command[R], timeout: float) -> R:
        """The thread of a call that timed out goes on until whatsmeow gives up (75 s); it keeps its place till then."""
        try:
            async with asyncio.timeout(timeout):
                return await self._commands.run(command, self._threads)
        except TimeoutError:
            raise SessionTimeout(f"WhatsApp did not answer within {timeout:g} seconds") from None

    async def log_out(self) -> bool:
        """Unlink the device; whether WhatsApp confirmed it. What is held never leaves."""
        await self._departures.forget()
        try:
            await anyio.to_thread.run_sync(self._account.logout)
        except WhatsAppMcpError as error:
            logger.warning("WhatsApp did not confirm the logout: %s", error.message)
            return False
        return True

    @property
    def holds_messages(self) -> bool:
        """Whether messages are to leave later."""
        return self._departures.are_expected

    async def _settled(self, message_id: str) -> None:
        await self._departures.settled(message_id)

    async def begin_nothing(self) -> None:
        """Who waits for a side login that has not begun, and what is held, is left to the next process."""
        self._departures.stop()
        await self._side_logins.close()

    async def disconnect(self) -> None:
        """Close the socket, and wait until every decrypted message is handed over."""
        if self._disconnected:
            return
        self._disconnected = True
        await self._departures.ended()
        await anyio.to_thread.run_sync(self._client.disconnect)
        if not await anyio.to_thread.run_sync(self._client.wait_until_quiet):
            logger.warning("events still arrived when the time to drain was over")

    def cut(self) -> None:
        """Close the socket, in any thread; nothing is waited for."""
        self._disconnected = True
        self._client.disconnect()

    async def close(self) -> None:
        """Disconnect, and commit all that came."""
        for task in self._tasks:
            task.cancel()
        await self.disconnect()
        if not await anyio.to_thread.run_sync(self.store.close, STORE_CLOSE_LIMIT):
            logger.error("the store was still writing when the time to close it was over")

    def _go_on_with(self, work: Coroutine[None, None, None]) -> None:
        """In the background, until the end."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- from foreign threads -----------------------------------------------------------------------------------------

    def _in_loop(self, work: Callable[..., object], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(work, *arguments)

    def _on_event(self, code: int, payload: bytes) -> None:
        if code == EventCode.UNDECRYPTABLE and self._keys_gone.is_set():
            return  # it was not confirmed, and comes again
        self._intake.event(code, payload)

    def _check_keys(self) -> None:
        """End if the keys cannot be reached. whatsmeow waits for the end of this: what it could not decrypt without
        them it would confirm next, and ask its sender for it until the sender gives up. Without a socket it confirms
        nothing, and WhatsApp delivers it to the next process."""
        if not isinstance(self._keys, PostgresSchema) or self._keys_gone.is_set():
            return
        try:
            check_reachable(self._keys)
        except WhatsAppMcpError as error:
            self._keys_gone.set()
            self._client.disconnect()
            self._in_loop(self._take, p.Ended(reason="store_error", detail=error.message))

    def _on_log(self, level: str, name: str, text: str) -> None:
        if self._record is not None:
            self._record.line(level, name, text)
        levels = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}
        shown = levels.get(level, logging.INFO)
        if is_repetition(level, name, text):
            self._intake.repeated(text)
            shown = logging.INFO  # nearly all are harmless
        elif is_unparsed(level, name, text):
            self._intake.unparsed(text)
        elif is_unread_history(level, name, text):
            self._in_loop(lambda: self._go_on_with(self._fetch_unread_history()))
        elif ban := ban_in(level, name, text):
            self._in_loop(self._take, _end_by(ban))
        elif may_be_of_keys(name, text):
            self._check_keys()
        elif unencrypted := unencrypted_in(level, name, text):
            self._account.goes_without(*unencrypted)
        elif explained := unavailable_in(level, name, text):
            self._intake.unavailable(*explained)
        elif channel := channel_of_deletion(level, name, text):
            self._in_loop(self._deleted_posts.note, channel)
            shown = logging.INFO
        logging.getLogger("whatsapp_mcp.whatsmeow").log(shown, "%s: %s", name, text)

    # -- what happens -------------------------------------------------------------------------------------------------

    def _take(self, notice: p.Notice) -> None:
        connected = isinstance(notice, p.StateChanged) and notice.state is SessionState.CONNECTED
        if connected and not self._was_connected:
            self._was_connected = True
            self._go_on_with(self._sync_contacts())
            self._go_on_with(self._sync(SyncGroups(), SyncNewsletters()))
            self._go_on_with(self._deleted_posts.look())
            self._go_on_with(self._fetch_histories())
        if isinstance(notice, p.StateChanged):
            self._departures.connection_is(up=connected)
        elif isinstance(notice, p.Ended) and notice.reason == "logged_out":
            self._go_on_with(self._departures.forget())
        self._tell(notice)

    def _show(self, code: str) -> None:
        self._qr_count += 1
        self._take(p.QrShown(text=code, seconds=FIRST_QR_SECONDS if self._qr_count == 1 else NEXT_QR_SECONDS))

    def _take_login_status(self, status: str) -> None:
        match status:
            case "success":
                self._take(p.StateChanged(state=SessionState.CONNECTING))
                self._go_on_with(self._end_when_left_alone())
            case "timeout":
                self._take(p.Ended(reason="qr_timeout", detail="nobody scanned the QR code in time"))
            case _:
                detail = "pairing failed; scan a fresh code"
                self._take(p.Ended(reason="pairing_failed", detail=detail, whatsapp_said=status))

    async def _end_when_left_alone(self) -> None:
        """After pairing, whatsmeow reconnects by itself, unless the server hung up before it had read the 515."""
        checks_without_socket = 0
        while not self._was_connected and checks_without_socket < 2:
            await asyncio.sleep(RECONNECT_CHECK)
            has_socket = await anyio.to_thread.run_sync(self._client.has_socket)
            checks_without_socket = 0 if has_socket else checks_without_socket + 1
        if not self._was_connected:
            self._take(p.Ended(reason="connect_failed", detail="paired, but the connection did not come back"))

    async def _sync_contacts(self) -> None:
        """neonize tells nothing of contacts that come with the app state, some time after the connection."""
        for pause in CONTACT_SYNCS:
            await asyncio.sleep(pause)
            try:
                await self.run(SyncContacts(), timeout=10)
            except WhatsAppMcpError as error:
                logger.info("contacts could not be copied: %s", error.message)

    async def _sync(self, *commands: Command[None]) -> None:
        """Groups and channels have their names from linking on, whether or not somebody writes."""
        for pause in ASKED_AT:
            await asyncio.sleep(pause)
            try:
                for command in commands:
                    await self.run(command, timeout=ASKED_LIMIT)
            except WhatsAppMcpError as error:
                logger.info("groups and channels could not be listed: %s", error.message)
            else:
                return

    async def _fetch_histories(self) -> None:
        """What the process before this one was told of a history and had not got."""
        for announced in self._intake.announced:
            await self._fetch_history(announced)

    async def _fetch_unread_history(self) -> None:
        """Of what whatsmeow gives up as a whole, only what is broken is missing here."""
        for _ in range(ANNOUNCEMENT_CHECKS):
            if (announced := self._intake.unread_history()) is not None:
                await self._fetch_history(announced)
                return
            await asyncio.sleep(ANNOUNCEMENT_CHECK)

    async def _fetch_history(self, announced: HistorySyncNotification) -> None:
        try:
            part = await anyio.to_thread.run_sync(self._account.history_part, announced, abandon_on_cancel=True)
        except WhatsAppMcpError as error:
            logger.warning("a part of the history is missing: %s", error.message)
        else:
            self._intake.event(EventCode.HISTORY_SYNC, part)

    def _take_client_end(self, error: str | None) -> None:
        if self._disconnected:
            return
        if self._was_connected:
            ended = p.Ended(reason="pump_died", detail="neonize stopped delivering events", whatsapp_said=error)
        elif (error or "").startswith(NO_DATABASE) and isinstance(self._keys, PostgresSchema):
            logger.warning("neonize cannot use the database %s: %s", self._keys, error)
            ended = p.Ended(reason="store_error", detail=f"neonize cannot use the database {self._keys}")
        elif (why := why_unreachable(error or "")) is not None:
            ended = p.Ended(reason="connect_failed", detail=why)
        else:
            ended = p.Ended(reason="connect_failed", detail="neonize ended before it connected", whatsapp_said=error)
        self._take(ended)


def _end_by(ban: Ban) -> p.Ended:
    until = now() + timedelta(seconds=ban.seconds) if ban.seconds is not None else None
    ending = f" until {until:%Y-%m-%d %H:%M} UTC" if until is not None else ", and does not say until when"
    return p.Ended(reason="banned", detail=f"WhatsApp has banned it{ending} (code {ban.code})", until=until)


def _drop_prints() -> None:
    """What neonize prints to descriptor 1 (login events, send errors) also comes as a callback or as an answer."""
    lead_nowhere(1)
