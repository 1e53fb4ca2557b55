"""What both kinds of endpoint have: the end of listening, and a file that says where they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

ADDRESS: Final = "session-address.json"
"""File in the account's folder."""
BACKLOG: Final = 256
"""Connections that wait to be accepted."""

Accepted = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Accepts connections until it is closed."""

    def __init__(self, server: asyncio.Server, file: Path) -> None:
        """``file``: what is found by those who look for the endpoint."""
        self._server = server
        self._file = file

    def close(self) -> None:
        """Accept nobody any more; what is connected stays."""
        self._file.unlink(missing_ok=True)
        self._server.close()


def address_text(**address: str | int) -> bytes:
    """What is written into that file."""
    return json.dumps(address).encode()


def read_address(folder: Path) -> dict[str, Any]:
    """Empty when there is none that can be read."""
    try:
        found = json.loads((folder / ADDRESS).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
