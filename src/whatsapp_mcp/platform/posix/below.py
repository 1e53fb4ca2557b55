"""Folder by folder from descriptor to descriptor, following no link: whatever is exchanged meanwhile, what is opened
lies below the folder.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from whatsapp_mcp.platform.refused import ClosedPlace, SecondName

assert sys.platform != "win32"

_KERNEL: Final = (Path("/proc"), Path("/sys"), Path("/dev"))
"""Views into the kernel: their "regular files" show keys, environments and memory."""

_FOLDER: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
_READ_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def is_no_path(text: str) -> bool:
    """Whether this system can have no such path, or must not even look for it."""
    try:
        return b"\0" in os.fsencode(text)
    except UnicodeError:
        return True


def kernel_folders() -> tuple[Path, ...]:
    """Folders in which no file is a file."""
    return _KERNEL


def locate(folder: Path, given: Path) -> Path:
    """The place that a path means, links resolved; ``folder`` is where it begins when it is relative."""
    return Path(os.path.realpath(folder / given))


def is_there(place: Path) -> bool:
    """Whether something is at a place that was located."""
    return os.path.exists(place)  # noqa: PTH110 - never raises


def open_below(folder: Path, place: Path, closed: Path) -> int | None:
    """A descriptor of a file that was located below a folder; None when what is there is not a regular file.

    The closed folder is recognised by its identity and not only by its name: another mount, a renamed folder or a
    file system that ignores case lead to the same place.

    Raises:
        ClosedPlace: the way leads through ``closed`` or into a file system of the kernel.
        SecondName: the file has another name too.
        OSError: it is not there, or cannot be opened.
    """
    *folders, name = place.relative_to(folder).parts
    refused = _identities(closed)
    way = os.open(folder, _FOLDER)
    try:
        for part in ("", *folders):
            if part:
                below = os.open(part, _FOLDER, dir_fd=way)
                os.close(way)
                way = below
            found = os.fstat(way)
            if (found.st_dev, found.st_ino) in refused:
                raise ClosedPlace
        if not stat.S_ISREG(os.stat(name, dir_fd=way, follow_symlinks=False).st_mode):
            return None  # a device is not even opened: that alone can have effects
        descriptor = os.open(name, _FILE, dir_fd=way)
    finally:
        os.close(way)
    try:
        return _judged(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def _judged(descriptor: int) -> int | None:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    if found.st_dev in _kernel_devices():
        raise ClosedPlace
    if found.st_nlink > 1:
        raise SecondName
    return descriptor


def _identities(folder: Path) -> set[tuple[int, int]]:
    try:
        found = folder.stat()
    except OSError:
        return set()
    return {(found.st_dev, found.st_ino)}


def _kernel_devices() -> set[int]:
    """Device numbers of /proc and its like, unless they are plain folders of the root file system."""
    return {place.stat().st_dev for place in _KERNEL if place.exists()} - {Path("/").stat().st_dev}


def remove_below(folder: Path, below: str, name: str) -> bool:
    """Delete the plain file ``folder/below/name``; False when there is none. Follows no link.

    Raises:
        OSError: it cannot be deleted, or one of the folders is a link.
    """
    with ExitStack() as opened:
        try:
            top = os.open(folder, _READ_FOLDER)
            opened.callback(os.close, top)
            inner = os.open(below, _READ_FOLDER, dir_fd=top)
            opened.callback(os.close, inner)
            if not stat.S_ISREG(os.stat(name, dir_fd=inner, follow_symlinks=False).st_mode):
                return False
            os.unlink(name, dir_fd=inner)
        except FileNotFoundError:
            return False
    return True
