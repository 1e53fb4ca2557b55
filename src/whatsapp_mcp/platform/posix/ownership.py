"""Owners and modes."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from pathlib import Path

assert sys.platform != "win32"


def not_ours_alone(found: os.stat_result) -> str | None:
    """Why what was found cannot be trusted to be the user's alone, as the end of a sentence; None when it can.

    Who owns a file can open it to everybody and change it. Who made another name for it holds on to it: it stays there
    when the first name is deleted, and what is written here is read there. root can do anything anyway.
    """
    if found.st_uid not in (os.geteuid(), 0):
        return f"belongs to another user (uid {found.st_uid})"
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        return f"has {found.st_nlink} names (hard links), and the others may be somebody else's"
    return None


def others_may_read(file: int | Path) -> str | None:
    """By what others may do anything with an open file, or a file or folder; None when they may not.

    Raises:
        OSError: it cannot be looked at.
    """
    return _mode(file, 0o077)


def others_may_change(folder: Path) -> str | None:
    """By what others may make, replace and delete files in this folder; None when they may not.

    Raises:
        OSError: it cannot be looked at.
    """
    return _mode(folder, 0o022)


def _mode(file: int | Path, bits: int) -> str | None:
    mode = stat.S_IMODE(os.stat(file).st_mode)  # noqa: PTH116 - of descriptors too
    return f"mode {mode:04o}" if mode & bits else None


def close_to_others(path: Path) -> None:
    """Leave a file to its owner alone.

    Raises:
        OSError: it is somebody else's.
    """
    if others_may_read(path) is not None:
        path.chmod(0o600)


def close_folder_to_others(folder: Path) -> None:
    """Leave a folder to its owner alone (mode 0700).

    Raises:
        OSError: it is somebody else's.
    """
    folder.chmod(0o700)


def new_private_file(path: Path) -> int:
    """A descriptor to write bytes, of a new file for its owner alone (mode 0600); no child gets it.

    Raises:
        FileExistsError: something has this name, be it a link.
        OSError: it cannot be made.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def open_private_file(path: Path) -> int:
    """A descriptor to read and write bytes, of a file that is made for its owner alone (mode 0600) if it is missing; no
    child gets it.

    Raises:
        OSError: it cannot be opened.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def open_private_log(path: Path) -> int:
    """A descriptor whose every write goes to the end of the file in one piece, whoever else writes there; the file is
    made for its owner alone (mode 0600) if it is missing, and can be renamed and removed meanwhile. No child gets it.

    Raises:
        OSError: it cannot be opened, or is a link.
    """
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def how_to_close(path: Path) -> str:
    """The command with which a person leaves a file or folder to its owner alone."""
    return f"chmod {'700' if path.is_dir() else '600'} {shlex.quote(str(path))}"


def make_private_folder(folder: Path) -> None:
    """Make a folder with mode 0700 in one that is there. What is there already keeps its mode.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
