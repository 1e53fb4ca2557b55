"""The bearer token of the HTTP transport: one per data directory, in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.files import open_shared, remove, sync
from whatsapp_mcp.platform.ownership import how_to_close, not_ours_alone, others_may_read
from whatsapp_mcp.private_files import ensure_private_folder, new_private_file

SHORTEST_TOKEN: Final = 32


def load_or_create_token(path: Path) -> str:
    """The token kept in ``path``; a new one of 256 bits, in a file for its owner alone, if there is none.

    Safe when two processes do it at once: both get the same token.

    Raises:
        SetupError: the file cannot be read or written, others can read it or have another name for it, or what it holds
            is no token.
    """
    try:
        with suppress(FileNotFoundError):
            return read_token(path)
        _create(path)
        return read_token(path)
    except OSError as error:
        raise SetupError(
            f"the token file {path} cannot be used: {error.strerror}",
            next_step="Make it readable and its folder writable for the user that runs the server.",
        ) from None


def read_token(path: Path) -> str:
    """The token kept in ``path``.

    Raises:
        SetupError: others can read the file or have another name for it, or what it holds is no token.
        OSError: it cannot be read.
    """
    with os.fdopen(open_shared(path), "rb") as file:
        being_made = _is_being_made(path, file.fileno())  # before the look at the file: the draft goes at any time
        found = os.fstat(file.fileno())
        open_to = others_may_read(file.fileno())
        token = file.read(4_096).decode("ascii", "replace").strip()
    if not being_made and (why := not_ours_alone(found)) is not None:
        raise SetupError(
            f"the token file {path} {why}",
            next_step="Find out who made it so, delete it and start again for a new token.",
        )
    if open_to is not None:
        raise SetupError(
            f"the token file {path} can be read by others ({open_to})",
            next_step="Delete it and start again for a new token, or close it if nobody else can have seen it: "
            f"{how_to_close(path)}",
        )
    if len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token:
        raise SetupError(
            f"the token file {path} holds no token of at least {SHORTEST_TOKEN} characters",
            next_step="Delete it and start again for a new token.",
        )
    return token


def _is_being_made(path: Path, descriptor: int) -> bool:
    """Whether the file has the two names that it has for a moment when it is made, and no other."""
    found = os.fstat(descriptor)
    drafts = path.parent.glob(f"{path.name}.{'[0-9a-f]' * 16}")
    return found.st_nlink == 2 and any(_is_at(draft, found) for draft in drafts)


def _is_at(path: Path, found: os.stat_result) -> bool:
    with suppress(OSError):  # gone since, or, on Windows, going
        return os.path.samestat(found, path.lstat())
    return False


def _create(path: Path) -> None:
    ensure_private_folder(path.parent)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with new_private_file(draft) as file:
            file.write(secrets.token_urlsafe(32).encode() + b"\n")
            file.flush()
            sync(file.fileno())
        with suppress(FileExistsError):  # another process was faster: its token counts
            path.hardlink_to(draft)
    finally:
        remove(draft)
