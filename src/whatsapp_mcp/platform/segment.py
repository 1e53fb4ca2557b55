"""A stretch of memory of a loaded library."""

from __future__ import annotations

import ctypes
from typing import NamedTuple


class Segment(NamedTuple):
    """One part of the file of a library, where the system has put it."""

    address: int
    length: int
    writable: bool

    def read(self) -> bytes:
        """What stands there now."""
        return ctypes.string_at(self.address, self.length)
