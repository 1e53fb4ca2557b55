"""Replacing a host's file: at once, through links, with the modes that it has, and what it was beside it."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.offline.hosts.entries import HostFileChange
from whatsapp_mcp.platform.files import remove, replace, sync

_NEW_FILE: Final = 0o600
"""Hosts keep keys of other servers in such files."""


def write(change: HostFileChange, now: datetime) -> Path | None:
    """Make the change.

    Returns:
        Where what the file held before is kept; None when there was no file.

    Raises:
        SetupError: it changed meanwhile, or cannot be written; then it is as it was.
    """
    try:
        # What a link leads to is replaced, not the link: people keep such files in a repository of theirs.
        target = Path(os.path.realpath(change.path))
        if change.before is None:
            target.parent.mkdir(parents=True, exist_ok=True)
            _put(target, change.after, before=None)
            return None
        kept = _backup(target, change.before, now)
        _put(target, change.after, before=change.before)
        return kept
    except OSError as error:
        raise SetupError(
            f"{error.filename or change.path} cannot be written: {error.strerror}",
            next_step="Run this as the user whose file it is, or use --print and enter it by hand.",
        ) from error


def _backup(target: Path, content: bytes, now: datetime) -> Path:
    moment = f"{now:%Y%m%d-%H%M%S}"
    names = (f"{target.name}.{moment}{tail}.bak" for tail in ("", *(f"-{number}" for number in range(2, 100))))
    for name in names:
        path = target.with_name(name)
        with suppress(FileExistsError), _new(path) as file:
            file.write(content)
            shutil.copymode(target, path)
            return path
    raise SetupError(f"{target.parent} is full of copies of this second", next_step="Try again.")


def _put(target: Path, content: bytes, *, before: bytes | None) -> None:
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with _new(draft) as file:
            file.write(content)
            file.flush()
            sync(file.fileno())
        if before is not None:
            shutil.copymode(target, draft)
        if (target.read_bytes() if target.exists() else None) != before:
            raise SetupError(f"{target} was changed meanwhile", next_step="Run the command again.")
        replace(draft, target)
    finally:
        remove(draft)


def _new(path: Path) -> BinaryIO:
    """Not :func:`private_files.new_private_file`: on Windows the file is to have the rights that its folder gives."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, _NEW_FILE))
