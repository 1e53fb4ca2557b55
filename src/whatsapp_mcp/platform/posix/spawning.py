"""A session of its own: no terminal's signals, and no host that ends its process group, reach it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

assert sys.platform != "win32"


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
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=folder,
        env=dict(environment),
        pass_fds=(lock,),
        start_new_session=True,
    )
