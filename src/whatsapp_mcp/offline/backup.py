"""`whatsapp-mcp backup`: what an account has and did, in one file, while servers run.

session.db is never in it. It holds the keys of the linked device: whoever has a copy is the account. And a copy that is
put back is of no use: Signal's ratchets have gone on since, so that messages to and from everybody who wrote meanwhile
cannot be decrypted with it, and two that are in use at once replace each other. Linking anew takes a minute and keeps
the messages.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp import __version__
from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import NotFound, SetupError
from whatsapp_mcp.offline.export.output import new_file
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.sqlite.copying import copy_database
from whatsapp_mcp.store.engine.sqlite.files import MESSAGE_STORE
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.whereabouts import PostgresSchema

FORMAT: Final = 1
ABOUT: Final = "backup.json"
_CHUNK: Final = 1 << 20
_FAST: Final = 1
"""Level of compression: a store becomes a third, and the disk remains what takes the time."""


class BackupFacts(BaseModel):
    """The first entry of a backup."""

    model_config = ConfigDict(extra="ignore")

    format: Literal[1] = FORMAT
    version: str
    """Of the program that made it."""
    account: str
    made: datetime


def parts_of(settings: Settings) -> tuple[Path, ...]:
    """What is backed up where it is there, in this order: how far webhooks are is never further than the messages."""
    return (
        settings.webhook_progress_path,
        settings.webhooks_path,
        settings.policy_path,
        settings.policy_book_path,
        settings.store_path,
    )


def check_in_files(settings: Settings) -> None:
    """Raises SetupError: the account is in a database, which has a way of its own to be copied."""
    if isinstance(where := settings.store, PostgresSchema):
        raise SetupError(
            f"this account lies in {where}, of which this command makes and takes no copy",
            next_step="Use PostgreSQL's own: docs/postgres.md says how, and why the device's keys are left out.",
        )


def back_up(settings: Settings, target: Path, *, replace: bool) -> Path:
    """Write a file that its owner alone can read; a folder as ``target`` gets one named by account and time.

    Returns:
        The file.

    Raises:
        NotFound: there is nothing yet.
        SetupError: the file exists and shall not be replaced, or cannot be written; or the account is in PostgreSQL.
        StoreError: a database cannot be read.
    """
    check_in_files(settings)
    parts = [part for part in parts_of(settings) if part.exists()]
    if not parts:
        raise NotFound(
            f"there is nothing to back up in {settings.account_dir} yet",
            next_step="Choose --data-dir or --account; `whatsapp-mcp accounts` shows which there are.",
        )
    made, target = now(), target.expanduser()
    if target.is_dir():
        target = target / f"whatsapp-mcp-{settings.account}-{made:%Y%m%d-%H%M%S}.zip"
    about = BackupFacts(version=__version__, account=settings.account, made=made)
    with new_file(target, replace=replace) as file, _private_folder(target.parent) as copies:
        _write(file, about, parts, Path(copies), settings)
    return target


def _private_folder(beside: Path) -> tempfile.TemporaryDirectory[str]:
    """On the same disk as what is written, which has to have the room; mode 0700."""
    return tempfile.TemporaryDirectory(prefix=".whatsapp-mcp-", dir=beside)


def _write(file: BinaryIO, about: BackupFacts, parts: list[Path], copies: Path, settings: Settings) -> None:
    databases = {settings.store_path: MESSAGE_STORE, settings.policy_book_path: "the policy's book"}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
        archive.writestr(ABOUT, about.model_dump_json(indent=1))
        for part in parts:
            copy = copies / part.name
            if part in databases:
                copy_database(part, copy, databases[part])
            else:
                with suppress(FileNotFoundError):  # it was removed meanwhile
                    _copy_small(part, copy)
            if copy.exists():
                _add(archive, copy)
                copy.unlink()


def _copy_small(part: Path, copy: Path) -> None:
    try:
        shutil.copyfile(part, copy)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SetupError(
            f"{part} cannot be copied: {error.strerror}", next_step="Run this command as the server's user."
        ) from error


def _add(archive: zipfile.ZipFile, path: Path) -> None:
    with (
        path.open("rb") as source,
        archive.open(path.name, "w", force_zip64=True) as entry,
        waits_for(f"writing {path.name}", total=float(path.stat().st_size)) as wait,
    ):
        while chunk := source.read(_CHUNK):
            entry.write(chunk)
            wait.done += len(chunk)
