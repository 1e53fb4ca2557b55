"""Keeping a protocol stream clean: the process's real stdin and stdout, out of reach of everything that prints.

Native code (neonize's Go runtime, libsignal) prints to file descriptor 1 in ordinary operation. The descriptors that
carry a protocol are therefore duplicated first thing in ``main`` and the well-known numbers point elsewhere.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

__all__ = ["WireDescriptors", "claim_stdio"]


class WireDescriptors(NamedTuple):
    """Private descriptors, not inherited by child processes."""

    read: int
    write: int


def claim_stdio() -> WireDescriptors:
    """Take descriptors 0 and 1 for a protocol; afterwards 0 is empty and 1 is stderr. Call once, first of all."""
    sys.stdout.flush()
    wire = WireDescriptors(os.dup(0), os.dup(1))  # dup() makes them non-inheritable
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return wire
