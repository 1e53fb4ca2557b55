"""A Unix socket with mode 0600 in a folder with mode 0700; who connects has to be the same user, or root."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import stat
import struct
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from whatsapp_mcp.platform.listener import ADDRESS, BACKLOG, Accepted, Listener, address_text, read_address

assert sys.platform != "win32"

_NAME: Final = "session.sock"
_LONGEST: Final = 100
"""Bytes of a path that fit into ``sockaddr_un`` everywhere: 103 on macOS, 107 on Linux."""


async def listen(folder: Path, accepted: Accepted, *, limit: int) -> Listener:
    """Listen for the account in ``folder``; only for the holder of its lock, who may take a dead socket's place.

    Args:
        accepted: is given the streams of everybody who connects and is this user.
        limit: bytes of the longest line.

    Raises:
        OSError: no socket can be made.
    """

    async def check(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if _is_this_user(writer):
            await accepted(reader, writer)
        else:
            writer.transport.abort()

    path = _usual(folder)
    if path is None:
        path = _runtime_folder() / f"{sha256(os.fsencode(folder)).hexdigest()[:24]}.sock"
        _write(folder / ADDRESS, address_text(socket=str(path)))
    else:
        (folder / ADDRESS).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(check, path, limit=limit, backlog=BACKLOG)
    finally:
        os.umask(before)
    return Listener(server, path)


async def connect(folder: Path, *, limit: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """The streams to who listens for the account; None when nobody does, or somebody who is another user."""
    path = _path(folder)
    try:
        if path is None or not stat.S_ISSOCK(path.lstat().st_mode):
            return None
        reader, writer = await asyncio.open_unix_connection(path, limit=limit)
    except OSError:
        return None
    if not _is_this_user(writer):
        writer.transport.abort()
        return None
    return reader, writer


def is_listening(folder: Path) -> bool:
    """Whether somebody accepts connections there; nothing is asked."""
    path = _path(folder)
    if path is None:
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
    return True


def remains(folder: Path) -> Path | None:
    """The file of the endpoint, alive or left behind; None when there is none."""
    path = _path(folder)
    return path if path is not None and path.exists() else None


def _write(path: Path, content: bytes) -> None:
    from whatsapp_mcp.platform.posix.files import replace
    from whatsapp_mcp.platform.posix.ownership import new_private_file

    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(new_private_file(draft), "wb") as file:
        file.write(content)
    replace(draft, path)


def _usual(folder: Path) -> Path | None:
    path = folder / _NAME
    return path if len(os.fsencode(path)) <= _LONGEST else None


def _path(folder: Path) -> Path | None:
    if (usual := _usual(folder)) is not None:
        return usual
    named = read_address(folder).get("socket")
    if not isinstance(named, str):
        return None
    from whatsapp_mcp.platform.posix.ownership import not_ours_alone

    path = Path(named)
    try:
        return path if not_ours_alone(path.parent.lstat()) is None else None
    except OSError:
        return None


def _runtime_folder() -> Path:
    """Of this user alone. Raises OSError."""
    from whatsapp_mcp.platform.posix.ownership import make_private_folder, not_ours_alone

    given = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = Path(given) if given and len(os.fsencode(given)) < _LONGEST // 2 else Path(tempfile.gettempdir())
    if len(os.fsencode(parent)) > _LONGEST // 2:
        parent = Path("/tmp")
    folder = parent / f"whatsapp-mcp-{os.geteuid()}"
    make_private_folder(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or not_ours_alone(found) is not None or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's alone")
    return folder


def _is_this_user(writer: asyncio.StreamWriter) -> bool:
    connected = writer.get_extra_info("socket")
    if sys.platform == "darwin":
        # struct xucred of sys/ucred.h: version, user, number of groups, groups
        found = connected.getsockopt(0, 1, 76)  # SOL_LOCAL, LOCAL_PEERCRED
        (uid,) = struct.unpack_from("=I", found, 4)
    else:
        found = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", found)
    return uid in (os.geteuid(), 0)
