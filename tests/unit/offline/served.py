"""A session process in a thread: the real endpoint, lock, ledger and clients, without neonize behind them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

from whatsapp_mcp import __version__
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.pipe.account_lock import AccountLock
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.control import GetClients, Restart
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.pipe.lines import Attach, AttachedClient, Ended, Notice, Refused, StateChanged, Welcome
from whatsapp_mcp.pipe.pieces import MAX_LINE
from whatsapp_mcp.platform.endpoint import listen
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.worker.clients import Clients

PID: Final = 4711
STARTED: Final = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
CONNECTED: Final = datetime(2026, 11, 1, 9, 1, tzinfo=UTC)
SERVER: Final = AttachedClient(kind="stdio", pid=815, command="whatsapp-mcp stdio", since=STARTED, version=__version__)

Answer = Callable[[Command[Any]], Any]


class Served:
    """What the process says of itself, and what it was asked."""

    def __init__(
        self,
        standing: StateChanged,
        servers: Sequence[AttachedClient],
        refusal: Refused | None,
        answer: Answer | None,
        end: Callable[[], None],
    ) -> None:
        self._standing = standing
        self._servers = servers
        self._refusal = refusal
        self._answer = answer
        self._end = end
        self.asked: list[Command[Any]] = []
        self.attached: list[AttachedClient] = []

    def answer(self, attach: Attach) -> Welcome | Refused:
        self.attached.append(attach.client)
        return self._refusal or Welcome(pid=PID, version=__version__, restarts=3, simulated=True)

    def standing(self) -> Sequence[Notice]:
        return (self._standing,)

    def is_moving(self, _command: Command[Any]) -> bool:
        return False

    async def run_command(self, command: Command[Any], timeout: float) -> Any:
        self.asked.append(command)
        if isinstance(command, GetClients):
            return (*self._servers, *self.attached)
        if isinstance(command, Restart):
            self._end()
            return None
        assert self._answer is not None
        return await asyncio.wait_for(asyncio.to_thread(self._answer, command), timeout)

    def joined(self) -> None: ...

    def left(self) -> bool:
        return False


@contextmanager
def served(
    settings: Settings,
    standing: StateChanged | None = None,
    *,
    servers: Sequence[AttachedClient] = (SERVER,),
    refusal: Refused | None = None,
    answer: Answer | None = None,
    mute: bool = False,
) -> Iterator[Served]:
    """A session process of the account while inside; then it ends in order.

    Args:
        standing: how the session stands; connected if nothing else is said.
        servers: who is attached, beside who attaches.
        refusal: what everybody gets who attaches.
        answer: carries out commands.
        mute: it listens and says nothing.
    """
    lock = AccountLock.acquire(settings.lock_path)
    assert lock is not None
    ledger = Ledger(pid=PID, version=__version__, started_at=STARTED, connected_at=CONNECTED)
    ledger.write(settings.ledger_path)
    loop = asyncio.new_event_loop()
    listens, ended = threading.Event(), asyncio.Event()

    def end() -> None:
        ended.set()
        lock.release()

    connected = StateChanged(state=SessionState.CONNECTED)
    work = Served(standing or connected, servers, refusal, answer, end)

    async def stay_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def serve() -> None:
        clients = Clients(work)
        accept = stay_silent if mute else clients.accept
        listener = await listen(settings.account_dir, accept, limit=MAX_LINE)
        listens.set()
        await ended.wait()
        listener.close()
        await clients.dismiss(1)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert listens.wait(60)
        yield work
    finally:
        with suppress(RuntimeError):  # it has ended already
            loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()
        if settings.account_dir.is_dir():
            ledger.end(Ended(reason="unused"), STARTED)
            ledger.write(settings.ledger_path)
        lock.release()
