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
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
from pydantic import ValidationError

from whatsapp_mcp.descriptors import Descriptors, claim_stdio
from whatsapp_mcp.errors import InvalidArgument, SessionTimeout, SetupError, StoreError, WhatsAppMcpError
from whatsapp_mcp.models.changes import ContactSeen, IdentityLearned
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.models.views import Device
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe import lines as p
from whatsapp_mcp.pipe.account import SyncContacts
from whatsapp_mcp.pipe.command import Command, Wire
from whatsapp_mcp.store.files import archive_store
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.client import Client, ClientEvents, EventCode
from whatsapp_mcp.whatsapp.events import changes_from_event
from whatsapp_mcp.whatsapp.groups import Groups
from whatsapp_mcp.whatsapp.history import changes_from_history
from whatsapp_mcp.whatsapp.library import load
from whatsapp_mcp.whatsapp.profiles import Profiles
from whatsapp_mcp.whatsapp.sealed import open_sealed
from whatsapp_mcp.worker.dispatch import Dispatch
from whatsapp_mcp.worker.handlers.account import AccountHandlers
from whatsapp_mcp.worker.handlers.groups import GroupHandlers
from whatsapp_mcp.worker.handlers.messages import MessageHandlers
from whatsapp_mcp.worker.handlers.profiles import ProfileHandlers
from whatsapp_mcp.worker.intake import Intake
from whatsapp_mcp.worker.lost import tells_of_a_repetition
from whatsapp_mcp.worker.pruning import keep_pruned, policy
from whatsapp_mcp.worker.store_thread import StoreThread

__all__ = ["main"]

logger = logging.getLogger("whatsapp_mcp.session")

R = TypeVar("R")
MAX_LINE: Final = 16 * 1024 * 1024
CALLS_AT_ONCE: Final = 16
FIRST_QR_SECONDS: Final = 60.0
NEXT_QR_SECONDS: Final = 20.0
"""Validity of the first and the later codes of one pairing (whatsmeow: qrchan.go)."""
CONTACT_SYNCS: Final = (1.0, 4.0, 25.0)
"""Seconds after connecting, each after the one before, at which the linked device's contacts are copied."""
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
        self._stopping = threading.Event()
        self._was_connected = False
        self._silent = False
        self._pruning: asyncio.Task[None] | None = None
        self._qr_count = 0
        self._finished: asyncio.Future[p.Ended]
        self._loop: asyncio.AbstractEventLoop
        self._writer: asyncio.WriteTransport
        self._client: Client
        self._account: Account
        self._store: StoreThread

    async def run(self) -> int:
        """Until the end; the exit code is 0 for every orderly end."""
        self._loop = asyncio.get_running_loop()
        self._finished = self._loop.create_future()
        reader = await self._open_pipe()
        try:
            hello = await self._hello(reader)
            self._start(hello)
        except WhatsAppMcpError as error:
            reason: p.EndReason = "store_error" if isinstance(error, StoreError) else "setup_error"
            self._write(p.Ended(reason=reason, detail=f"{error.message}. {error.next_step}"))
            return 1
        self._loop.add_signal_handler(signal.SIGTERM, self._finish, p.Ended(reason="stopped"))
        self._loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal sends it to the whole group
        serving = asyncio.create_task(self._serve(reader))
        ended = await self._finished
        serving.cancel()
        await self._drain()
        self._write(ended)
        await asyncio.sleep(0)
        return 0

    # -- start --------------------------------------------------------------------------------------------------------

    async def _open_pipe(self) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=MAX_LINE)
        await self._loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self._wire.incoming, "rb", 0)
        )
        transport, _ = await self._loop.connect_write_pipe(asyncio.Protocol, os.fdopen(self._wire.outgoing, "wb", 0))
        self._writer = transport
        return reader

    async def _hello(self, reader: asyncio.StreamReader) -> p.Hello:
        try:
            with anyio.fail_after(10):
                return codec.decode_hello(await reader.readline())
        except (TimeoutError, ValidationError) as error:
            raise SetupError("the session process is started by the server, not by hand") from error

    def _start(self, hello: p.Hello) -> None:
        logging.getLogger("whatsapp_mcp").setLevel(hello.log_level.upper())
        if hello.log_level.upper() != "DEBUG":
            _drop_prints()
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._store_path = Path(hello.store_path)
        self._retention = policy(hello.retention_days, Path(hello.media_dir)) if hello.retention_days else None
        self._intake = Intake(
            self._open_store(),
            self._store_path,
            translate=self._translate,
            later=self._later,
            on_stored=lambda newest: self._notify(p.Stored(newest_arrival=newest)),
            on_failure=self._on_store_failure,
        )
        self._store = self._intake.store
        self._intake.recover(hello.decrypted)
        library = load(hello.endpoint, require_endpoint=hello.require_endpoint)
        events = ClientEvents(
            event=self._intake.event,
            qr=self._on_qr,
            login_status=self._on_login_status,
            log=self._on_log,
            ended=self._on_client_ended,
        )
        level = _WHATSMEOW_LEVELS.get(hello.log_level.upper(), "WARN")
        self._client = Client(library, Path(hello.session_db), events, log_level=level)
        self._account = Account(self._client)
        self._commands = Dispatch(
            AccountHandlers(self._account, self._store),
            MessageHandlers(self._account, self._store),
            GroupHandlers(Groups(self._client), self._account, self._store),
            ProfileHandlers(Profiles(self._client, self._account)),
        )
        if self._retention is not None:
            self._pruning = asyncio.create_task(keep_pruned(self._store))
        self._client.start()

    # -- pipe ---------------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader) -> None:
        tasks: set[asyncio.Task[None]] = set()
        try:
            while line := await reader.readline():
                task = asyncio.create_task(self._answer(line))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:  # also when reading fails: a process that hears nothing any more must not stay
            self._finish(p.Ended(reason="stopped", detail="the server closed the pipe"))

    async def _answer(self, line: bytes) -> None:
        try:
            call = codec.decode_call(line)
        except ValidationError:
            logger.error("unreadable line from the server: %.200r", line)
            return
        try:
            command = codec.command_in(call)
            result = await self._run(command, call.timeout)
            self._write(codec.reply_of(call, command, result))
        except WhatsAppMcpError as error:
            self._write(p.Reply(id=call.id, error=error.to_wire()))
        except ValidationError as error:
            self._write(p.Reply(id=call.id, error=InvalidArgument(str(error)).to_wire()))
        except Exception:
            logger.exception("command %s failed", call.command)
            self._write(p.Reply(id=call.id, error=WhatsAppMcpError("the session hit an unexpected error").to_wire()))

    async def _run(self, command: Command[R], timeout: float) -> R:
        """The thread of a call that timed out goes on until whatsmeow gives up (75 s); it keeps its place till then."""
        try:
            with anyio.fail_after(timeout):
                return await anyio.to_thread.run_sync(
                    self._commands.run, command, abandon_on_cancel=True, limiter=self._limiter
                )
        except TimeoutError:
            raise SessionTimeout(f"WhatsApp did not answer within {timeout:g} seconds") from None

    def _write(self, line: Wire) -> None:
        if not self._writer.is_closing():
            self._writer.write(codec.encode(line))

    def _notify(self, notice: p.Notice) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._write, notice)

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, work)

    # -- neonize's callbacks (foreign threads) ------------------------------------------------------------------------

    def _on_qr(self, text: str) -> None:
        self._qr_count += 1
        seconds = FIRST_QR_SECONDS if self._qr_count == 1 else NEXT_QR_SECONDS
        self._notify(p.QrShown(text=text, seconds=seconds))

    def _on_login_status(self, status: str) -> None:
        if status == "timeout":
            self._end("qr_timeout", "nobody scanned the QR code in time")
        elif status != "success":
            self._end("pairing_failed", f"pairing failed ({status}); scan a fresh code")
        else:
            self._notify(p.StateChanged(state=SessionState.CONNECTING))
            self._loop.call_soon_threadsafe(self._watch_first_connection)

    def _on_log(self, level: str, name: str, text: str) -> None:
        levels = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}
        shown = levels.get(level, logging.INFO)
        if tells_of_a_repetition(text):
            self._intake.repeated(text)
            shown = logging.INFO  # nearly all are harmless
        elif "temporary ban connect failure" in text.lower():
            self._end("banned", text)
        logging.getLogger("whatsapp_mcp.whatsmeow").log(shown, "%s: %s", name, text)

    def _on_client_ended(self, error: str | None) -> None:
        if self._was_connected:
            self._end("pump_died", error or "neonize stopped delivering events")
        else:
            self._end("connect_failed", error or "neonize ended before it connected")

    def _watch_first_connection(self) -> None:
        """After pairing, whatsmeow reconnects by itself, unless the server hung up before it had read the 515."""
        self._watch = asyncio.create_task(self._end_when_left_alone())

    async def _end_when_left_alone(self) -> None:
        checks_without_socket = 0
        while not self._was_connected and checks_without_socket < 2:
            await asyncio.sleep(RECONNECT_CHECK)
            has_socket = await anyio.to_thread.run_sync(self._client.has_socket)
            checks_without_socket = 0 if has_socket else checks_without_socket + 1
        if not self._was_connected:
            self._finish(p.Ended(reason="connect_failed", detail="paired, but the connection did not come back"))

    def _sync_contacts_soon(self) -> None:
        """neonize tells nothing of contacts that come with the app state, some time after the connection."""
        self._contacts = asyncio.create_task(self._sync_contacts())

    async def _sync_contacts(self) -> None:
        for pause in CONTACT_SYNCS:
            await asyncio.sleep(pause)
            try:
                await self._run(SyncContacts(), timeout=10)
            except WhatsAppMcpError as error:
                logger.info("contacts could not be copied: %s", error.message)

    # -- events (store thread) ----------------------------------------------------------------------------------------

    def _on_store_failure(self, error: Exception) -> None:
        """Take nothing more from WhatsApp. The next process connects only when what is in the journal is stored."""
        self._end("store_error", f"{error}. {error.next_step}" if isinstance(error, StoreError) else str(error))

    def _translate(self, code: int, payload: bytes) -> list[Any]:
        if self._silent and code not in (EventCode.KEEP_ALIVE_TIMEOUT, EventCode.DISCONNECTED):
            self._silent = False
            self._announce(SessionState.CONNECTED)
        match code:
            case EventCode.KEEP_ALIVE_TIMEOUT:
                if not self._silent:
                    self._silent = True
                    detail = "WhatsApp has not answered for half a minute"
                    self._notify(p.StateChanged(state=SessionState.RECONNECTING, detail=detail))
            case EventCode.DEVICE:
                self._remember_owner()
            case EventCode.CONNECTED:
                if not self._was_connected:
                    self._loop.call_soon_threadsafe(self._sync_contacts_soon)
                self._was_connected = True
                self._announce(SessionState.CONNECTED)
            case EventCode.DISCONNECTED:
                if not self._stopping.is_set():
                    self._announce(SessionState.RECONNECTING)
            case EventCode.LOGGED_OUT:
                self._end("logged_out", "the phone removed this linked device")
            case EventCode.STREAM_REPLACED:
                self._end("replaced", "another program connected as this linked device")
            case EventCode.CLIENT_OUTDATED:
                self._end("outdated", "WhatsApp refuses this version of the client (405)")
            case EventCode.HISTORY_SYNC:
                return changes_from_history(payload, self._store.owner)
            case _:
                changes = changes_from_event(code, payload)
                if code == EventCode.MESSAGE and all(isinstance(one, IdentityLearned | ContactSeen) for one in changes):
                    changes += open_sealed(
                        payload, self._store.find, self._intake.own
                    )  # nothing that could be read as it is
                return changes
        return []

    def _device(self) -> Device | None:
        try:
            return self._account.device()
        except WhatsAppMcpError:
            return None

    def _announce(self, state: SessionState) -> None:
        device = self._device()
        if device is not None:
            self._intake.own = tuple(jid.bare for jid in (device.jid, device.lid) if jid is not None)
            self._store.own(device.jid.bare, device.lid.bare if device.lid else None)
        self._notify(
            p.StateChanged(
                state=state,
                own_jid=device.jid if device else None,
                own_lid=device.lid if device else None,
                push_name=device.push_name or None if device else None,
                platform=device.platform or None if device else None,
            )
        )

    def _remember_owner(self) -> None:
        device = self._device()
        if device is None:
            return
        number, lid = device.jid.bare, device.lid.bare if device.lid else None
        owner = self._store.owner
        if owner is not None and owner != number:
            logger.warning("another account is linked now; the messages of %s are kept aside", owner)
            self._store.replace(lambda: self._fresh_store(owner.user))
        self._store.own(number, lid)

    def _fresh_store(self, suffix: str) -> StoreWriter:
        archive_store(self._store_path, suffix)
        return self._open_store()

    def _open_store(self) -> StoreWriter:
        return StoreWriter(self._store_path, retention=self._retention)

    # -- end ----------------------------------------------------------------------------------------------------------

    def _end(self, reason: p.EndReason, detail: str) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._finish, p.Ended(reason=reason, detail=detail))

    def _finish(self, ended: p.Ended) -> None:
        if not self._finished.done():
            self._stopping.set()
            threading.Thread(target=_end_at_the_latest, daemon=True).start()
            self._finished.set_result(ended)

    async def _drain(self) -> None:
        """Close the socket, let every decrypted message reach the store, commit."""
        if self._pruning is not None:
            self._pruning.cancel()
        await anyio.to_thread.run_sync(self._client.disconnect)
        if not await anyio.to_thread.run_sync(self._client.wait_until_quiet):
            logger.warning("events still arrived when the time to drain was over")
        if not await anyio.to_thread.run_sync(self._store.close, STORE_CLOSE_LIMIT):
            logger.error("the store was still writing when the time to close it was over")


def _drop_prints() -> None:
    """What neonize prints to descriptor 1 (login events, send errors) also comes as a callback or as an answer."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _end_at_the_latest() -> None:
    """In a daemon thread, for the case that the loop or neonize hangs: a stop that works is over long before."""
    time.sleep(STOP_LIMIT)
    os._exit(3)


def main() -> None:
    """Entry point; ends with os._exit because Go threads keep a normal interpreter exit waiting for ever."""
    wire = claim_stdio()
    os.umask(0o077)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    code = 1
    try:
        code = asyncio.run(SessionProcess(wire).run())
    except Exception:
        logger.exception("the session process failed")
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
