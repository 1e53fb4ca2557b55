"""The commands that serve: over stdin and stdout, and over HTTP."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from whatsapp_mcp.account_folder import check_account, make_folder
from whatsapp_mcp.cli.options import place_options, read_settings
from whatsapp_mcp.cli.saying import say
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.log_lines import start_logging, tell
from whatsapp_mcp.settings import PREFIX, Settings

if TYPE_CHECKING:
    from whatsapp_mcp.server.listening import TlsFiles

logger = logging.getLogger(__name__)

SWITCH_INTERVAL: Final = 0.001
"""Seconds for which a thread of a server may keep Python to itself while others wait: calls beside a large page."""

F = TypeVar("F", bound=Callable[..., Any])


def _server_options(command: F) -> F:
    """Options that `stdio` and `serve` share."""
    for option in (
        click.option("--log-level", help="Level of the log on stderr."),
        click.option("--log-format", type=click.Choice(["text", "json"]), help="`json`: one object a line."),
        click.option("--read-only", is_flag=True, default=None, help="Offer only tools that change nothing."),
        click.option(
            "--scope",
            type=click.Choice(["read", "send", "full"]),
            help="Most that a caller may do: look; also write to chats and arrange them; everything.",
        ),
        click.option(
            "--toolsets", metavar="NAMES", help="Toolsets or tools to list, comma-separated; `all` lists all."
        ),
        place_options,
        click.option(
            "--autoscan/--no-autoscan",
            default=True,
            help="With --simulated: the simulated phone scans a shown QR code by itself after two seconds.",
        ),
        click.option("--simulated", is_flag=True, help="Use a simulated WhatsApp with contacts that answer."),
        click.option(
            "--endpoint",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Use the simulated WhatsApp of this endpoint file, and never the real one.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@_server_options
def stdio(simulated: bool, autoscan: bool, **options: Any) -> None:
    """Serve one MCP host over stdin and stdout (Claude Desktop, Claude Code, Cursor …)."""
    from whatsapp_mcp.descriptors import claim_stdio

    if sys.stdin is not None and sys.stdin.isatty():
        say(
            "whatsapp-mcp speaks MCP here, with the program that started it: let an MCP host start it (docs/hosts.md). "
            "Ctrl-C ends it.",
            err=True,
        )
    descriptors = claim_stdio()
    with _server_settings(simulated, options) as settings:
        gc.disable()
        import anyio

        from whatsapp_mcp.server.light_sdk import import_parts_on_demand

        import_parts_on_demand(http=False)
        from whatsapp_mcp.assembly import assemble
        from whatsapp_mcp.server.stdio import serve_stdio

        server = assemble(
            settings,
            simulated=simulated,
            autoscan=autoscan,
            temporary=_keeps_nothing(simulated, options),
        )
        gc.freeze()
        gc.enable()
        anyio.run(serve_stdio, server, descriptors)


@click.command()
@_server_options
@click.option("--host", help="Address to listen on; 127.0.0.1 if none is given.")
@click.option("--port", type=click.IntRange(0, 65535), help="8765 if none is given; 0 picks a free port.")
@click.option("--allowed-host", multiple=True, help="Name under which clients reach this server, if not loopback.")
@click.option(
    "--allow-remote",
    is_flag=True,
    default=None,
    help="Listen on an address that other machines can reach. TLS is needed then: --tls-cert, or a proxy.",
)
@click.option("--node", metavar="NAME", help="Name of this machine among those that share the database.")
@click.option("--node-address", metavar="HOST", help="Address of this machine for the other nodes.")
@click.option("--max-accounts", type=click.IntRange(min=1), help="Most accounts that this node holds at once.")
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE", help="Serve TLS with this certificate.")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Private key of --tls-cert.")
@click.option("--oauth-issuer", metavar="URL", help="Take access tokens of this authorization server too.")
@click.option("--oauth-audience", metavar="URL", help="Address of this server that such tokens have to name.")
@click.option("--oauth-jwks-url", metavar="URL", help="Keys of the issuer, if its metadata does not say where.")
@click.option(
    "--oauth-subject", "oauth_subjects", multiple=True, metavar="SUB", help="Only this user or client; may be repeated."
)
@click.option(
    "--oauth-scope-prefix",
    "oauth_prefix",
    metavar="TEXT",
    help="Before read, send and full in its scopes: `whatsapp:`.",
)
def serve(simulated: bool, autoscan: bool, **options: Any) -> None:
    """Serve remote agents over streamable HTTP; every request needs a bearer token.

    /mcp is the account that --account names, /mcp/NAME each of the others. An account is started when it is first used.
    """
    options["allowed_host"] = ",".join(options["allowed_host"]) or None
    tls = _tls(options.pop("tls_cert"), options.pop("tls_key"))
    oauth = {name: options.pop(f"oauth_{name}") for name in ("issuer", "audience", "jwks_url", "subjects", "prefix")}
    with _server_settings(simulated, options) as settings:
        _check_node(settings)
        gc.disable()
        import anyio

        from whatsapp_mcp.server.light_sdk import import_parts_on_demand

        import_parts_on_demand()
        from whatsapp_mcp.assembly import AccountServers, http_access
        from whatsapp_mcp.server.http import serve_http
        from whatsapp_mcp.server.owner_pages import OwnerPages
        from whatsapp_mcp.token_file import load_or_create_token

        make_folder(settings.data_dir)
        load_or_create_token(settings.token_path)
        access = http_access(settings, **{name: value for name, value in oauth.items() if value})
        accounts = AccountServers(
            settings, simulated=simulated, autoscan=autoscan, temporary=_keeps_nothing(simulated, options)
        )
        gc.freeze()
        gc.enable()
        tell(f"The bearer token is in {settings.token_path} (shown by `whatsapp-mcp token`).")
        with contextlib.closing(OwnerPages(settings, access)) as pages:
            serving = partial(serve_http, accounts, access=access, announce=pages.announce, more_routes=pages.routes)
            anyio.run(partial(serving, tls=tls, **_where(settings)))


def _check_node(settings: Settings) -> None:
    if settings.node and settings.database is None:
        raise SetupError(
            "--node needs a database that the nodes share",
            next_step="Set WHATSAPP_MCP_DATABASE to postgresql://USER@HOST/NAME, the same on all of them.",
        )


def _where(settings: Settings) -> dict[str, Any]:
    """Where `serve` listens, and by which names it is known there."""
    return {
        "host": settings.host,
        "port": settings.port,
        "allowed_hosts": settings.allowed_hosts,
        "allow_remote": settings.allow_remote,
    }


def _tls(certificate: Path | None, key: Path | None) -> TlsFiles | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise SetupError("--tls-cert and --tls-key go together", next_step="Give both, or neither.")
    from whatsapp_mcp.server.listening import TlsFiles

    return TlsFiles(certificate, key)


def _keeps_nothing(simulated: bool, options: dict[str, Any]) -> bool:
    """Whether the data directory goes with the server: a simulated one, and nobody named another."""
    return simulated and options.get("data_dir") is None and not os.environ.get("WHATSAPP_MCP_DATA_DIR")


@contextlib.contextmanager
def _server_settings(simulated: bool, options: dict[str, Any]) -> Iterator[Settings]:
    """Settings of a server. A simulated one without a data directory gets one of its own that goes with it."""
    with contextlib.ExitStack() as stack:
        settings = read_settings(options)
        start_logging(settings.log_level, settings.log_format)
        sys.setswitchinterval(SWITCH_INTERVAL)
        if simulated:
            if settings.endpoint is not None:
                again = "Leave out --endpoint and unset WHATSAPP_MCP_ENDPOINT, or leave out --simulated."
                raise SetupError("--simulated starts its own simulator", next_step=again)
            if _keeps_nothing(simulated, options):
                from whatsapp_mcp.offline.simulated import temporary_data_dir

                folder = stack.enter_context(temporary_data_dir())
                settings = settings.model_copy(update={"data_dir": folder, "session_linger": 0.0})
                make_folder(settings.account_dir)
        check_account(settings.account_dir)
        _warn(settings)
        yield settings


def _warn(settings: Settings) -> None:
    """Of what would have another effect than its owner thinks; hosts keep it in their logs. `doctor` says more."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    if any(name.upper().startswith(PREFIX) and name.upper() not in known for name in os.environ):
        from whatsapp_mcp.offline.diagnosis.configuration import check_variables

        for check in check_variables(os.environ):
            logger.warning("%s. %s", check.message, check.next_step)
    if settings.endpoint is not None:
        try:
            Endpoint.read(settings.endpoint)
        except SetupError as error:
            logger.warning("%s. %s", error.message, error.next_step)
