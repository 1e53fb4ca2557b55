"""Opening a local file that may be sent, and nothing else.

The path is resolved first, so that symbolic links inside the allowed folders keep working, and judged as resolved.
Then it is opened folder by folder from the allowed one, following no link at all: whatever is exchanged between the
judgement and the opening, the descriptor belongs to the judged path or there is none. What is read afterwards comes
from that descriptor.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import InvalidArgument, NotAllowed
from whatsapp_mcp.media.policy import MediaPolicy

_MAX_PATH: Final = 4096
_PSEUDO: Final = (Path("/proc"), Path("/sys"), Path("/dev"))
"""Views into the kernel: their "regular files" show keys, environments and memory."""

_FOLDER: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened(source: str, *, field: str, policy: MediaPolicy) -> Iterator[tuple[int, str]]:
    """Open a file of an outbox folder; gives its descriptor and its name. Blocking: call it in a worker thread.

    Args:
        source: absolute, or relative to an outbox folder (the first one that has it); ``~`` is the home folder.

    Raises:
        NotAllowed: it lies outside the outbox folders or inside the data directory, or has a name elsewhere too.
        InvalidArgument: it does not exist, is not a regular file, or cannot be read.
    """
    root, resolved = _judge(source, field=field, policy=policy)
    try:
        descriptor = _open_below(root, resolved, policy.forbidden)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_such_file(field, policy) from None
    except _Forbidden:
        raise _outside(field, policy) from None
    except _Linked:
        raise NotAllowed(
            f"{field}: this file has several names (hard links) and may belong elsewhere.",
            next_step="Send a copy of it: `cp` makes one that has a single name.",
            details={"field": field},
        ) from None
    except OSError:
        raise InvalidArgument(f"{field}: this file cannot be read.", field=field) from None
    try:
        if descriptor is None:
            raise InvalidArgument(f"{field}: not a regular file.", field=field, next_step="Pass the path of a file.")
        yield descriptor, resolved.name
    finally:
        if descriptor is not None:
            os.close(descriptor)


class _Forbidden(Exception):
    """The way to the file leads through the data directory or a file system of the kernel."""


class _Linked(Exception):
    """The file has other names.

    Somebody who may write into the outbox, but not read what the user of this server can, could give a second name to a
    file of that user (keys, the session database) and have it sent: no path shows where such a name leads. Linux
    refuses to make such links by default (protected_hardlinks), macOS and containers do not. A copy costs little.
    """


def _judge(source: str, *, field: str, policy: MediaPolicy) -> tuple[Path, Path]:
    """The allowed folder and the resolved path below it. Says the same of a forbidden path whether it exists or not."""
    try:
        os.fsencode(source)
    except UnicodeError:
        source = ""
    if not source or "\0" in source or len(source) > _MAX_PATH:
        raise InvalidArgument(f"{field}: this is no file path.", field=field)
    roots = [Path(os.path.realpath(folder.expanduser())) for folder in policy.outbox]
    given = Path(source)
    try:
        given = given.expanduser()
    except RuntimeError:
        raise InvalidArgument(f"{field}: there is no such home folder.", field=field) from None
    candidates = [Path(os.path.realpath(root / given)) for root in roots]  # an absolute path replaces the root
    allowed = [
        (root, resolved)
        for resolved in candidates
        for root in roots
        if resolved != root and resolved.is_relative_to(root) and not _is_closed(resolved, policy.forbidden)
    ]
    if not allowed:
        raise _outside(field, policy)
    return next((pair for pair in allowed if os.path.exists(pair[1])), allowed[0])  # noqa: PTH110 - never raises


def _is_closed(resolved: Path, forbidden: Path) -> bool:
    closed = (*_PSEUDO, Path(os.path.realpath(forbidden)))
    return any(resolved.is_relative_to(folder) for folder in closed)


def _open_below(root: Path, resolved: Path, forbidden: Path) -> int | None:
    """Walk from the root to the file, following no link; None when what is there is not a regular file.

    The data directory is recognised by its identity and not only by its name: another mount, a renamed folder or a
    file system that ignores case lead to the same place.
    """
    *folders, name = resolved.relative_to(root).parts
    closed = _identities(forbidden)
    folder = os.open(root, _FOLDER)
    try:
        for part in ("", *folders):
            if part:
                below = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = below
            found = os.fstat(folder)
            if (found.st_dev, found.st_ino) in closed:
                raise _Forbidden
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return None  # a device is not even opened: that alone can have effects
        descriptor = os.open(name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        return None
    if found.st_dev in _pseudo_devices():
        os.close(descriptor)
        raise _Forbidden
    if found.st_nlink > 1:
        os.close(descriptor)
        raise _Linked
    return descriptor


def _identities(forbidden: Path) -> set[tuple[int, int]]:
    try:
        found = forbidden.stat()
    except OSError:
        return set()
    return {(found.st_dev, found.st_ino)}


def _pseudo_devices() -> set[int]:
    """Device numbers of /proc and its like, unless they are plain folders of the root file system."""
    return {place.stat().st_dev for place in _PSEUDO if place.exists()} - {Path("/").stat().st_dev}


def _outside(field: str, policy: MediaPolicy) -> NotAllowed:
    if not policy.outbox:
        return NotAllowed(
            f"{field}: this server sends no local files (no outbox folder is configured).",
            next_step="Pass an https:// link or a data: URI, or ask who runs the server for an outbox folder.",
            details={"field": field},
        )
    return NotAllowed(
        f"{field}: only files inside an outbox folder can be sent.",
        next_step=f"Put the file into {_listed(policy)} and pass that path, or pass an https:// link or a data: URI.",
        details={"field": field},
    )


def _no_such_file(field: str, policy: MediaPolicy) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: there is no such file in the outbox.",
        field=field,
        next_step=f"Check the name; files are looked up in {_listed(policy)}.",
    )


def _listed(policy: MediaPolicy) -> str:
    return " or ".join(str(folder) for folder in policy.outbox)
