"""`whatsapp-mcp accounts`: which there are; making, renaming and removing one. No session process is started."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.account_folder import BEING_REMOVED, accounts_in, check_account, check_path, make_folder
from whatsapp_mcp.account_names import account_name
from whatsapp_mcp.errors import DataDirectoryInUse, SetupError
from whatsapp_mcp.offline.diagnosis.report import lock_status, session_status
from whatsapp_mcp.pipe.account_lock import AccountLock, holder_text
from whatsapp_mcp.platform.files import replace as put_in_place
from whatsapp_mcp.settings import Settings


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
    lock, session = lock_status(settings.lock_path), session_status(settings.session_db)
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
        DataDirectoryInUse: a server or session process uses it.
    """
    settings, target = _existing(data_dir, old), data_dir / _checked(new)
    _check_free(target)
    with _moved(settings, target):
        return target


def account_to_remove(data_dir: Path, name: str) -> ListedAccount:
    """What :func:`remove_account` would delete.

    Raises:
        SetupError: there is no such account.
    """
    return _look_at(_existing(data_dir, name))


def remove_account(data_dir: Path, name: str) -> None:
    """Delete everything of an account. The phone still lists the device: only WhatsApp can take that away.

    Raises:
        SetupError: there is no such account, or a file of it cannot be deleted.
        DataDirectoryInUse: a server or session process uses it.
    """
    settings = _existing(data_dir, name)
    # Whatever ends this half-way leaves no half of an account behind under its name.
    going = data_dir / f"{BEING_REMOVED}{settings.account}-{secrets.token_hex(4)}"
    with _moved(settings, going):
        try:
            shutil.rmtree(going)
        except OSError as error:
            raise SetupError(
                f"{going}, which was the account {settings.account!r}, cannot be deleted altogether: {error.strerror}",
                next_step=f"Delete {going} by hand.",
            ) from error


def _existing(data_dir: Path, name: str) -> Settings:
    """The settings of an account whose folder there is."""
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


@contextmanager
def _moved(settings: Settings, target: Path) -> Iterator[None]:
    """The account's folder under another name, moved while nobody uses it; the body runs before it can be used."""
    folder, lock = settings.account_dir, AccountLock.acquire(settings.lock_path)
    if lock is None:
        raise DataDirectoryInUse(
            f"the account {folder.name!r} is in use by {holder_text(settings.lock_path)}",
            next_step="Stop the servers that use it (close their MCP hosts), wait some seconds, and run this again.",
        )
    try:
        try:
            folder.rename(target)
        except PermissionError:  # Windows renames no folder of which a file is open
            lock.release()
            put_in_place(folder, target)
        yield
    except OSError as error:
        raise SetupError(
            f"{folder} cannot be renamed: {error.strerror}",
            next_step=f"Check that {folder.parent} can be written to and that no program uses a file in it.",
        ) from error
    finally:
        lock.release()
