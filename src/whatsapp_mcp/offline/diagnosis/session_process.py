"""The session process of an account, seen from outside: who uses it, how it stands, and why the last one ended."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.offline.attached import Observer, attached
from whatsapp_mcp.pipe.codec import Moving
from whatsapp_mcp.pipe.control import GetClients
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.pipe.lines import Refused
from whatsapp_mcp.platform.endpoint import remains
from whatsapp_mcp.settings import Settings

LOOK_LIMIT: Final = 10.0
"""Seconds for which a session process may be busy, as while it loads neonize."""
_ANSWER_LIMIT: Final = 5.0


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ClientStatus(_View):
    """A server, or another command."""

    pid: int
    kind: str
    """``stdio``, ``http`` or ``command``."""
    command: str
    since: datetime
    version: str


class LastEnd(_View):
    """Of the last session process."""

    reason: str
    """``crashed``: it did not say that it ended."""
    detail: str = ""
    whatsapp_said: str | None = None
    at: datetime | None = None
    """None: nobody knows."""
    until: datetime | None = None
    """When what it ended for is over, of a ban."""
    pid: int = 0
    version: str = ""


class SessionProcessStatus(_View):
    running: bool
    """Whether one listens."""
    answers: bool = True
    """False: one listens, and does not answer."""
    pid: int | None = None
    version: str | None = None
    refused: str | None = None
    """Why it does not talk to this command, if it does not: ``newer`` (it is of another version), ``ending`` …"""
    started: datetime | None = None
    state: SessionState | None = None
    detail: str = ""
    connected_since: datetime | None = None
    jid: str | None = None
    """The account that it is connected as."""
    restarts: int = 0
    """How often session processes of the account ended by themselves."""
    simulated: bool = False
    """It is connected to the simulator of an endpoint file."""
    clients: tuple[ClientStatus, ...] = ()
    """Who is attached, without this command."""
    last_end: LastEnd | None = None
    """When none runs: why the last one ended. None: there never was one."""
    endpoint: Path | None = None
    """The file of the endpoint, be it left behind; None when there is none."""


def session_process_status(settings: Settings) -> SessionProcessStatus:
    """Look; what cannot be seen is described, never raised."""
    return asyncio.run(_look(settings))


async def _look(settings: Settings) -> SessionProcessStatus:
    ledger = Ledger.read(settings.ledger_path)
    endpoint = remains(settings.account_dir)
    try:
        async with asyncio.timeout(LOOK_LIMIT), attached(settings) as found:
            if isinstance(found, Refused):
                return SessionProcessStatus(
                    running=True, pid=found.pid, version=found.version, refused=found.why, endpoint=endpoint
                )
            if found is not None:
                return await _described(found, ledger, endpoint)
    except TimeoutError:
        return SessionProcessStatus(running=True, answers=False, pid=ledger.pid or None, endpoint=endpoint)
    except (WhatsAppMcpError, Moving, OSError):
        pass  # it ended while it was looked at
    return SessionProcessStatus(running=False, last_end=_last_end(ledger), restarts=ledger.restarts, endpoint=endpoint)


async def _described(observer: Observer, ledger: Ledger, endpoint: Path | None) -> SessionProcessStatus:
    welcome, standing = observer.welcome, await observer.state()
    clients = await observer.call(GetClients(), _ANSWER_LIMIT)
    state = standing.state if standing is not None else None
    known = ledger if ledger.pid == welcome.pid else Ledger()
    return SessionProcessStatus(
        running=True,
        pid=welcome.pid,
        version=welcome.version,
        started=known.started_at,
        state=state,
        detail=standing.detail if standing is not None else "",
        connected_since=known.connected_at if state is SessionState.CONNECTED else None,
        jid=str(standing.own_jid) if standing is not None and standing.own_jid is not None else None,
        restarts=welcome.restarts,
        simulated=welcome.simulated,
        clients=tuple(ClientStatus(**client.model_dump()) for client in clients if client.kind != "command"),
        endpoint=endpoint,
    )


def _last_end(ledger: Ledger) -> LastEnd | None:
    if ledger.started_at is None:
        return None
    if ledger.ended is None:
        return LastEnd(reason="crashed", pid=ledger.pid, version=ledger.version)
    return LastEnd(
        reason=ledger.ended.reason,
        detail=ledger.ended.detail,
        whatsapp_said=ledger.ended.whatsapp_said,
        at=ledger.ended_at,
        until=ledger.ended.until,
        pid=ledger.pid,
        version=ledger.version,
    )
