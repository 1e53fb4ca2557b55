"""Putting the server together: catalogue, session, store, operations, MCP face. Knows no transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from mcp.server import Server

from whatsapp_mcp.account_folder import check_files, check_path, make_folder
from whatsapp_mcp.catalog import CatalogError, Operation, SelectionError, load_catalog, select
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.models.app_state import AppStateChange
from whatsapp_mcp.operations.runner import OperationRunner, with_handler
from whatsapp_mcp.operations.services import Services, Store
from whatsapp_mcp.pipe.account import RecordChanges
from whatsapp_mcp.server.app import build_server
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.side_login.answer import Answer
from whatsapp_mcp.side_login.queries import SideLoginQuery
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.supervisor.manager import SessionManager

if TYPE_CHECKING:
    from whatsapp_mcp.side_login.queue import SideLoginQueue

R = TypeVar("R")


def offered(settings: Settings) -> tuple[Operation, ...]:
    """The operations that these settings make tools, in catalogue order.

    Raises:
        SetupError: the catalogue is damaged, or the selection names something unknown.
    """
    try:
        catalog = load_catalog()
        return with_handler(tuple(select(catalog, settings.toolsets, read_only=settings.read_only).operations))
    except SelectionError as error:
        raise SetupError(f"toolsets: {error}", next_step="Correct --toolsets or WHATSAPP_MCP_TOOLSETS.") from error
    except CatalogError as error:
        raise SetupError(str(error)) from error


class _SideLoginOnDemand:
    """The queue of side logins, made at the first request: most servers get none, and protobuf is slow to load."""

    def __init__(self, settings: Settings, manager: SessionManager) -> None:
        self._settings = settings
        self._manager = manager

    async def change(self, *changes: AppStateChange) -> float:
        return await self._queue.change(*changes)

    async def ask(self, query: SideLoginQuery[R]) -> Answer[R]:
        return await self._queue.ask(query)

    async def close(self) -> None:
        if "_queue" in vars(self):
            await self._queue.close()

    @cached_property
    def _queue(self) -> SideLoginQueue:
        from whatsapp_mcp.side_login.queue import SideLoginConfig, SideLoginQueue

        config = SideLoginConfig(
            session_db=self._settings.session_db,
            endpoint=self._settings.endpoint,
            require_endpoint=self._settings.require_endpoint,
            min_seconds_between=self._settings.side_login_distance,
            max_pauses_per_day=self._settings.side_login_per_day,
        )
        return SideLoginQueue(config, self._manager.paused, on_changes=self._record)

    async def _record(self, changes: Sequence[AppStateChange]) -> None:
        """What was learned on the way goes into the store."""
        await self._manager.call(RecordChanges(changes=tuple(changes)))


def assemble(
    settings: Settings, *, simulated: bool = False, autoscan: bool = True, temporary: bool = False
) -> Server[Any]:
    """The MCP server. Its lifespan runs the session in the background: `initialize` never waits for WhatsApp.

    Args:
        settings: all settings; with ``simulated`` the endpoint is that of the account's own simulator.
        simulated: give the account a WhatsApp of its own, with contacts that answer.
        autoscan: let the simulated phone scan a shown QR code by itself.
        temporary: with ``simulated``: remove the data directory when simulator and session process have ended.
    """
    operations = offered(settings)
    check_path(settings.session_db)
    make_folder(settings.data_dir)
    make_folder(settings.account_dir)
    check_files(settings.account_dir)
    if simulated:
        from whatsapp_mcp.offline.simulated import SimulatedWhatsApp

        removed = settings.data_dir if temporary else None
        world = SimulatedWhatsApp(settings.account_dir, autoscan=autoscan, temporary=removed)
        settings = settings.model_copy(update={"endpoint": world.endpoint_path})
        manager = SessionManager(settings, prepare=world.start)
    else:
        world = None
        manager = SessionManager(settings)
    side_login = _SideLoginOnDemand(settings, manager)
    decoders = DecoderPool()
    services = Services(settings, manager, side_login, Store(StoreReader(settings.store_path)), decoders)

    @asynccontextmanager
    async def lifespan(_: Server[Any]) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if world is not None:
                await stack.enter_async_context(world.running(manager))
            await stack.enter_async_context(manager.running())
            stack.push_async_callback(side_login.close)
            stack.push_async_callback(decoders.close)
            yield

    return build_server(operations, OperationRunner(services), settings, lifespan=lifespan)
