"""The names by which processes of an account know each other in the database."""

from __future__ import annotations

import hashlib
from typing import Final

BITS: Final = (1 << 64) - 1


def lock_key(account: str) -> int:
    """Of the advisory lock of an account: 64 bits with a sign."""
    digest = hashlib.sha256(f"whatsapp-mcp account {account}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def application_tag(account: str, of_process: str) -> str:
    """The application name of all connections of a session process: its successor can end what it left open. It is
    given in the environment (``PGAPPNAME``), which libpq and neonize's driver read."""
    return f"whatsapp-mcp {lock_key(account) & BITS:016x} {of_process}"
