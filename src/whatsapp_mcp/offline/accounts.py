"""`whatsapp-mcp accounts`: which there are; making, renaming and removing one. No session process is started."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.account_folder import BEING_REMOVED, accounts_in, check_account, check_path, make_folder
from whatsapp_mcp.account_names import account_name
from whatsapp_mcp.errors import DataDirectoryInUse, SetupError, WhatsAppMcpError
from whatsapp_mcp.media.received.opening import copy_media, received_media
from whatsapp_mcp.offline.account_schema import give_schema, remove_schema
from whatsapp_mcp.offline.attached import Observer, attached
from whatsapp_mcp.offline.diagnosis.report import lock_status, session_status
from whatsapp_mcp.pipe.account_lock import AccountLock, holder_text
from whatsapp_mcp.pipe.codec import Moving
from whatsapp_mcp.pipe.control import GetClients, Restart
from whatsapp_mcp.pipe.lines import AttachedClient
from whatsapp_mcp.platform.files import remove_folder
from whatsapp_mcp.platform.files import replace as put_in_place
from whatsapp_mcp.settings import Settings

END_LIMIT: Final = 30.0
"""Seconds for a session process that nobody uses to end, or for another command to let go of the account."""
ANSWER_LIMIT: Final = 5.0


class ListedAccount(BaseModel):
    """One account, as it can be seen from outside."""

    model_config = ConfigDict(frozen=True)

    name: str
    folder: Path
    linked: bool | None
    """None: it cannot be told, see ``problem``."""
    jid: str | None
    """Of the linked device."""
    in_use: bool | None
    """Whether a session process or a server holds it; None: it cannot be told, see ``problem``."""
    problem: str | None


def list_accounts(data_dir: Path) -> tuple[ListedAccount, ...]:
    """All accounts, the default one first.

    Raises:
        SetupError: the folder cannot be read.
    """
    try:
        names = accounts_in(data_dir)
    except OSError as error:
        raise SetupError(
            f"the folder {data_dir} cannot be read: {error.strerror}",
            next_step="Run this command as the server's user, or choose another --data-dir.",
        ) from error
    return tuple(_look_at(Settings(data_dir=data_dir, account=name)) for name in names)


def _look_at(settings: Settings) -> ListedAccount:
    lock, session = lock_status(settings.lock_path), session_status(settings.keys)
    return ListedAccount(
        name=settings.account,
        folder=settings.account_dir,
        linked=session.linked,
        jid=session.jid,
        in_use=lock.held,
        problem=session.problem or lock.problem,
    )


def add_account(data_dir: Path, name: str) -> Path:
    """Make an account's folder, empty and private.

    Raises:
        SetupError: the name is none, is taken, or the folder cannot be made.
    """
    folder = data_dir / _checked(name)
    _check_free(folder)
    check_path(folder)
    make_folder(data_dir)
    make_folder(folder)
    return folder


def rename_account(data_dir: Path, old: str, new: str) -> Path:
    """Give an account another name. Hosts that name the old one have to be told.

    Raises:
        SetupError: there is no such account, or the new name is none or taken.
        DataDirectoryInUse: servers use it; says which.
        StoreError: its media are in a bucket, or it is in a database, that cannot be used; what is in the way is said.
    """
    settings, target = existing_account(data_dir, old), data_dir / _checked(new)
    _check_free(target)
    renamed = settings.model_copy(update={"account": target.name})
    media, given = settings.received_media, False

    def before() -> None:
        nonlocal given
        copy_media(media, renamed.received_media)
        give_schema(settings, renamed)
        given = True

    try:
        _move(settings, target, before)
    except BaseException:
        if given:
            give_schema(renamed, settings)
        raise
    if settings.media:
        received_media(media).remove_all()
    return target


def account_to_remove(data_dir: Path, name: str) -> ListedAccount:
    """What :func:`remove_account` would delete.

    Raises:
        SetupError: there is no such account.
    """
    return _look_at(existing_account(data_dir, name))


def remove_account(data_dir: Path, name: str) -> None:
    """Delete everything of an account. The phone still lists the device: only WhatsApp can take that away.

    Raises:
        SetupError: there is no such account, or a file of it cannot be deleted.
        DataDirectoryInUse: servers use it; says which.
        StoreError: its media in a bucket, or what is in a database, cannot be deleted; the rest is still there.
    """
    settings = existing_account(data_dir, name)
    media = received_media(settings.received_media)
    # Whatever ends this half-way leaves no half of an account behind under its name.
    going = data_dir / f"{BEING_REMOVED}{settings.account}-{secrets.token_hex(4)}"

    def before() -> None:
        if settings.media:
            media.remove_all()
        remove_schema(settings)

    _move(settings, going, before)
    try:
        remove_folder(going)
    except OSError as error:
        raise SetupError(
            f"{going}, which was the account {settings.account!r}, cannot be deleted altogether: {error.strerror}",
            next_step=f"Delete {going} by hand.",
        ) from error


def existing_account(data_dir: Path, name: str) -> Settings:
    """The settings of an account whose folder there is. Raises SetupError."""
    settings = Settings(data_dir=data_dir, account=_checked(name))
    folder = settings.account_dir
    check_account(folder)
    if folder.is_symlink():
        raise SetupError(
            f"{folder} is a link to another folder", next_step="Rename or remove it by hand, with no server running."
        )
    if not folder.is_dir():  # the default account before its first use
        raise SetupError(
            f"the account {settings.account!r} has no data yet: {folder} does not exist",
            next_step="`whatsapp-mcp accounts` lists what there is.",
        )
    return settings


def _checked(name: str) -> str:
    try:
        return account_name(name)
    except ValueError as error:
        said = error.args[0]
    raise SetupError(said, next_step="Choose another name.")


def _check_free(folder: Path) -> None:
    if folder.exists() or folder.is_symlink():
        raise SetupError(
            f"there is an account {folder.name!r} already, in {folder}",
            next_step="Choose another name, or rename or remove that account first (`whatsapp-mcp accounts --help`).",
        )


def lock_of_unused(settings: Settings) -> AccountLock:
    """The account's lock; a session process that no server uses is asked to end.

    Raises:
        DataDirectoryInUse: says who uses the account.
    """
    servers: tuple[AttachedClient, ...] = ()

    def end_unused() -> bool:
        nonlocal servers
        servers = asyncio.run(_end_unused(settings))
        return not servers

    lock = AccountLock.acquire(settings.lock_path, limit=END_LIMIT, between=end_unused)
    if lock is None:
        users = [f"process {server.pid} ({server.command})" for server in servers]
        raise DataDirectoryInUse(
            f"the account {settings.account!r} is in use by {', '.join(users) or holder_text(settings.lock_path)}",
            next_step="Close the MCP hosts that use it (`whatsapp-mcp status` lists their servers), and run this "
            "again.",
        )
    return lock


async def _end_unused(settings: Settings) -> tuple[AttachedClient, ...]:
    """Have the session process end if no server uses it, so that none starts the next; else the servers."""
    with contextlib.suppress(TimeoutError, Moving, WhatsAppMcpError):
        async with attached(settings) as found:
            if isinstance(found, Observer):
                clients = await found.call(GetClients(), ANSWER_LIMIT)
                servers = tuple(client for client in clients if client.kind != "command")
                if not servers:
                    await found.call(Restart(), ANSWER_LIMIT)
                return servers
    return ()


def _move(settings: Settings, target: Path, before: Callable[[], None]) -> None:
    """Give the account's folder another name while nobody uses it. ``before`` is called when nobody does."""
    folder, lock = settings.account_dir, lock_of_unused(settings)
    try:
        before()
        try:
            folder.rename(target)
        except PermissionError:  # Windows renames no folder of which a file is open
            lock.release()
            put_in_place(folder, target)
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be renamed: {error.strerror}",
            next_step=f"Check that {folder.parent} can be written to and that no program uses a file in it.",
        ) from error
    finally:
        lock.release()
