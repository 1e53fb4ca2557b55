"""`whatsapp-mcp restore`: an account as it was when it was backed up, but for its link to WhatsApp."""

from __future__ import annotations

import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from whatsapp_mcp.account_folder import make_folder
from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.offline.accounts import lock_of_unused
from whatsapp_mcp.offline.backup import ABOUT, BackupFacts, check_in_files, parts_of
from whatsapp_mcp.platform.files import remove_folder, sync
from whatsapp_mcp.platform.files import replace as put_in_place
from whatsapp_mcp.private_files import ensure_private_folder, new_private_file
from whatsapp_mcp.session_db.database import linked_device
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.sqlite.copying import owner_in
from whatsapp_mcp.store.engine.sqlite.files import archive_store
from whatsapp_mcp.store.engine.sqlite.inspection import find_damage
from whatsapp_mcp.waiting import waits_for

SUFFIX: Final = "before-restore"
"""Behind the names of what was there before."""
_CHUNK: Final = 1 << 20
_CHECK_LIMIT: Final = 600.0
"""Seconds to look through a database; a million messages take some ten."""


@dataclass(frozen=True, slots=True)
class Restored:
    about: BackupFacts
    files: tuple[str, ...]
    """Names of what is there now."""
    aside: tuple[Path, ...]
    """What was there before, and where it is now."""
    linked: bool


def restore(settings: Settings, source: Path) -> Restored:
    """Put back what a backup holds, all of it or nothing; what was there is kept under another name.

    Raises:
        SetupError: the file is no backup, or of a newer version, or the account's folder cannot be written to; or the
            account is in PostgreSQL.
        DataDirectoryInUse: servers use the account; says which.
        StoreError: a database in it is damaged, of a newer version, or of another WhatsApp account.
    """
    check_in_files(settings)
    with _opened(source) as (archive, about):
        make_folder(settings.account_dir)
        lock = lock_of_unused(settings)
        drafts = settings.account_dir / f".restore-{secrets.token_hex(4)}"
        try:
            ensure_private_folder(drafts)
            unpacked = _unpack(archive, drafts, settings, source)
            linked = _check(unpacked, settings)
            aside = _put_in_place(unpacked, settings)
        except OSError as error:
            raise SetupError(
                f"{settings.account_dir} cannot be written to: {error.strerror or type(error).__name__}",
                next_step="Look whether the disk is full and who owns the folder; nothing was changed.",
            ) from error
        finally:
            with suppress(OSError):
                remove_folder(drafts)
            lock.release()
    return Restored(about, tuple(part.name for part in unpacked), aside, linked)


@contextmanager
def _opened(source: Path) -> Iterator[tuple[zipfile.ZipFile, BackupFacts]]:
    try:
        archive = zipfile.ZipFile(source.expanduser())
    except (OSError, zipfile.BadZipFile) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise _no_backup(source, why or "it is cut short, or something else") from error
    with archive:
        try:
            about = BackupFacts.model_validate_json(archive.read(ABOUT))
        except (KeyError, ValidationError, zipfile.BadZipFile, OSError) as error:
            raise _no_backup(source, "it is something else, or of a newer version of this program") from error
        yield archive, about


def _no_backup(source: Path, why: str) -> SetupError:
    return SetupError(
        f"{source} cannot be read as a backup: {why}",
        next_step="Name a file that `whatsapp-mcp backup` wrote, and upgrade this program if a newer one wrote it.",
    )


def _unpack(archive: zipfile.ZipFile, drafts: Path, settings: Settings, source: Path) -> list[Path]:
    """What is in it of what belongs in there; nothing else is looked at. Each entry's sum is checked."""
    unpacked = []
    for part in parts_of(settings):
        try:
            entry = archive.getinfo(part.name)
        except KeyError:
            continue
        draft = drafts / part.name
        total = float(entry.file_size)
        with waits_for(f"unpacking {part.name}", total=total) as wait, new_private_file(draft) as file:
            try:
                with archive.open(entry) as packed:
                    while chunk := packed.read(_CHUNK):
                        file.write(chunk)
                        wait.done += len(chunk)
            except (zipfile.BadZipFile, EOFError, zlib.error) as error:
                raise _no_backup(source, f"{part.name} in it is damaged") from error
            file.flush()
            sync(file.fileno())
        unpacked.append(draft)
    return unpacked


def _check(unpacked: list[Path], settings: Settings) -> bool:
    """Whether a device is linked now. Raises StoreError when something does not fit."""
    linked = linked_device(settings.keys)
    for draft in unpacked:
        if draft.suffix != ".db":
            continue
        with waits_for(f"checking {draft.name}"):
            damage, _ = find_damage(draft, limit=_CHECK_LIMIT)
        if damage is not None:
            raise StoreError(f"{draft.name} in the backup is damaged", next_step="Restore another one.")
        if draft.name == settings.store_path.name:
            owner = owner_in(draft)
            if linked and owner and Jid.parse(owner).bare != Jid.parse(linked).bare:
                raise StoreError(
                    "the backup is of another WhatsApp account than the one that is linked",
                    next_step="Restore it into an account of its own: `whatsapp-mcp accounts add NAME`, then "
                    "`whatsapp-mcp restore FILE --account NAME`.",
                )
    return linked is not None


def _put_in_place(unpacked: list[Path], settings: Settings) -> tuple[Path, ...]:
    """By names alone. What fails half-way is taken back."""
    moved: list[tuple[Path, Path]] = []
    put: list[Path] = []
    try:
        for part in parts_of(settings):
            if (aside := archive_store(part, SUFFIX)) is not None:
                moved += [(part, aside)]
        for draft in unpacked:
            put_in_place(draft, settings.account_dir / draft.name)
            put.append(settings.account_dir / draft.name)
    except BaseException:
        for path in put:
            path.unlink(missing_ok=True)
        for part, aside in reversed(moved):
            for ending in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    shutil.move(f"{aside}{ending}", f"{part}{ending}")
        raise
    return tuple(aside for _, aside in moved)
