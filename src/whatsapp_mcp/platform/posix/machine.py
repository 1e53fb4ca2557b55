"""Which machine this is, from one start of its system to the next."""

from __future__ import annotations

import sys
from pathlib import Path

assert sys.platform != "win32"


def boot_id() -> str:
    """What no other machine has, nor this one after its next start; empty where the system tells no such thing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
