"""Without a console and, where the job of the host allows it, outside of that job, which would end with the host."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

assert sys.platform == "win32"

_ALONE: Final = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP


def start_detached(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: BinaryIO, lock: int
) -> subprocess.Popen[bytes]:
    """Start ``command``, with pipes as its standard input and output.

    Args:
        folder: where it runs.
        log: what it writes to standard error.
        lock: number of a ``FileLock``, which is inherited.

    Raises:
        OSError: the system starts no process.
    """
    os.set_handle_inheritable(lock, True)
    try:
        try:
            return _start(command, folder, environment, log, lock, _ALONE | subprocess.CREATE_BREAKAWAY_FROM_JOB)
        except PermissionError:  # the job lets nobody out
            return _start(command, folder, environment, log, lock, _ALONE)
    finally:
        os.set_handle_inheritable(lock, False)


def _start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: BinaryIO, lock: int, flags: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=folder,
        env=dict(environment),
        creationflags=flags,
        startupinfo=subprocess.STARTUPINFO(lpAttributeList={"handle_list": [lock]}),
    )
