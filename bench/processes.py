"""Which processes belong to what the bench started.

A session process is nobody's child, and so is whatever outlives the server that started it. So the bench has the system
give it every orphan among its descendants: whoever was started by it, at whatever remove, is found below it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from bench.program import BenchError

__all__ = ["Process", "adopting_orphans", "below", "session_of", "sessions", "spent"]

_SET_CHILD_SUBREAPER: Final = 36
"""prctl(2)."""
_SESSION: Final = "whatsapp_mcp.worker.process"


class Process(NamedTuple):
    pid: int
    command: str


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Inside, a descendant whose parent ends becomes a child of this process."""
    _adopt_orphans(wanted=True)
    try:
        yield
    finally:
        _adopt_orphans(wanted=False)


def _adopt_orphans(*, wanted: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0):
        raise BenchError(os.strerror(ctypes.get_errno()))


def below(top: int | None = None) -> list[Process]:
    """Descendants of ``top``, or of this process; those that have ended and were not waited for do not count."""
    children: dict[int, list[Process]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if state != "Z" and command:
                    children.setdefault(int(parent), []).append(Process(int(entry.name), command))
    found: list[Process] = []
    parents = [top or os.getpid()]
    while parents:
        under = children.get(parents.pop(), [])
        found += under
        parents += [process.pid for process in under]
    return found


def sessions(home: Path) -> list[Process]:
    """The session processes of the accounts in ``home``."""
    with_folder = f" {_SESSION} {home}/"
    return [process for process in below(1) if with_folder in process.command]


def session_of(home: Path) -> int:
    """The process of its only account. Raises BenchError."""
    found = sessions(home)
    if len(found) != 1:
        raise BenchError(f"{len(found)} session processes in place of one")
    return found[0].pid


def spent(pid: int) -> float:
    """Seconds of processor time of all its threads that have not ended."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
