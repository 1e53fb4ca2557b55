"""The folders of accounts: which there are, what their path must not hold, and that they are their owner's only."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from whatsapp_mcp.account_names import DEFAULT_ACCOUNT, account_name
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.ownership import close_folder_to_others, not_ours_alone, others_may_read
from whatsapp_mcp.postgres import for_neonize
from whatsapp_mcp.private_files import ensure_private_folder
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

logger = logging.getLogger(__name__)

_BREAKS_URI: Final = "?#%"
_PATIENT: Final = "?_foreign_keys=on&_busy_timeout=60000&"
"""For neonize's driver (go-sqlite3). Of itself it waits 5 seconds for others that write, whatsmeow's own threads among
them. On a busy machine these are over, and whatsmeow sends a message without those whom it could not be encrypted for.
What neonize appends (``?_foreign_keys=on``) is one more parameter then, of no meaning."""
_CHOOSE_ANOTHER: Final = "with --data-dir or WHATSAPP_MCP_DATA_DIR."

BEING_REMOVED: Final = ".removed-"
"""Beginning of the name under which an account's folder is deleted; no account can have it."""


def accounts_in(data_dir: Path) -> tuple[str, ...]:
    """Names of the accounts, the default one first, which is there even without a folder.

    Raises:
        OSError: the folder cannot be read.
    """
    found = sorted(entry.name for entry in data_dir.iterdir() if _is_account(entry)) if data_dir.exists() else []
    return (DEFAULT_ACCOUNT, *(name for name in found if name != DEFAULT_ACCOUNT))


def _is_account(entry: Path) -> bool:
    try:
        return account_name(entry.name) == entry.name and entry.is_dir()
    except ValueError:
        return False


def check_account(folder: Path) -> None:
    """Raises SetupError when there is no account with this folder: a name with a typing error is no new account."""
    if folder.name == DEFAULT_ACCOUNT or folder.is_dir():
        return
    try:
        there_are = ", ".join(accounts_in(folder.parent))
    except OSError:
        there_are = DEFAULT_ACCOUNT
    raise SetupError(
        f"there is no account {folder.name!r} in {folder.parent}",
        next_step=f"Make it with `whatsapp-mcp accounts add {folder.name}`, or name one of these: {there_are}.",
    )


def check_path(path: Path) -> None:
    """Raises SetupError for a path that neonize cannot use: 0.5.2 makes a ``file:`` URI of it without escaping."""
    if any(character in str(path) for character in _BREAKS_URI):
        raise SetupError(
            f"the path {path} contains ?, # or %, which the WhatsApp library cannot handle",
            next_step=f"Choose another folder {_CHOOSE_ANOTHER}",
        )


def name_for_neonize(database: Whereabouts) -> str:
    """How neonize is told which database is the account's: what its drivers take, a password and all.

    Raises:
        SetupError: neonize cannot use it.
        NotInstalled: it is in PostgreSQL, and psycopg is not there.
    """
    if isinstance(database, PostgresSchema):
        return for_neonize(database)
    check_path(database)
    return f"{database}{_PATIENT}"


def make_folder(folder: Path) -> None:
    """Create the folder with mode 0700, and the parents that are missing too.

    Raises:
        SetupError: it cannot be created, or it is another user's.
    """
    try:
        ensure_private_folder(folder)
    except OSError as error:
        raise SetupError(
            f"the folder {folder} cannot be created: {error.strerror}",
            next_step=f"Choose a folder that you may write to {_CHOOSE_ANOTHER}",
        ) from error
    for found in (folder.lstat(), folder.stat()):
        if (why := not_ours_alone(found)) is not None:
            raise SetupError(
                f"the folder {folder} {why}",
                next_step=f"Start as that user, change its owner, or choose a folder of your own {_CHOOSE_ANOTHER}",
            )


def close_folder(folder: Path) -> None:
    """Take from others what they may do in the folder of an account that was there before, as far as that is possible.

    The data directory itself may be somebody's choice, and hold other things; `doctor` says what is wrong with it.
    """
    try:
        by = others_may_read(folder)
        if by is not None:
            close_folder_to_others(folder)
            logger.warning("the folder %s was open to others (%s) and has been closed to others", folder, by)
    except OSError as error:
        logger.warning("the folder %s cannot be closed to others: %s", folder, error.strerror)


def check_files(folder: Path) -> None:
    """Raises SetupError when a file that lies in the folder is not the user's alone."""
    for path, why in shared_files(folder):
        raise SetupError(f"the file {path} {why}", next_step=take_back(path))


def shared_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files in the folder that are not the user's alone, and why, as the end of a sentence.

    Raises:
        OSError: the folder cannot be read.
    """
    for path in sorted(folder.iterdir()):
        try:
            why = not_ours_alone(path.lstat()) or not_ours_alone(path.stat())
        except FileNotFoundError:  # it has gone meanwhile, or is a link that leads nowhere
            continue
        if why is not None:
            yield path, why


def take_back(path: Path) -> str:
    """What makes such a file the user's alone."""
    return (
        f"Find out who made it so. A copy is yours alone: close all MCP hosts, `cp -p {path} {path}.own`, move it back."
    )
