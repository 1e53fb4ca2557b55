"""Putting the server together: catalogue, session, store, operations, MCP face. Knows no transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from mcp.server import Server

from whatsapp_mcp.account_folder import check_files, check_path, make_folder
from whatsapp_mcp.catalog import CatalogError, Operation, SelectionError, load_catalog, select
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.operations.runner import OperationRunner, with_handler
from whatsapp_mcp.operations.services import Services, Store
from whatsapp_mcp.server.app import build_server
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.supervisor.manager import SessionManager


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


def assemble(settings: Settings, *, simulated: bool = False, autoscan: bool = True) -> Server[Any]:
    """The MCP server. Its lifespan runs the session in the background: `initialize` never waits for WhatsApp.

    Args:
        settings: all settings; with ``simulated`` the endpoint is that of a simulator started for this server.
        simulated: give the server a WhatsApp of its own, with contacts that answer.
        autoscan: let the simulated phone scan a shown QR code by itself.
    """
    operations = offered(settings)
    check_path(settings.session_db)
    make_folder(settings.data_dir)
    make_folder(settings.account_dir)
    check_files(settings.account_dir)
    if simulated:
        from whatsapp_mcp.offline.simulated import SimulatedWhatsApp

        world = SimulatedWhatsApp(settings.account_dir, autoscan=autoscan)
        settings = settings.model_copy(update={"endpoint": world.endpoint_path})
        manager = SessionManager(settings, prepare=world.start)
    else:
        world = None
        manager = SessionManager(settings)
    decoders = DecoderPool()
    services = Services(settings, manager, Store(StoreReader(settings.store_path)), decoders)

    @asynccontextmanager
    async def lifespan(_: Server[Any]) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if world is not None:
                await stack.enter_async_context(world.running(manager))
            await stack.enter_async_context(manager.running())
            stack.push_async_callback(decoders.close)
            stack.callback(settings.qr_path.unlink, missing_ok=True)
            yield

    return build_server(operations, OperationRunner(services), settings, lifespan=lifespan)
