"""The one-time key that opens the local page of `serve`: in a file of the data directory for its owner alone.

The file says where the page is and, until somebody used it, the key. It is there as long as `serve` runs.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.files import remove, replace
from whatsapp_mcp.platform.ownership import not_ours_alone, others_may_read
from whatsapp_mcp.private_files import write_private


def new_link(path: Path, page: str | None = None) -> str:
    """A link that opens the page once; the one before opens it no more.

    Args:
        path: the file.
        page: address of the page, of who serves it; others find it in the file.

    Raises:
        SetupError: nobody serves the page, or the file cannot be used.
    """
    try:
        page = page or _read(path)[0]
        key = secrets.token_urlsafe(32)
        write_private(path, f"{page}\n{key}\n".encode())
    except FileNotFoundError:
        raise SetupError(
            "no `whatsapp-mcp serve` with this data directory shows the page",
            next_step="Start one, or answer in the terminal: `whatsapp-mcp approve`.",
        ) from None
    except OSError as error:
        raise SetupError(
            f"the file {path} cannot be used: {error.strerror}", next_step="Make its folder writable for this user."
        ) from error
    return f"{page}?key={key}"


def use_key(path: Path, given: str) -> bool:
    """Whether this is the key; from then on it is none. Of several who have it, one gets True."""
    try:
        page, key = _read(path)
        if not key or not hmac.compare_digest(key.encode(), given.encode("utf-8", "replace")):
            return False
        used = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        replace(path, used)  # fails for who comes second
        remove(used)
        write_private(path, f"{page}\n".encode())
    except (OSError, SetupError):
        return False
    return True


def forget_page(path: Path, page: str) -> None:
    """The page is served no more. Leaves the file to another `serve` that has taken it over."""
    with suppress(OSError, SetupError):
        if _read(path)[0] == page:
            remove(path)


def _read(path: Path) -> tuple[str, str]:
    """The page's address and the key, "" when it was used."""
    with path.open("rb") as file:
        why = not_ours_alone(os.fstat(file.fileno())) or others_may_read(file.fileno())
        lines = file.read(4_096).decode("ascii", "replace").splitlines()
    if why is not None or not lines:
        raise SetupError(f"the file {path} is not as `serve` made it", next_step="Delete it and start `serve` again.")
    return lines[0], lines[1] if len(lines) > 1 else ""
