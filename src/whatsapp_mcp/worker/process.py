"""The session process: owns neonize and writes the store. Started by the session manager, never by a person.

    python -m whatsapp_mcp.worker.process        (stdin: Hello and Calls, stdout: Replies and Notices)

It lives for one start of neonize. It ends, after draining, when its stdin closes (the server is gone), when it is told
to, or when neonize can do no more: logged out, replaced, outdated, pump dead. Its last line says why.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from whatsapp_mcp.descriptors import Descriptors, claim_stdio
from whatsapp_mcp.errors import SessionTimeout, StoreError, WhatsAppMcpError
from whatsapp_mcp.log_lines import start_logging
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.pipe import lines as p
from whatsapp_mcp.pipe.account import SyncContacts
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.groups import SyncGroups
from whatsapp_mcp.platform.handles import lead_nowhere
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.client import Client, ClientEvents
from whatsapp_mcp.whatsapp.groups import Groups
from whatsapp_mcp.whatsapp.library import load
from whatsapp_mcp.whatsapp.media_downloads import MediaDownloads
from whatsapp_mcp.whatsapp.profiles import Profiles
from whatsapp_mcp.whatsapp.whatsmeow_log import ban_in, is_repetition, is_unparsed, unavailable_in
from whatsapp_mcp.worker.dispatch import Dispatch
from whatsapp_mcp.worker.handlers.account import AccountHandlers
from whatsapp_mcp.worker.handlers.groups import GroupHandlers
from whatsapp_mcp.worker.handlers.messages import MessageHandlers
from whatsapp_mcp.worker.handlers.profiles import ProfileHandlers
from whatsapp_mcp.worker.intake import Intake
from whatsapp_mcp.worker.pruning import keep_pruned, policy
from whatsapp_mcp.worker.server_pipe import ServerPipe

logger = logging.getLogger("whatsapp_mcp.session")

R = TypeVar("R")
CALLS_AT_ONCE: Final = 16
FIRST_QR_SECONDS: Final = 60.0
NEXT_QR_SECONDS: Final = 20.0
"""Validity of the first and the later codes of one pairing (whatsmeow: qrchan.go)."""
CONTACT_SYNCS: Final = (1.0, 4.0, 25.0)
"""Seconds after connecting, each after the one before, at which the linked device's contacts are copied."""
GROUP_SYNCS: Final = (0.5, 20.0, 300.0)
"""Seconds after connecting, each after the one before, at which the groups are asked for until they are told."""
GROUP_SYNC_LIMIT: Final = 80.0
"""Seconds; whatsmeow gives up after 75."""
RECONNECT_CHECK: Final = 0.7
"""Seconds; two checks without a socket after pairing mean that nobody reconnects. whatsmeow takes milliseconds."""
STOP_LIMIT: Final = 12.0
"""Seconds after which a stop that hangs ends the process the hard way."""
STORE_CLOSE_LIMIT: Final = 5.0
SWITCH_INTERVAL: Final = 0.0005
"""Seconds for which a thread may keep Python to itself: an event that waits for its turn is lost in a crash."""

_WHATSMEOW_LEVELS: Final = {"DEBUG": "DEBUG", "INFO": "INFO"}
"""whatsmeow formats and ships every line of its level or above; DEBUG includes every stanza. Never above WARN: bans and
ignored repetitions are recognised by lines of that level."""


class SessionProcess:
    """Connects the pipe, neonize and the store for the life of this process."""

    def __init__(self, wire: Descriptors) -> None:
        self._wire = wire
        self._limiter = anyio.CapacityLimiter(CALLS_AT_ONCE)
        self._was_connected = False
        self._qr_count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished: asyncio.Future[p.Ended]
        self._loop: asyncio.AbstractEventLoop
        self._pipe: ServerPipe
        self._client: Client
        self._intake: Intake
        self._commands: Dispatch

    async def run(self) -> int:
        """Until the end; the exit code is 0 for every orderly end."""
        self._loop = asyncio.get_running_loop()
        self._finished = self._loop.create_future()
        self._pipe = await ServerPipe.open(self._wire)
        try:
            self._start(await self._pipe.hello())
        except WhatsAppMcpError as error:
            reason: p.EndReason = "store_error" if isinstance(error, StoreError) else "setup_error"
            self._pipe.write(p.Ended(reason=reason, detail=f"{error.message}. {error.next_step}"))
            return 1
        self._loop.add_signal_handler(signal.SIGTERM, self._finish, p.Ended(reason="stopped"))
        self._loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal sends it to the whole group
        self._go_on_with(self._serve())
        ended = await self._finished
        for task in self._tasks:
            task.cancel()
        await self._drain()
        self._pipe.write(ended)
        await asyncio.sleep(0)
        return 0

    # -- start --------------------------------------------------------------------------------------------------------

    def _start(self, hello: p.Hello) -> None:
        level = hello.log_level.upper()
        logging.getLogger("whatsapp_mcp").setLevel(level)
        if level != "DEBUG":
            _drop_prints()
        sys.setswitchinterval(SWITCH_INTERVAL)
        in_loop = self._loop.call_soon_threadsafe
        self._client = Client(Path(hello.session_db), log_level=_WHATSMEOW_LEVELS.get(level, "WARN"))
        account = Account(self._client, MediaDownloads(hello.endpoint))
        retention = policy(hello.retention_days, Path(hello.media_dir)) if hello.retention_days else None
        self._intake = Intake(
            Path(hello.store_path),
            account,
            tell=self._tell,
            later=lambda seconds, work: in_loop(self._loop.call_later, seconds, work),
            open_writer=partial(StoreWriter, retention=retention),
        )
        store = self._intake.store
        self._commands = Dispatch(
            AccountHandlers(account, store),
            MessageHandlers(account, store, Path(hello.media_dir)),
            GroupHandlers(Groups(self._client), account, store),
            ProfileHandlers(Profiles(self._client, account)),
        )
        self._intake.recover(hello.decrypted)
        if retention is not None:
            self._go_on_with(keep_pruned(store))
        self._client.start(
            load(hello.endpoint, require_endpoint=hello.require_endpoint),
            ClientEvents(
                event=self._intake.event,
                qr=lambda text: in_loop(self._show, text),
                login_status=lambda status: in_loop(self._take_login_status, status),
                log=self._on_log,
                ended=lambda error: in_loop(self._take_client_end, error),
            ),
        )

    def _go_on_with(self, work: Coroutine[None, None, None]) -> None:
        """In the background, until the end."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- calls --------------------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        try:
            await self._pipe.serve(self._run)
        finally:  # also when reading fails: a process that hears nothing any more must not stay
            self._finish(p.Ended(reason="stopped", detail="the server closed the pipe"))

    async def _run(self, command: Command[R], timeout: float) -> R:
        """The thread of a call that timed out goes on until whatsmeow gives up (75 s); it keeps its place till then."""
        try:
            with anyio.fail_after(timeout):
                return await anyio.to_thread.run_sync(
                    self._commands.run, command, abandon_on_cancel=True, limiter=self._limiter
                )
        except TimeoutError:
            raise SessionTimeout(f"WhatsApp did not answer within {timeout:g} seconds") from None

    # -- from foreign threads -----------------------------------------------------------------------------------------

    def _tell(self, notice: p.Notice) -> None:
        self._loop.call_soon_threadsafe(self._take, notice)

    def _on_log(self, level: str, name: str, text: str) -> None:
        levels = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}
        shown = levels.get(level, logging.INFO)
        if is_repetition(level, name, text):
            self._intake.repeated(text)
            shown = logging.INFO  # nearly all are harmless
        elif is_unparsed(level, name, text):
            self._intake.unparsed(text)
        elif ban := ban_in(level, name, text):
            self._tell(p.Ended(reason="banned", detail=ban, whatsapp_said=text))
        elif explained := unavailable_in(level, name, text):
            self._intake.unavailable(*explained)
        logging.getLogger("whatsapp_mcp.whatsmeow").log(shown, "%s: %s", name, text)

    # -- what happens -------------------------------------------------------------------------------------------------

    def _take(self, notice: p.Notice) -> None:
        """Pass a notice on to the server, and do what it means for this process."""
        match notice:
            case p.Ended():
                self._finish(notice)
                return
            case p.StateChanged(state=SessionState.CONNECTED) if not self._was_connected:
                self._was_connected = True
                self._go_on_with(self._sync_contacts())
                self._go_on_with(self._sync_groups())
            case p.StateChanged(state=SessionState.RECONNECTING) if self._finished.done():
                return  # it is we who closed the connection
        self._pipe.write(notice)

    def _show(self, code: str) -> None:
        self._qr_count += 1
        seconds = FIRST_QR_SECONDS if self._qr_count == 1 else NEXT_QR_SECONDS
        self._take(p.QrShown(text=code, seconds=seconds))

    def _take_login_status(self, status: str) -> None:
        match status:
            case "success":
                self._take(p.StateChanged(state=SessionState.CONNECTING))
                self._go_on_with(self._end_when_left_alone())
            case "timeout":
                self._finish(p.Ended(reason="qr_timeout", detail="nobody scanned the QR code in time"))
            case _:
                detail = "pairing failed; scan a fresh code"
                self._finish(p.Ended(reason="pairing_failed", detail=detail, whatsapp_said=status))

    async def _end_when_left_alone(self) -> None:
        """After pairing, whatsmeow reconnects by itself, unless the server hung up before it had read the 515."""
        checks_without_socket = 0
        while not self._was_connected and checks_without_socket < 2:
            await asyncio.sleep(RECONNECT_CHECK)
            has_socket = await anyio.to_thread.run_sync(self._client.has_socket)
            checks_without_socket = 0 if has_socket else checks_without_socket + 1
        if not self._was_connected:
            self._finish(p.Ended(reason="connect_failed", detail="paired, but the connection did not come back"))

    async def _sync_contacts(self) -> None:
        """neonize tells nothing of contacts that come with the app state, some time after the connection."""
        for pause in CONTACT_SYNCS:
            await asyncio.sleep(pause)
            try:
                await self._run(SyncContacts(), timeout=10)
            except WhatsAppMcpError as error:
                logger.info("contacts could not be copied: %s", error.message)

    async def _sync_groups(self) -> None:
        """Groups have their names from linking on, whether or not somebody writes."""
        for pause in GROUP_SYNCS:
            await asyncio.sleep(pause)
            try:
                await self._run(SyncGroups(), timeout=GROUP_SYNC_LIMIT)
            except WhatsAppMcpError as error:
                logger.info("groups could not be listed: %s", error.message)
            else:
                return

    # -- end ----------------------------------------------------------------------------------------------------------

    def _take_client_end(self, error: str | None) -> None:
        if self._was_connected:
            ended = p.Ended(reason="pump_died", detail="neonize stopped delivering events", whatsapp_said=error)
        else:
            ended = p.Ended(reason="connect_failed", detail="neonize ended before it connected", whatsapp_said=error)
        self._finish(ended)

    def _finish(self, ended: p.Ended) -> None:
        if not self._finished.done():
            threading.Thread(target=_end_at_the_latest, daemon=True).start()
            self._finished.set_result(ended)

    async def _drain(self) -> None:
        """Close the socket, let every decrypted message reach the store, commit."""
        await anyio.to_thread.run_sync(self._client.disconnect)
        if not await anyio.to_thread.run_sync(self._client.wait_until_quiet):
            logger.warning("events still arrived when the time to drain was over")
        if not await anyio.to_thread.run_sync(self._intake.store.close, STORE_CLOSE_LIMIT):
            logger.error("the store was still writing when the time to close it was over")


def _drop_prints() -> None:
    """What neonize prints to descriptor 1 (login events, send errors) also comes as a callback or as an answer."""
    lead_nowhere(1)


def _end_at_the_latest() -> None:
    """In a daemon thread, for the case that the loop or neonize hangs: a stop that works is over long before."""
    time.sleep(STOP_LIMIT)
    os._exit(3)


def main() -> None:
    """Entry point; ends with os._exit because Go threads keep a normal interpreter exit waiting for ever."""
    wire = claim_stdio()
    os.umask(0o077)
    start_logging()
    code = 1
    try:
        code = asyncio.run(SessionProcess(wire).run())
    except Exception:
        logger.exception("the session process failed")
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
