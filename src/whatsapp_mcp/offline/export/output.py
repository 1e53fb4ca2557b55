"""A file that is written whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Final

from whatsapp_mcp.errors import SetupError

__all__ = ["new_file"]

_WITHOUT_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""How file systems without hard links (FAT, as on memory sticks) refuse to make one."""


@contextmanager
def new_file(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """A file that gets its name when the body ended well; nobody but the owner can read it (0600).

    Raises:
        SetupError: it exists and shall not be replaced, or cannot be written.
    """
    path = path.expanduser()
    _check(path, replace=replace)
    path = path.resolve()  # of a link, what it leads to is replaced
    with _signals_end_it_in_order():
        yield from _written(path, replace=replace)


def _written(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
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
                _give_name(temporary, path)
        except FileExistsError:
            raise _taken(path) from None
        except OSError as error:
            raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _give_name(temporary: Path, path: Path) -> None:
    """Unlike renaming alone, it never takes the place of a file made meanwhile: FileExistsError."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _WITHOUT_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # the name is ours from here on
        try:
            temporary.replace(path)
        except OSError:
            path.unlink()
            raise


@contextmanager
def _signals_end_it_in_order() -> Iterator[None]:
    """As Ctrl-C does: half an export is full of messages and shall not stay behind under a hidden name."""
    if threading.current_thread() is not threading.main_thread():  # where Python handles no signals
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        for number, handler in former.items():
            if handler is signal.SIG_DFL:  # else it is ignored, as under nohup
                signal.signal(number, end)
        yield
    finally:
        for number, handler in former.items():
            if handler is signal.SIG_DFL:
                signal.signal(number, handler)


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
