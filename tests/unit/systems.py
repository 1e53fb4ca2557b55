"""What tests need of the system that they run on: why some are for one alone, and how a child starts anywhere."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import pytest

T = TypeVar("T")

_ROOT: Final = Path(__file__).parents[2]

POSIX: Final = sys.platform != "win32"
UNDER_WINE: Final = not POSIX and "WINEPREFIX" in os.environ
SLOWNESS: Final = 4.0 if UNDER_WINE else 1.0
"""How much longer than anywhere else a wait may last: wine is slow with processes and files."""
CHILD_LIMIT: Final = 60.0 * SLOWNESS
"""Seconds in which a program that a test starts has done its little work."""
_FEWER: Final = 10 if UNDER_WINE else 1

needs_signals = pytest.mark.skipif(not POSIX, reason="programs of Windows send each other no signals")
needs_modes = pytest.mark.skipif(not POSIX, reason="files of Windows have neither modes nor such owners")
needs_links = pytest.mark.skipif(not POSIX, reason="wine makes no links; on Windows they need a privilege")
needs_posix_shell = pytest.mark.skipif(not POSIX, reason="it takes a POSIX shell to start a program so")
needs_fifos = pytest.mark.skipif(not POSIX, reason="named pipes of Windows lie in no folder")
needs_any_name = pytest.mark.skipif(not POSIX, reason="Windows has no such name")
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone shows processes as files")
needs_resource = pytest.mark.skipif(not POSIX, reason="Python of Windows has no module `resource` to measure with")
needs_authorities_in_a_file = pytest.mark.skipif(
    sys.platform != "linux", reason="macOS and Windows do not ask a file for the authorities they trust"
)
needs_dev_full = pytest.mark.skipif(
    sys.platform != "linux",
    reason="Linux alone has a file that is always full",
)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the simulator works on Linux only")


def examples(number: int) -> int:
    """How many examples a test draws that makes a store for each: a part of them under wine, where that takes a minute
    and more.
    """
    return max(number // _FEWER, 1)


def some(cases: Sequence[T]) -> Sequence[T]:
    """As many of them as `examples` would draw, spread over all: for what has nothing to do with the system."""
    return cases[::_FEWER]


def child_environment(**more: str) -> dict[str, str]:
    """For a Python of our own: as here, without settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WHATSAPP_MCP_", "PYTHON"))}
    paths = (str(_ROOT), str(_ROOT / "src"), os.environ.get("PYTHONPATH", ""))
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in paths if path), **more}


def take_time_zone() -> None:
    """Let the variable ``TZ`` count from now on. Windows knows zones of POSIX without files only: ``JST-9``."""
    if sys.platform == "win32":
        ctypes.CDLL("ucrtbase")._tzset()
    else:
        time.tzset()
