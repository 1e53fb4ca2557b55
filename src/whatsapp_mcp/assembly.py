"""Putting the server together: catalogue, session, store, operations, MCP face. Knows no transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from mcp.server import Server

from whatsapp_mcp.account_folder import check_path, make_folder
from whatsapp_mcp.catalog import CatalogError, Operation, SelectionError, load_catalog, select
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.models.changes import AppStateChange
from whatsapp_mcp.operations.runner import OperationRunner, with_handler
from whatsapp_mcp.operations.services import Services, Store
from whatsapp_mcp.pipe.account import RecordChanges
from whatsapp_mcp.server.app import build_server
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.side_login.queue import SideLoginConfig, SideLoginQueue
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.supervisor.manager import SessionManager

__all__ = ["assemble", "offered"]


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


def _side_login(settings: Settings, manager: SessionManager) -> SideLoginQueue:
    """What neonize cannot send goes through it; what it learns on the way goes into the store."""

    async def record(changes: Sequence[AppStateChange]) -> None:
        await manager.call(RecordChanges(changes=tuple(changes)))

    config = SideLoginConfig(
        session_db=settings.session_db,
        endpoint=settings.endpoint,
        require_endpoint=settings.require_endpoint,
        min_seconds_between=settings.side_login_distance,
        max_pauses_per_day=settings.side_login_per_day,
    )
    return SideLoginQueue(config, manager.paused, on_changes=record)


def assemble(settings: Settings, *, simulated: bool = False, autoscan: bool = True) -> Server[Any]:
    """The MCP server. Its lifespan runs the session in the background: `initialize` never waits for WhatsApp.

    Args:
        settings: all settings; with ``simulated`` the endpoint is that of a simulator started for this server.
        simulated: give the server a WhatsApp of its own, with contacts that answer.
        autoscan: let the simulated phone scan a shown QR code by itself.
    """
    operations = offered(settings)
    check_path(settings.session_db)
    make_folder(settings.account_dir)
    if simulated:
        from whatsapp_mcp.offline.simulated import SimulatedWhatsApp

        world = SimulatedWhatsApp(settings.account_dir, autoscan=autoscan)
        settings = settings.model_copy(update={"endpoint": world.endpoint_path})
        manager = SessionManager(settings, prepare=world.start)
    else:
        world = None
        manager = SessionManager(settings)
    queue = _side_login(settings, manager)
    services = Services(settings, manager, queue, Store(StoreReader(settings.store_path)))

    @asynccontextmanager
    async def lifespan(_: Server[Any]) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if world is not None:
                await stack.enter_async_context(world.running(manager))
            await stack.enter_async_context(manager.running())
            stack.push_async_callback(queue.close)
            stack.callback(settings.qr_path.unlink, missing_ok=True)
            yield

    return build_server(operations, OperationRunner(services), settings, lifespan=lifespan)
