"""Starting the session process of an account."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import BinaryIO, Final

from whatsapp_mcp.cluster.names import application_tag
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.models.session import Decrypted
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe.account_lock import AccountLock
from whatsapp_mcp.pipe.lines import LISTENS, Hello, PolicyPlaces, SharedAccount
from whatsapp_mcp.pipe.webhooks import WebhooksBegin
from whatsapp_mcp.platform.spawning import start_detached
from whatsapp_mcp.session_db.database import last_decrypted, make_place
from whatsapp_mcp.session_db.ratchets import never_back
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts, told, told_place

logger = logging.getLogger(__name__)

SESSION_COMMAND: Final = (sys.executable, "-P", "-m", "whatsapp_mcp.worker.process")
"""``-P``: never import from the folder that the host happened to start us in."""
START_LIMIT: Final = 30.0
"""Seconds until it can be attached to."""

_EXEC_ENVIRONMENT: Final = {"NEONIZE_BOT_TAG": "off", "GOMEMLIMIT": "100MiB"}
"""Must exist at exec time. Without the first, neonize 0.5.2 marks every private message as sent by a business bot. By
the second, Go clears up before its memory grows beyond that: a file on its way lies in it some times over, and the one
before need not lie there too."""


async def start_session(
    settings: Settings,
    lock: AccountLock,
    *,
    pairing: bool,
    waits: bool = False,
    command: Sequence[str] = SESSION_COMMAND,
) -> bool:
    """Start a session process, which then holds the lock too; returns when it can be attached to, or has failed.

    Args:
        pairing: no device is linked, and one is to be.
        waits: the process of another machine gives the account up when this one is ready.

    Raises:
        SetupError: bad endpoint file, or the system starts no process.
        StoreError: the database of the keys cannot be reached.
    """
    environment = dict(os.environ) | _EXEC_ENVIRONMENT
    endpoint = Endpoint.read(settings.endpoint) if settings.endpoint else None
    if endpoint is not None:
        environment = endpoint.environment(environment)
    if settings.database is not None:
        environment["PGAPPNAME"] = application_tag(settings.account, secrets.token_hex(8))
    hello = Hello(
        keys=told(settings.keys),
        store=told(settings.store),
        media_dir=str(settings.media_dir.absolute()),
        bucket=str(settings.received_media) if settings.media else "",
        ledger_path=str(settings.ledger_path.absolute()),
        log_path=str(settings.session_log.absolute()),
        retention_days=settings.retention_days,
        decrypted=await asyncio.to_thread(_last_decrypted, settings.keys),
        endpoint=endpoint,
        require_endpoint=settings.require_endpoint,
        side_login_distance=settings.side_login_distance,
        side_login_per_day=settings.side_login_per_day,
        phone_changes_distance=settings.phone_changes_distance,
        log_level=settings.log_level,
        typing=settings.typing_events,
        webhooks=_webhooks(settings),
        record_stanzas=str(settings.record_stanzas or ""),
        linger=settings.session_linger,
        device_name=settings.shown_name,
        pairing=pairing,
        policy=_policy(settings),
        shared=_shared(settings, waits=waits),
        schedule_stay=settings.schedule_stay_hours,
    )
    folder = settings.account_dir.absolute()
    try:
        with _log(settings) as log:
            process = start_detached(
                (*command, str(folder), str(lock.file.number)),
                folder=folder,
                environment=environment,
                log=log,
                lock=lock.file.number,
            )
    except OSError as error:
        raise SetupError(
            f"the session process cannot be started: {error.strerror}",
            next_step="When the cause is gone, call appReconnect or appLogin.",
        ) from error
    threading.Thread(target=_reap, args=(process,), name="session-process", daemon=True).start()
    try:
        async with asyncio.timeout(START_LIMIT):
            return await asyncio.to_thread(_introduce, process, codec.encode(hello))
    except TimeoutError:
        process.kill()
        return False


def _shared(settings: Settings, *, waits: bool) -> SharedAccount | None:
    if settings.database is None:
        return None
    return SharedAccount(
        database=settings.database.get_secret_value(),
        account=settings.account,
        node=settings.node_name,
        attachable=bool(settings.node),
        waits=waits,
        address=settings.node_address,
    )


def _last_decrypted(keys: Whereabouts) -> tuple[Decrypted, ...]:
    """Once there is a place for the keys, in which nothing goes back."""
    if isinstance(keys, PostgresSchema):
        make_place(keys)
    never_back(keys)
    return last_decrypted(keys)


def _webhooks(settings: Settings) -> WebhooksBegin:
    return WebhooksBegin(
        account=settings.account,
        store=told(settings.store),
        book=told_place(settings.webhooks_place),
        progress=told_place(settings.webhook_progress_place),
        policy=told_place(settings.policy_place),
        preset=settings.policy,
        audit=told(settings.audit),
        log_level=settings.log_level,
    )


def _policy(settings: Settings) -> PolicyPlaces:
    return PolicyPlaces(
        preset=settings.policy,
        file=told_place(settings.policy_place),
        book=told(settings.policy_book),
        audit=told(settings.audit),
        tokens=told_place(settings.tokens_place),
        default_token=str(settings.token_path.absolute()),
        store=told(settings.store),
    )


def _log(settings: Settings) -> BinaryIO:
    return open(settings.session_log, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))


def _introduce(process: subprocess.Popen[bytes], hello: bytes) -> bool:
    """Whether it says that it listens."""
    assert process.stdin is not None and process.stdout is not None
    with process.stdout as answers:
        try:
            with process.stdin as incoming:
                incoming.write(hello)
            return answers.readline() == LISTENS
        except OSError:
            return False


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Nobody's child stays a zombie, and a crash is in the log of the server that started it."""
    code = process.wait()
    if code:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        logger.warning("the session process %d %s", process.pid, how)
