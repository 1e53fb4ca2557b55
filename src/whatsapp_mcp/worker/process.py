"""The session process of an account: owns neonize, writes the store, serves any number of servers.

    python -m whatsapp_mcp.worker.process FOLDER LOCK       (stdin: Hello; stdout: that it listens)

Started by a session manager, never by a person, with the account's lock in hand; it is nobody's child. It lives for one
start of neonize. It ends, after draining, some seconds after its last server has left, when it is told to, or when
neonize can do no more: logged out, replaced, outdated, pump dead. Its last line to each client says why, as does the
ledger.
"""

from __future__ import annotations

import gc

if __name__ == "__main__":
    gc.disable()  # importing makes many objects and hardly any garbage; `main` switches it on again

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from whatsapp_mcp import __version__
from whatsapp_mcp.clock import now
from whatsapp_mcp.descriptors import claim_stdio
from whatsapp_mcp.errors import NotConnected, WhatsAppMcpError
from whatsapp_mcp.log_lines import start_logging
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.pipe import lines as p
from whatsapp_mcp.pipe.account_lock import AccountLock
from whatsapp_mcp.pipe.codec import Moving, decode_hello
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.pipe.pieces import MAX_LINE
from whatsapp_mcp.pipe.versions import is_newer
from whatsapp_mcp.platform.endpoint import listen
from whatsapp_mcp.platform.signals import INTERRUPT, TERMINATE, handled
from whatsapp_mcp.qr_picture import QR_FILE_NAME
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.library import Library, load
from whatsapp_mcp.worker.clients import Clients
from whatsapp_mcp.worker.connection import WhatsAppConnection
from whatsapp_mcp.worker.ends import end_reason
from whatsapp_mcp.worker.log_file import TellClients, keep_log_small
from whatsapp_mcp.worker.qr_file import QrFile
from whatsapp_mcp.worker.sleep import sleep_noticed
from whatsapp_mcp.worker.webhook_process import WebhookProcess

if TYPE_CHECKING:
    from whatsapp_mcp.worker.holding import Holding

logger = logging.getLogger("whatsapp_mcp.session")

R = TypeVar("R")
CALLS_DRAIN: Final = 5.0
"""Seconds that calls under way have before neonize is disconnected."""
ANSWERS_LIMIT: Final = 1.0
"""Seconds in which those that were still under way learn that the connection is gone."""
FIRST_CLIENT: Final = 20.0
"""Seconds at least in which somebody has to attach."""
LOST_LIMIT: Final = 0.3
"""The same when the account is another node's."""
DISMISS_LIMIT: Final = 1.0
"""Seconds in which clients have to read what is said at the end."""
STOP_LIMIT: Final = 18.0
"""Seconds after which a stop that hangs ends the process the hard way."""


class SessionProcess:
    """Who uses it, how it stands, and when it ends. ``WhatsAppConnection`` does the rest.

    Args:
        folder: of the account, whose lock this process holds.
        hello: what it works on.
    """

    def __init__(self, folder: Path, hello: p.Hello) -> None:
        self._folder = folder
        self._hello = hello
        self._clients = Clients(self)
        self._ledger_path = Path(hello.ledger_path)
        self._ledger = Ledger.read(self._ledger_path)
        self._standing = p.StateChanged(state=SessionState.PAIRING if hello.pairing else SessionState.CONNECTING)
        self._code: tuple[p.QrShown, float] | None = None
        """The QR code of the moment, and when it was shown."""
        self._qr_file = QrFile(folder / QR_FILE_NAME)
        self._webhooks = WebhookProcess(hello.webhooks)
        self._paused = False
        self._unused: asyncio.TimerHandle | None = None
        self._connection: WhatsAppConnection | None = None
        self._holding: Holding | None = None
        self._library: Library | None = None
        """neonize, where it was loaded before there is a connection."""
        self._started = asyncio.Event()
        """Whether it is known if there is a connection."""
        self._finished: asyncio.Future[p.Ended]
        self._loop: asyncio.AbstractEventLoop

    async def run(self, listens: Callable[[], None]) -> int:
        """Until the end; the exit code is 0 for every orderly end.

        Args:
            listens: is called when clients can attach.
        """
        self._loop = asyncio.get_running_loop()
        self._finished = self._loop.create_future()
        logging.getLogger("whatsapp_mcp").setLevel(self._hello.log_level.upper())
        self._ledger.start(os.getpid(), __version__, now())
        self._ledger.write(self._ledger_path)
        self._qr_file.remove()  # of one that was killed
        listener = await listen(self._folder, self._clients.accept, limit=MAX_LINE)
        telling = TellClients(lambda logged: self._in_loop(self._clients.tell, logged))
        logging.root.addHandler(telling)
        listens()
        self._wait_for_clients(max(FIRST_CLIENT, self._hello.linger))
        beside = [asyncio.create_task(work) for work in (self._end_after_sleep(), keep_log_small(self._log))]
        with handled(TERMINATE, partial(self._finish, p.Ended(reason="stopped"))), handled(INTERRUPT, lambda: None):
            ended = await self._work()
        for task in beside:
            task.cancel()
        if ended.reason != "lease_lost":  # then another node may take the account over in a second
            await self._drain()
        self._qr_file.remove()
        self._ledger.end(ended, now())
        self._ledger.write(self._ledger_path)
        logging.root.removeHandler(telling)
        self._clients.end(ended)
        listener.close()
        await self._clients.dismiss(LOST_LIMIT if ended.reason == "lease_lost" else DISMISS_LIMIT)
        return int(self._connection is None)

    async def _work(self) -> p.Ended:
        """Until there is a reason to end."""
        if self._hello.shared is None:
            self._start()
            return await self._finished
        starting = asyncio.create_task(self._start_shared(self._hello.shared))
        ended = await self._finished
        await starting
        return ended

    async def _drain(self) -> None:
        """Answer what is under way, and store all that came."""
        if self._holding is not None:
            self._holding.close_door()
        if self._connection is not None:
            await self._connection.begin_nothing()
        await self._clients.answered(CALLS_DRAIN)
        if self._connection is not None:
            await self._connection.close()
            await self._clients.answered(ANSWERS_LIMIT)
        await self._webhooks.end()
        if self._holding is not None:
            await self._holding.release()

    async def _start_shared(self, shared: p.SharedAccount) -> None:
        """As soon as no other machine can have the account."""
        from whatsapp_mcp.worker.holding import Holding  # psycopg is loaded where there is a database

        found: Holding | p.Ended
        try:
            hello = self._hello  # before there is a lease to wait for: the account is away for as short as can be
            self._library = await asyncio.to_thread(load, hello.endpoint, require_endpoint=hello.require_endpoint)
            found = await Holding.begin(
                shared,
                self._folder / "lock",
                accepted=self._clients.accept,
                lost=self._lose,
                given_up=self._finished.done,
            )
        except WhatsAppMcpError as error:
            found = _end_by(error)
        except Exception:
            logger.exception("the account could not be taken")
            found = p.Ended(reason="crashed", detail="the account could not be taken; the log says why")
        if isinstance(found, p.Ended):
            self._finish(found)
        else:
            self._holding = found
            if not self._finished.done():
                self._start()
        self._started.set()

    def _lose(self, why: str) -> None:
        """In a foreign thread: the account is not ours any more, or soon will not be."""
        logger.error("%s", why)
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._finish, p.Ended(reason="lease_lost", detail=why))
        if self._connection is not None:
            self._connection.cut()

    def _start(self) -> None:
        try:
            guard = self._holding.lease.guard if self._holding is not None else ""
            connection = WhatsAppConnection(self._hello, self._take, self, guard=guard)
            connection.start(self._library)
        except WhatsAppMcpError as error:
            self._finish(_end_by(error))
        else:
            self._connection = connection
            self._webhooks.stored()  # what the last deliverer left

    def _in_loop(self, work: Callable[[p.Notice], None], notice: p.Notice) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(work, notice)

    @property
    def _log(self) -> Path:
        return Path(self._hello.log_path)

    # -- clients ------------------------------------------------------------------------------------------------------

    def answer(self, attach: p.Attach) -> p.Welcome | p.Refused:
        why = self._why_not(attach)
        if why is None:
            return p.Welcome(
                pid=os.getpid(),
                version=__version__,
                restarts=self._ledger.restarts,
                simulated=self._hello.endpoint is not None,
            )
        if why == "retired":
            self._finish(p.Ended(reason="retired", detail="a newer version of this program takes over"))
        return p.Refused(why=why, version=__version__, pid=os.getpid())

    def _why_not(self, attach: p.Attach) -> Literal["newer", "retired", "endpoint", "ending", "full"] | None:
        if self._finished.done():
            return "ending"
        is_command = attach.client.kind == "command"
        if attach.client.version != __version__:
            return "retired" if is_newer(attach.client.version, __version__) and not is_command else "newer"
        if is_command:
            return None
        endpoint = self._hello.endpoint
        if attach.noise_root != (endpoint.noise_root if endpoint is not None else None):
            return "endpoint"
        return "full" if self._clients.are_full else None

    def standing(self) -> Sequence[p.Notice]:
        known: list[p.Notice] = [self._standing]
        if self._code is not None:
            shown, since = self._code
            rest = since + shown.seconds - self._loop.time()
            known += [shown.model_copy(update={"seconds": rest})] if rest > 0 else []
        if self._connection is not None and (newest := self._connection.store.newest_arrival):
            known.append(p.Stored(newest_arrival=newest))
        return known

    def joined(self) -> None:
        if self._clients.keep_alive:
            self._stop_waiting()

    def left(self) -> bool:
        if self._clients.keep_alive:
            return False
        holds = self._connection is not None and self._connection.holds_messages
        if self._unused is None:
            self._wait_for_clients(self._hello.linger)
        return self._hello.linger == 0 and not holds

    def is_moving(self, command: Command[Any]) -> bool:
        if self._finished.done() or (self._paused and not command.unconnected):
            return True
        return self._connection is None and self._hello.shared is None

    async def run_command(self, command: Command[R], timeout: float) -> R:
        if self._hello.shared is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._started.wait()
            if self._connection is None:
                raise Moving
        assert self._connection is not None, "or the command is for the next process"
        return await self._connection.run(command, timeout)

    def _wait_for_clients(self, seconds: float) -> None:
        self._stop_waiting()
        self._unused = self._loop.call_later(seconds, self._end_unused)

    def _stop_waiting(self) -> None:
        if self._unused is not None:
            self._unused.cancel()
            self._unused = None

    def _end_unused(self) -> None:
        holds = self._connection is not None and self._connection.holds_messages
        if self._clients.keep_alive or self._paused or holds:
            self._wait_for_clients(max(1.0, self._hello.linger))
        else:
            self._finish(p.Ended(reason="unused", detail="no server uses it"))

    # -- what clients ask for -----------------------------------------------------------------------------------------

    def clients(self) -> tuple[p.AttachedClient, ...]:
        return tuple(self._clients)

    def waiting(self) -> int:
        return self._connection.store.waiting if self._connection is not None else 0

    def restart(self) -> None:
        self._finish(p.Ended(reason="restart", detail="restarted on request"))

    def move(self) -> None:
        self._finish(p.Ended(reason="moved", detail="another node takes the account over"))

    async def log_out(self, *, erase_messages: bool) -> bool:
        self._ledger.erase = True
        self._ledger.erase_messages |= erase_messages
        self._ledger.write(self._ledger_path)
        connected = self._standing.state is SessionState.CONNECTED and not self._paused
        confirmed = connected and self._connection is not None and await self._connection.log_out()
        self._finish(p.Ended(reason="logged_out_here"))
        return confirmed

    async def reindex(self) -> int:
        return await self._in_a_pause("the search index is made anew", StoreWriter.rebuild_search)

    async def vacuum(self) -> tuple[int, int]:
        return await self._in_a_pause("the message store is written anew", StoreWriter.compact)

    async def _in_a_pause(self, detail: str, work: Callable[[StoreWriter], R]) -> R:
        if self._paused:
            raise Moving
        async with self.paused(detail, connected=False):
            assert self._connection is not None, "or there was nothing to pause"
            # In the context of the call, whose client is told how far it is.
            of_call = copy_context()
            made = self._connection.store.run(lambda writer: of_call.run(work, writer))
            return await asyncio.wrap_future(made)

    @asynccontextmanager
    async def paused(self, detail: str, *, connected: bool = True) -> AsyncIterator[None]:
        """While inside, neonize is disconnected and the store is at hand; then the process ends, for the next to begin.

        Args:
            detail: what for, as a sentence for people.
            connected: only if the session is connected.

        Raises:
            NotConnected: there is nothing to pause.
        """
        connection = self._connection
        if connection is None or self._finished.done() or self._paused or (connected and not self._is_connected):
            raise NotConnected("the session is not connected")
        self._change(p.StateChanged(state=SessionState.RECONNECTING, detail=detail))
        self._paused = True
        try:
            await self._clients.answered(CALLS_DRAIN, connected_only=True)
            await connection.disconnect()
            yield
        finally:
            self._finish(p.Ended(reason="restart", detail=detail))

    # -- what happens -------------------------------------------------------------------------------------------------

    def _take(self, notice: p.Notice) -> None:
        match notice:
            case p.Ended(reason="replaced") if self._holding is not None:
                self._judging = asyncio.create_task(self._judge(notice, self._holding))
            case p.Ended():
                self._finish(notice)
            case p.StateChanged() if self._finished.done() or self._paused:
                pass  # it is we who closed the connection
            case p.StateChanged():
                self._change(notice)
            case p.QrShown():
                self._qr_file.show(notice.text)
                self._code = notice, self._loop.time()
                self._clients.tell(notice)
            case p.Stored():
                self._clients.tell(notice)
                self._webhooks.stored()
            case _:
                self._clients.tell(notice)

    async def _judge(self, replaced: p.Ended, holding: Holding) -> None:
        """WhatsApp closes the older of two connections of a device. If ours is the older one because another node holds
        the account by now, nothing is wrong with it."""
        if await holding.is_ours():
            self._finish(replaced)
        else:
            self._finish(p.Ended(reason="lease_lost", detail="another node has taken the account over"))

    def _change(self, notice: p.StateChanged) -> None:
        if notice.state is SessionState.CONNECTED and self._ledger.connected_at is None:
            self._ledger.connect(now())
            self._ledger.write(self._ledger_path)
        if self._code is not None:
            self._qr_file.remove()
        self._standing, self._code = notice, None
        self._clients.tell(notice)

    @property
    def _is_connected(self) -> bool:
        return self._standing.state is SessionState.CONNECTED

    async def _end_after_sleep(self) -> None:
        seconds = await sleep_noticed()
        logger.warning("this process has not run for %.0f seconds; the connection is made anew", seconds)
        self._finish(p.Ended(reason="restart", detail="the computer slept"))

    def _finish(self, ended: p.Ended) -> None:
        if not self._finished.done():
            threading.Thread(target=_end_at_the_latest, daemon=True).start()
            self._finished.set_result(p.Ended(reason="logged_out_here") if self._ledger.erase else ended)


def _end_by(error: WhatsAppMcpError) -> p.Ended:
    """Why neonize was not even started."""
    return p.Ended(reason=end_reason(error), detail=f"{error.message}. {error.next_step}")


def _end_at_the_latest() -> None:
    """In a daemon thread, for the case that the loop or neonize hangs: a stop that works is over long before."""
    time.sleep(STOP_LIMIT)
    os._exit(3)


def main() -> None:
    """Entry point; ends with os._exit because Go threads keep a normal interpreter exit waiting for ever."""
    gc.freeze()  # what was loaded stays, and need not be gone through
    gc.enable()
    wire = claim_stdio()
    os.umask(0o077)
    start_logging()
    code = 1
    try:
        folder, number = sys.argv[1:]
        lock = AccountLock.inherited(int(number))
        with os.fdopen(wire.incoming, "rb") as incoming:
            hello = decode_hello(incoming.readline())
        lock.name_holder()
    except (OSError, ValueError):
        sys.stderr.write("The session process is started by the server, not by hand.\n")
        os._exit(2)
    try:
        code = asyncio.run(SessionProcess(Path(folder), hello).run(partial(_say_listens, wire.outgoing)))
    except Exception:
        logger.exception("the session process failed")
    sys.stderr.flush()
    os._exit(code)


def _say_listens(descriptor: int) -> None:
    with suppress(OSError):  # who started it is gone
        os.write(descriptor, p.LISTENS)
    os.close(descriptor)


if __name__ == "__main__":
    main()
