"""Putting the server together: catalogue, session, store, operations, MCP face. Knows no transport."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread

from whatsapp_mcp import clock
from whatsapp_mcp.account_folder import accounts_in, check_files, close_folder, make_folder, name_for_neonize
from whatsapp_mcp.account_names import DEFAULT_ACCOUNT
from whatsapp_mcp.catalog import CatalogError, Operation, SelectionError, load_catalog, select
from whatsapp_mcp.documents import is_there
from whatsapp_mcp.errors import SessionError, SetupError, StoreUnusable, WhatsAppMcpError
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Watched
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.decision import at_rest
from whatsapp_mcp.supervisor.manager import SessionManager
from whatsapp_mcp.whereabouts import Place, Whereabouts

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from whatsapp_mcp.cluster.directory import Directory
    from whatsapp_mcp.cluster.membership import Membership
    from whatsapp_mcp.media.decoder_pool import DecoderPool
    from whatsapp_mcp.models.figures import AccountFigures, HoldFigures, NodeFigures
    from whatsapp_mcp.offline.simulated import SimulatedWhatsApp
    from whatsapp_mcp.operations.runner import OperationRunner
    from whatsapp_mcp.pipe.lines import Kind
    from whatsapp_mcp.policy.caller import Asking
    from whatsapp_mcp.policy.gate import Gate
    from whatsapp_mcp.server.auth import HttpAccess
    from whatsapp_mcp.server.health import AccountStanding
    from whatsapp_mcp.server.terminal import TerminalCalls
    from whatsapp_mcp.supervisor.elsewhere import OtherMachines

logger = logging.getLogger(__name__)

_QUEUE_WAIT: Final = 1.0
"""Seconds for a session process to say how much waits in it."""

_UNUSABLE: Final = "a database of the account is damaged, or of a newer version: `whatsapp-mcp doctor` says which"
Ended = Callable[[Passage], None]
"""Is told of each call that has ended."""


def offered(settings: Settings) -> tuple[Operation, ...]:
    """The operations that these settings make tools, in catalogue order.

    Raises:
        SetupError: the catalogue is damaged, the selection names something unknown, or media cannot be kept where they
            are to lie.
    """
    _check_media(settings)
    try:
        catalog = load_catalog()
        return tuple(select(catalog, settings.toolsets, read_only=settings.read_only).operations)
    except SelectionError as error:
        raise SetupError(f"toolsets: {error}", next_step="Correct --toolsets or WHATSAPP_MCP_TOOLSETS.") from error
    except CatalogError as error:
        raise SetupError(str(error)) from error


class _OperationsOnDemand:
    """What carries out the operations, made at the first call: until then a host waits for `initialize` alone."""

    def __init__(self, settings: Settings, manager: SessionManager, ended: Ended = lambda _: None) -> None:
        self._settings = settings
        self._manager = manager
        self._ended = ended

    async def run(self, passage: Passage, arguments: Arguments) -> Outcome:
        return await self._runner.run(passage, arguments)

    async def watch(self, passage: Passage, arguments: Arguments) -> Watched:
        return await self._runner.watch(passage, arguments)

    def ended(self, passage: Passage) -> None:
        self._ended(passage)
        self._runner.ended(passage)

    async def close(self) -> None:
        for pool in ("_decoders", "_transcribers"):
            if pool in vars(self):
                await getattr(self, pool).close()
        if "_gate" in vars(self):
            await anyio.to_thread.run_sync(self._gate.close)

    @cached_property
    def _runner(self) -> OperationRunner:
        from whatsapp_mcp.operations.runner import OperationRunner
        from whatsapp_mcp.operations.services import Services, Store
        from whatsapp_mcp.store.read.reader import StoreReader

        store = Store(StoreReader(self._settings.store))
        services = Services(self._settings, self._manager, store, lambda: self._decoders, lambda: self._transcribers)
        return OperationRunner(services, self._gate)

    @cached_property
    def _gate(self) -> Gate:
        from whatsapp_mcp.policy.gate import Gate

        return Gate.of(self._settings)

    @cached_property
    def _decoders(self) -> DecoderPool:
        from whatsapp_mcp.media.decoder_pool import DecoderPool

        return DecoderPool()

    @cached_property
    def _transcribers(self) -> DecoderPool:
        from whatsapp_mcp.media.transcription import transcribers

        return transcribers()


def _folder_made(settings: Settings, *, say: bool) -> str:
    """Make the account's folder, or check the one that is there. That it is new, if it is and ``say`` wants it told.

    Raises:
        SetupError: it cannot be used.
    """
    name_for_neonize(settings.keys)
    made = f"the folder {settings.account_dir} was made just now" if say and not settings.account_dir.is_dir() else ""
    make_folder(settings.data_dir)
    make_folder(settings.account_dir)
    if made:
        logger.warning("%s: a new account, unless --data-dir or WHATSAPP_MCP_DATA_DIR is misspelt", made)
    close_folder(settings.account_dir)
    check_files(settings.account_dir)
    return made


def _directory_of(settings: Settings) -> Directory | None:
    """What the database knows of other machines, where there is one."""
    if settings.database is None:
        return None
    from whatsapp_mcp.cluster.directory import Directory
    from whatsapp_mcp.extras import POSTGRES

    POSTGRES.require("WHATSAPP_MCP_DATABASE")
    return Directory(settings.database.get_secret_value(), settings.node, max_accounts=settings.max_accounts)


def _other_machines(directory: Directory | None, settings: Settings) -> OtherMachines | None:
    """That may hold the account, where it lies in a database."""
    if directory is None:
        return None
    from whatsapp_mcp.supervisor.elsewhere import OtherMachines

    return OtherMachines(directory, settings)


def assemble(
    settings: Settings,
    *,
    kind: Kind = "stdio",
    simulated: bool = False,
    autoscan: bool = True,
    temporary: bool = False,
    managed: Callable[[SessionManager], None] = lambda _: None,
    ended: Ended = lambda _: None,
    directory: Directory | None = None,
) -> Server[Any]:
    """The MCP server. Its lifespan runs the session in the background: `initialize` never waits for WhatsApp.

    Args:
        kind: the transport, as others are told; ``simulated``: the account gets a simulator of its own, as endpoint,
            with contacts that answer.
        autoscan: let the simulated phone scan a shown QR code by itself.
        temporary: with ``simulated``: remove the data directory when simulator and session process have ended.
        managed, ended: are given the session's manager, and each call that has ended.
        directory: of several servers of this process; None: this one has one of its own, where a database is set.
    """
    from whatsapp_mcp.server.app import build_server

    operations = offered(settings)
    made = _folder_made(settings, say=not simulated)
    own = _directory_of(settings) if directory is None else None
    managing = partial(SessionManager, kind=kind, elsewhere=_other_machines(directory or own, settings))
    if simulated:
        from whatsapp_mcp.offline.simulated import SimulatedWhatsApp

        removed, linger = settings.data_dir if temporary else None, settings.session_linger
        world = SimulatedWhatsApp(settings.account_dir, autoscan=autoscan, linger=linger, temporary=removed)
        settings = settings.model_copy(update={"endpoint": world.endpoint_path})
        manager = managing(settings, prepare=world.start)
    else:
        world, manager = None, managing(settings, made=made if kind == "stdio" else "")
    managed(manager)
    running = _OperationsOnDemand(settings, manager, ended)
    lifespan = partial(_running, manager, running, world, own)
    return build_server(operations, running, settings, lifespan=lifespan, session=manager)


def _check_media(settings: Settings) -> None:
    """What can be known of a bucket without asking for it. Raises SetupError: no media could be kept there."""
    if settings.media:
        from whatsapp_mcp.media.received.opening import received_media

        received_media(settings.received_media)


@asynccontextmanager
async def _running(
    manager: SessionManager,
    operations: _OperationsOnDemand,
    world: SimulatedWhatsApp | None,
    directory: Directory | None,
    _: Server[Any],
) -> AsyncIterator[None]:
    """The life of one server."""
    async with AsyncExitStack() as stack:
        if directory is not None:
            stack.callback(directory.close)
        if world is not None:
            await stack.enter_async_context(world.running(manager))
        await stack.enter_async_context(manager.running())
        stack.push_async_callback(operations.close)
        yield


def http_access(
    settings: Settings,
    *,
    issuer: str | None = None,
    audience: str | None = None,
    **oauth: Any,
) -> HttpAccess:
    """Who may use the HTTP transport: who holds a token of this data directory, or one of the ``issuer`` for the
    ``audience``; ``oauth`` as in `whatsapp_mcp.server.oauth.OAuthSettings`.

    Raises:
        SetupError: the tokens cannot be read, or what is said of the authorization server cannot be used.
    """
    from whatsapp_mcp.policy.tokens import TokenBook
    from whatsapp_mcp.server.auth import HttpAccess

    book = TokenBook.of(settings)
    book.tokens()
    if issuer is None and audience is None and not oauth:
        return HttpAccess(book)
    if issuer is None or audience is None:
        raise SetupError(
            "OAuth needs --oauth-issuer and --oauth-audience",
            next_step="Name the authorization server, and the address of this server that its tokens are for.",
        )
    from whatsapp_mcp.server.oauth import OAuthSettings, OAuthTokens

    return HttpAccess(book, OAuthTokens(OAuthSettings(issuer, audience, **oauth)))


@asynccontextmanager
async def at_terminal(settings: Settings, *, ask: Asking | None, session: bool) -> AsyncIterator[TerminalCalls]:
    """The same server for one person at a terminal, who is the only one to call.

    Args:
        ask: puts a question to that person; None when nobody sits there.
        session: find or start the session process; without it, calls see what is stored and nothing else.

    Raises:
        SetupError: the catalogue is damaged, or the account's folder cannot be used.
    """
    from whatsapp_mcp.server.terminal import TerminalCalls

    operations = offered(settings.model_copy(update={"toolsets": "all"}))
    name_for_neonize(settings.keys)
    make_folder(settings.data_dir)
    make_folder(settings.account_dir)
    check_files(settings.account_dir)
    directory = _directory_of(settings)
    manager = SessionManager(settings, kind="terminal", elsewhere=_other_machines(directory, settings))
    running = _OperationsOnDemand(settings, manager)
    async with AsyncExitStack() as stack:
        if directory is not None:
            stack.callback(directory.close)
        if session:
            await stack.enter_async_context(manager.running())
        stack.push_async_callback(running.close)
        yield TerminalCalls(operations, running, settings, ask=ask, session=manager)


def _has_webhooks(place: Place) -> bool:
    with suppress(WhatsAppMcpError):  # `doctor` tells
        return is_there(place)
    return False


def _has_scheduled(store: Whereabouts) -> bool:
    from whatsapp_mcp.store.read.reader import StoreReader

    with suppress(WhatsAppMcpError), closing(StoreReader(store)) as reader:  # what cannot be read, `doctor` tells
        return any(one.settled_at is None for one in reader.scheduled(clock.now_ms()))
    return False


class AccountServers:
    """The servers of all accounts of a data directory, for a transport that serves them side by side."""

    def __init__(
        self, settings: Settings, *, simulated: bool = False, autoscan: bool = True, temporary: bool = False
    ) -> None:
        """All but ``settings.account``, which is the account that is served without a name, holds for each of them.

        Raises:
            SetupError: no server can be put together with these settings, whatever the account.
        """
        from whatsapp_mcp.server.metrics import CallCounts

        offered(settings)
        name_for_neonize(settings.keys)
        self._settings = settings
        self.counts = CallCounts()
        self._managers: dict[str, SessionManager] = {}
        self._unusable: dict[str, tuple[int, ...]] = {}
        """Accounts with a call that found a database damaged, and which files there were: others are well again."""
        self._directory = _directory_of(settings)
        self._membership: Membership | None = None
        self._shared: set[str] = set()
        """Accounts that are known from the database, whether or not there is a folder."""
        self._told: set[str] = set()
        """Those of them that it named last: one that it names no more was removed."""
        self._preparing: set[asyncio.Task[None]] = set()
        self._paired: set[str] = set()
        """Accounts that another node wants a device to be linked to, here."""
        self._assemble = partial(
            assemble,
            kind="http",
            simulated=simulated,
            autoscan=autoscan,
            temporary=temporary,
        )

    @property
    def at_mcp(self) -> str:
        return self._settings.account

    def unasked(self) -> tuple[str, ...]:
        """Those with webhooks, since programs wait for what happens there, and with messages that are to leave later:
        whether or not an agent uses them."""
        return tuple(
            name
            for name in self.names()
            if _has_webhooks(self._of(name).webhooks_place) or _has_scheduled(self._of(name).store)
        )

    def find(self, name: str) -> tuple[int, int] | None:
        """The folder itself, which a later one of the same name is not; None when there is no such account."""
        folder = self._of(name).account_dir
        if not folder.is_dir():
            return (0, 0) if name == DEFAULT_ACCOUNT or name in self._shared else None
        found = folder.stat()
        return found.st_dev, found.st_ino

    def build(self, name: str) -> Server[Any]:
        """Raises SetupError: its folder cannot be used."""
        return self._assemble(
            self._of(name),
            managed=partial(self._managed, name),
            ended=partial(self._ended, name),
            directory=self._directory,
        )

    def _managed(self, name: str, manager: SessionManager) -> None:
        self._managers[name] = manager
        if name in self._paired:
            self._paired.discard(name)
            manager.start(pairing=True)

    # -- as one of several nodes --------------------------------------------------------------------------------------

    @asynccontextmanager
    async def serving(self, begin: Callable[[str], bool]) -> AsyncIterator[None]:
        """While inside, other nodes may have accounts started here. ``begin`` makes the server of one.

        Raises:
            SetupError: there is another node of this name.
        """
        if self._directory is None or not self._settings.node or self._settings.database is None:
            yield
            return
        from whatsapp_mcp import __version__
        from whatsapp_mcp.cluster.membership import Membership

        self._begin = begin
        url, address = self._settings.database.get_secret_value(), self._settings.node_address
        self._membership = Membership(url, self._directory, self, address=address, version=__version__)
        async with self._membership.joined():
            yield

    def close(self) -> None:
        """After the last server has ended."""
        if self._directory is not None:
            self._directory.close()

    def know(self, accounts: Collection[str]) -> None:
        """All that the database has, whichever node holds them."""
        self._shared -= self._told.difference(accounts)
        self._shared.update(accounts)
        self._told = set(accounts)

    def start(self, account: str, *, pairing: bool) -> bool:
        """Have its session process started here; False when that cannot be."""
        self._shared.add(account)
        manager = self._managers.get(account)
        if pairing and manager is None:
            self._paired.add(account)
        if not self._begin(account):
            return False
        if manager is not None:
            manager.start(pairing=pairing)
        return True

    def prepare(self, account: str) -> bool:
        """Have a session process started here that takes the account over when its holder gives it up."""
        manager = self._managers.get(account)
        if manager is None:
            return self.start(account, pairing=False)  # which finds the holder, until it has given up
        task = asyncio.create_task(manager.prepare(), name=f"prepare {account}")
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)
        return True

    async def move(self, account: str) -> None:
        """Have the session process that is here end, for another node to go on."""
        if (manager := self._managers.get(account)) is None:
            self._begin(account)  # one that was started by a server that is gone: its manager attaches to it
        else:
            await manager.move()

    def _ended(self, name: str, passage: Passage) -> None:
        self.counts.count(name, passage)
        if passage.error == StoreUnusable.code:
            self._unusable[name] = self._databases(name)

    def _databases(self, name: str) -> tuple[int, ...]:
        """Which files they are now."""
        settings = self._of(name)
        return tuple(path.stat().st_ino for path in (settings.store_path, settings.policy_book_path) if path.exists())

    def names(self) -> tuple[str, ...]:
        try:
            here = accounts_in(self._settings.data_dir)
        except OSError:
            here = ()
        return (*here, *sorted(self._shared.difference(here)))

    async def figures(self, name: str) -> AccountFigures:
        """From its files, and of a session process that runs how much waits there. What lies in the database is told
        by the node that has the account, or had it last, and by no other."""
        from whatsapp_mcp.models.figures import AccountFigures
        from whatsapp_mcp.offline.figures import figures_of
        from whatsapp_mcp.pipe.control import GetQueue

        if not self._is_for_us(name):
            return AccountFigures(hold=self._hold(name))
        found = replace(await anyio.to_thread.run_sync(figures_of, self._of(name)), hold=self._hold(name))
        manager = self._managers.get(name)
        if manager is None or manager.snapshot.state is not SessionState.CONNECTED:
            return found
        try:
            waiting = await manager.call(GetQueue(), timeout=_QUEUE_WAIT)
        except SessionError:
            return found
        return replace(found, queue=waiting)

    def node(self) -> NodeFigures | None:
        return None if self._membership is None else self._membership.figures()

    def _is_for_us(self, name: str) -> bool:
        return self._membership is None or self._membership.had_last(name)

    def _hold(self, name: str) -> HoldFigures | None:
        return None if self._membership is None else self._membership.hold_figures(name)

    def standing(self, name: str) -> AccountStanding:
        """By its session manager; of an account that nobody used yet, or that was ended, by what the last one left."""
        from whatsapp_mcp.server.health import AccountStanding

        try:
            if self._unusable.get(name) == self._databases(name):
                return AccountStanding(SessionState.STOPPED.value, False, _UNUSABLE)
        except OSError:
            pass  # it is being replaced
        known = self._managers[name].snapshot if name in self._managers else None
        if known is not None and (known.state is not SessionState.STOPPED or known.detail):
            return AccountStanding(known.state.value, known.state is SessionState.CONNECTED, known.detail)
        if not self._is_for_us(name):
            return AccountStanding("unused", True)
        try:
            state, detail = at_rest(self._of(name), clock.now())
        except (WhatsAppMcpError, OSError) as error:
            return AccountStanding("unknown", False, error.message if isinstance(error, WhatsAppMcpError) else "")
        return AccountStanding(state.value, False, detail) if state is not None else AccountStanding("unused", True)

    def _of(self, name: str) -> Settings:
        return self._settings.model_copy(update={"account": name})
