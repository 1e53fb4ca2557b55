"""What there is: `whatsapp-mcp status`."""

from __future__ import annotations

import os
import platform
from contextlib import closing
from dataclasses import asdict
from datetime import date, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp import __version__
from whatsapp_mcp.account_folder import accounts_in
from whatsapp_mcp.clock import now
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.media.received.opening import received_media
from whatsapp_mcp.media.received.place import extent_of
from whatsapp_mcp.offline.diagnosis.session_process import SessionProcessStatus, session_process_status
from whatsapp_mcp.offline.diagnosis.standing import StandingReport, standing_of
from whatsapp_mcp.offline.diagnosis.unfinished_move import MoveStatus, move_status
from whatsapp_mcp.offline.webhooks import list_webhooks, standing_text
from whatsapp_mcp.pipe.account_lock import holder_of, is_free
from whatsapp_mcp.platform.processes import is_alive
from whatsapp_mcp.session_db.database import linked_device
from whatsapp_mcp.session_db.reading import reading
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.sqlite.files import open_untouched
from whatsapp_mcp.store.engine.sqlite.inspection import Opener, find_damage, store_stats
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts
from whatsapp_mcp.wire import native

LOOK_SECONDS: Final = 2.0
"""For damage inside a database: enough for a million messages; `status` is asked often."""


MEDIA_COUNTED: Final = 20_000
"""Files; a bucket lists a thousand at a time."""


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class LockStatus(_View):
    """Whether somebody has the account: its session process, or who is about to start one."""

    held: bool | None
    """None: the lock file cannot be opened, see ``problem``."""
    pid: int | None = None
    """Of who holds the lock, as are ``command`` and ``since``."""
    command: str | None = None
    since: str | None = None
    """ISO 8601, UTC."""
    alive: bool | None = None
    """Whether that process exists; None when it cannot be told. What a dead one has started may still hold the lock."""
    problem: str | None = None


class SessionStatus(_View):
    path: Path | None = None
    """Of neonize's database; None: it is in PostgreSQL."""
    database: str | None = None
    """The other way round, without a password."""
    linked: bool | None
    """None: it cannot be told, see ``problem``."""
    jid: str | None = None
    checked: bool | None = None
    """Whether all of it was looked at; None: nothing inside was."""
    problem: str | None = None
    next_step: str | None = None


class StoreStatus(_View):
    path: Path | None = None
    database: str | None = None
    """Where the messages are in PostgreSQL, without its password."""
    exists: bool
    messages: int = 0
    chats: int = 0
    bytes: int = 0
    """Size of the file and its log."""
    newest_message: datetime | None = None
    schema_version: int = 0
    checked: bool | None = None
    """As of the session."""
    problem: str | None = None
    next_step: str | None = None


class MediaStatus(_View):
    """What was received and downloaded."""

    place: str
    """A folder, or a prefix of a bucket."""
    files: int = 0
    bytes: int = 0
    complete: bool = True
    """False: there is more, which was not counted."""
    problem: str | None = None
    next_step: str | None = None


class EndpointStatus(_View):
    """The simulator that is used instead of WhatsApp."""

    file: Path
    proxy: str | None = None
    problem: str | None = None
    next_step: str | None = None


class Versions(_View):
    whatsapp_mcp: str
    python: str
    platform: str
    mcp: str | None
    neonize: str | None
    whatsmeow_date: date | None
    """Day of the whatsmeow commit inside neonize."""
    whatsapp_web: str | None
    """What neonize announces to WhatsApp; None when it cannot be read from its library."""


class WebhookStatus(_View):
    name: str
    state: str
    """``ok``, ``failing`` or ``stopped``."""
    said: str
    """How it does, in a few words."""


class Status(_View):
    data_dir: Path
    account: str
    """The one that is looked at."""
    accounts: tuple[str, ...]
    """All that are in the data directory."""
    account_dir: Path
    move: MoveStatus | None
    """None: the account is not on its way between files and database."""
    process: SessionProcessStatus
    lock: LockStatus
    session: SessionStatus
    store: StoreStatus
    media: MediaStatus
    standing: StandingReport
    endpoint: EndpointStatus | None
    """None: the real WhatsApp."""
    webhooks: tuple[WebhookStatus, ...]
    versions: Versions

    @property
    def well(self) -> bool:
        """The account is connected, or would be by the next server, and its databases are whole."""
        whole = self.session.problem is None and self.store.problem is None
        return self.standing.well and whole and (self.move is None or self.move.usable)


def take_status(settings: Settings) -> Status:
    """Look at everything; what cannot be read is described, never raised."""
    process = session_process_status(settings)
    return Status(
        data_dir=settings.data_dir,
        account=settings.account,
        accounts=_accounts(settings),
        account_dir=settings.account_dir,
        move=move_status(settings),
        process=process,
        standing=standing_of(settings, process, now()),
        lock=lock_status(settings.lock_path),
        session=session_status(settings.keys, look=LOOK_SECONDS),
        store=store_status(settings.store, look=LOOK_SECONDS),
        media=media_status(settings),
        endpoint=_endpoint_status(settings.endpoint),
        webhooks=webhook_statuses(settings),
        versions=_versions(),
    )


def webhook_statuses(settings: Settings) -> tuple[WebhookStatus, ...]:
    try:
        listed = list_webhooks(settings)
    except (WhatsAppMcpError, OSError):
        return ()  # `doctor` says why
    return tuple(WebhookStatus(name=one.name, state=one.state, said=standing_text(one)) for one in listed)


def _accounts(settings: Settings) -> tuple[str, ...]:
    try:
        return accounts_in(settings.data_dir)
    except OSError:
        return (settings.account,)  # `doctor` says why


def lock_status(path: Path) -> LockStatus:
    try:
        usable = not path.exists() or os.access(path, os.R_OK | os.W_OK)
    except OSError:
        usable = False
    if not usable:
        return LockStatus(held=None, problem=f"{path} may not be opened by this user")
    if is_free(path):
        return LockStatus(held=False)
    holder = holder_of(path)
    if holder is None:
        return LockStatus(held=True)
    return LockStatus(held=True, pid=holder.pid, command=holder.command, since=holder.since, alive=is_alive(holder.pid))


def session_status(where: Whereabouts, *, look: float = 0.0) -> SessionStatus:
    """``look``: seconds for which it is looked for damage inside a file, at most; PostgreSQL looks after its own."""
    if isinstance(where, PostgresSchema):
        return _status_in(where)
    path = where
    try:
        jid = linked_device(path)
    except WhatsAppMcpError as error:
        return SessionStatus(path=path, linked=None, problem=error.message, next_step=error.next_step)
    except OSError as error:
        return SessionStatus(path=path, linked=None, problem=f"{path} cannot be read: {error.strerror}")
    found = SessionStatus(path=path, linked=jid is not None, jid=jid)
    again = f"Close all MCP hosts, move {path} away and link the account again; messages are kept."
    return found.model_copy(update=_inside(path, reading, look, again))


def _status_in(where: PostgresSchema) -> SessionStatus:
    try:
        jid = linked_device(where)
    except WhatsAppMcpError as error:
        return SessionStatus(database=str(where), linked=None, problem=error.message, next_step=error.next_step)
    return SessionStatus(database=str(where), linked=jid is not None, jid=jid, checked=True)


def store_status(where: Whereabouts, *, look: float = 0.0) -> StoreStatus:
    """``look``: as for the session."""
    return _file_status(where, look) if isinstance(where, Path) else _schema_status(where)


def _schema_status(where: PostgresSchema) -> StoreStatus:
    from whatsapp_mcp.store.read.reader import StoreReader

    try:
        with closing(StoreReader(where)) as reader:
            stats = reader.stats()
    except WhatsAppMcpError as error:
        return StoreStatus(database=str(where), exists=True, problem=error.message, next_step=error.next_step)
    return StoreStatus(database=str(where), exists=stats.schema_version > 0, checked=True, **asdict(stats))


def _file_status(path: Path, look: float) -> StoreStatus:
    try:
        stats = store_stats(path) if path.exists() else None
    except WhatsAppMcpError as error:
        return StoreStatus(path=path, exists=True, problem=error.message, next_step=error.next_step)
    except OSError as error:
        return StoreStatus(path=path, exists=True, problem=f"{path} cannot be read: {error.strerror}")
    if stats is None:
        return StoreStatus(path=path, exists=False)
    again = "Close all MCP hosts and restore a back-up, or move the file away to start with an empty store."
    return StoreStatus(path=path, exists=True, **asdict(stats), **_inside(path, open_untouched, look, again))


def media_status(settings: Settings) -> MediaStatus:
    place = str(settings.received_media)
    try:
        with waits_for(f"counting the media in {place}"):
            extent = extent_of(received_media(settings.received_media), MEDIA_COUNTED)
    except WhatsAppMcpError as error:
        return MediaStatus(place=place, problem=error.message, next_step=error.next_step)
    return MediaStatus(place=place, files=extent.files, bytes=extent.size, complete=extent.complete)


def _inside(path: Path, opened: Opener, look: float, again: str) -> dict[str, Any]:
    """What is to be said of damage that can be seen only inside: the file opens, and some of it can be read."""
    if look <= 0 or not path.exists():
        return {}
    with waits_for(f"looking into {path.name}"):
        damage, checked = find_damage(path, opened, limit=look)
    if damage is None:
        return {"checked": checked}
    return {"checked": checked, "problem": f"{path} is damaged: {damage}", "next_step": again}


def _endpoint_status(path: Path | None) -> EndpointStatus | None:
    if path is None:
        return None
    try:
        return EndpointStatus(file=path, proxy=Endpoint.read(path).proxy)
    except WhatsAppMcpError as error:
        return EndpointStatus(file=path, problem=error.message, next_step=error.next_step)


def _versions() -> Versions:
    library = None
    path = native.library_path()
    if path is not None:
        try:
            library = native.read_library(path)
        except (OSError, ValueError):
            library = None  # `doctor` says why
    try:
        mcp: str | None = metadata.version("mcp")
    except metadata.PackageNotFoundError:
        mcp = None
    return Versions(
        whatsapp_mcp=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        mcp=mcp,
        neonize=native.installed_version(),
        whatsmeow_date=library.whatsmeow_date if library else None,
        whatsapp_web=library.web_version if library else None,
    )
