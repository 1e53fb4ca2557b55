"""A file that is written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from whatsapp_mcp.errors import SetupError

__all__ = ["new_file"]


@contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """A file that gets its name when the body ended well; nobody but the owner can read it (0600).

    Raises:
        SetupError: it exists and shall not be replaced, or cannot be written.
    """
    path = path.expanduser()
    _check(path, replace=replace)
    path = path.resolve()  # of a link, what it leads to is replaced
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".part")
    except OSError as error:
        raise _unwritable(path, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                raise _unwritable(path, error) from error
        try:
            if replace:
                temporary.replace(path)
            else:
                os.link(temporary, path)  # unlike renaming, it never takes the place of a file made meanwhile
        except FileExistsError:
            raise _taken(path) from None
        except OSError as error:
            raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _check(path: Path, *, replace: bool) -> None:
    try:
        exists = os.path.lexists(path)
        if exists and not replace:
            raise _taken(path)
        special = path.exists() and not path.is_file()
    except OSError as error:
        raise _unwritable(path, error) from error
    if special:
        raise SetupError(f"{path} is not a regular file", next_step="Name another file with --output.")


def _taken(path: Path) -> SetupError:
    return SetupError(f"{path} exists", next_step="Name another file with --output, or replace this one with --force.")


def _unwritable(path: Path, error: OSError) -> SetupError:
    return SetupError(
        f"{path} cannot be written: {error.strerror or error}",
        next_step="Name a file with --output in a folder that exists, that you may write to, and that has room.",
    )
