"""The environment that native code sees."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def executed_with(name: str) -> str | None:
    """The value that a variable had when this process was executed: what Go goes by, whatever was set later.

    Windows has but one environment, which Go asks too. macOS does not tell the former one: there this is the present.
    """
    if sys.platform != "linux":
        return os.environ.get(name)
    start = f"{name}=".encode()
    for entry in Path("/proc/self/environ").read_bytes().split(b"\0"):
        if entry.startswith(start):
            return os.fsdecode(entry.removeprefix(start))
    return None
