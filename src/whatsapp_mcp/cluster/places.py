"""What the session processes of an account on one machine have in common: the lock file."""

from __future__ import annotations

from pathlib import Path

from whatsapp_mcp.platform.machine import boot_id


def place_of(lock: Path) -> str:
    """Of who holds this lock file. Empty where the system does not tell one machine from another."""
    machine = boot_id()
    try:
        found = lock.stat()
    except OSError:
        return ""
    return f"{machine} {found.st_dev} {found.st_ino}" if machine else ""
