"""A file that is written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.media.received.opening import file_at
from whatsapp_mcp.platform.files import remove, sync
from whatsapp_mcp.platform.files import replace as put_in_place
from whatsapp_mcp.private_files import new_private_file


@contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """A file that gets its name when the body ended well; nobody but the owner can read it (0600).

    Raises:
        SetupError: it exists and shall not be replaced, or cannot be written.
    """
    path = path.expanduser()
    _check(path, replace=replace)
    path = path.resolve()  # of a link, what it leads to is replaced
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with new_private_file(draft) as file:
            yield file
            file.flush()
            sync(file.fileno())
        _check(path, replace=replace)  # somebody may have made it meanwhile
        put_in_place(draft, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        remove(draft)


def _check(path: Path, *, replace: bool) -> None:
    try:
        exists = os.path.lexists(path)
        special = path.exists() and not path.is_file()
    except OSError as error:
        raise _unwritable(path, error) from error
    if exists and not replace:
        raise SetupError(f"{path} exists", next_step="Name another file, or replace this one with --force.")
    if special:
        raise SetupError(f"{path} is not a regular file", next_step="Name another file.")


def _unwritable(path: Path, error: OSError) -> SetupError:
    return SetupError(
        f"{path} cannot be written: {error.strerror or error}",
        next_step="Name a file in a folder that exists, that you may write to, and that has room.",
    )


def copied(source: str, path: Path, *, replace: bool) -> None:
    """Put a copy of received media there, whole or not at all.

    Args:
        source: the path or address that `downloadMessageMedia` gave.

    Raises:
        SetupError: as :func:`new_file` does.
        StoreError: the source cannot be read.
    """
    with file_at(source).opened() as original, new_file(path, replace=replace) as file:
        shutil.copyfileobj(original, file)
