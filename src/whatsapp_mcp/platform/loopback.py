"""A port on loopback. Where it is, and the secret that has to be the first line, stands in a file of the folder.

For systems without sockets that have a place in the file system; it works on all of them.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path
from typing import Final

from whatsapp_mcp.platform.listener import ADDRESS, BACKLOG, Accepted, Listener, address_text, read_address

_HOST: Final = "127.0.0.1"
_PATIENCE: Final = 5.0
"""Seconds in which the secret has to be here."""
_STRANGERS: Final = 32
"""Most connections at once whose secret is not here yet; the oldest gives way to the next."""
_SECRET: Final = 64
"""Digits of the secret, 256 bits."""


async def listen(folder: Path, accepted: Accepted, *, limit: int, write: Callable[[Path, bytes], None]) -> Listener:
    """Listen for the account in ``folder``; only for the holder of its lock, who may take a dead one's place.

    Args:
        accepted: is given the streams of everybody who connects and knows the secret.
        limit: bytes of the longest line.
        write: makes a file that only this user can read.

    Raises:
        OSError: no port is free, or the file cannot be written.
    """
    secret = secrets.token_hex(_SECRET // 2)
    server = await asyncio.start_server(asking_for(secret, accepted), _HOST, 0, limit=limit, backlog=BACKLOG)
    port = server.sockets[0].getsockname()[1]
    write(folder / ADDRESS, address_text(port=port, secret=secret))
    return Listener(server, folder / ADDRESS)


def asking_for(secret: str, accepted: Accepted) -> Accepted:
    """``accepted``, for those whose first line is the secret (64 characters); nobody else gets any answer."""
    strangers: dict[asyncio.StreamWriter, None] = {}
    """In the order in which they came."""

    async def check(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(strangers) >= _STRANGERS:
            oldest = next(iter(strangers))
            del strangers[oldest]
            oldest.transport.abort()  # who knows the secret says it at once
        strangers[writer] = None
        try:
            async with asyncio.timeout(_PATIENCE):
                said = await reader.readexactly(_SECRET + 1)
            known = compare_digest(said, f"{secret}\n".encode())
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            known = False
        finally:
            strangers.pop(writer, None)
        if known:
            await accepted(reader, writer)
        else:
            writer.transport.abort()

    return check


async def connect(folder: Path, *, limit: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """The streams to who listens for the account; None when nobody does."""
    found = _address(folder)
    if found is None:
        return None
    port, secret = found
    try:
        reader, writer = await asyncio.open_connection(_HOST, port, limit=limit)
    except OSError:
        return None
    writer.write(f"{secret}\n".encode())
    return reader, writer


def is_listening(folder: Path) -> bool:
    """Whether somebody accepts connections there; nothing is asked."""
    found = _address(folder)
    if found is None:
        return False
    with socket.socket() as probe:
        probe.settimeout(1)
        try:
            probe.connect((_HOST, found[0]))
        except OSError:
            return False
    return True


def remains(folder: Path) -> Path | None:
    """The file of the endpoint, alive or left behind; None when there is none."""
    path = folder / ADDRESS
    return path if path.exists() else None


def _address(folder: Path) -> tuple[int, str] | None:
    found = read_address(folder)
    port, secret = found.get("port"), found.get("secret")
    if not (isinstance(port, int) and 0 < port < 65536 and isinstance(secret, str)):
        return None
    return port, secret
