"""Files of other users, and what other users get."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest


def owned_by_another(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root gives it away; anybody else becomes somebody else. Skips the test on Windows."""
    if sys.platform == "win32":
        pytest.skip("files of Windows have neither modes nor such owners")
    if os.geteuid() == 0:
        os.chown(path, 65534, -1)
    else:
        other = os.geteuid() + 1
        monkeypatch.setattr("os.geteuid", lambda: other)


def as_nobody(work: Callable[[], bytes]) -> bytes:
    """What ``work`` returns when another user of this machine does it; ``errno <number>`` when it raises OSError.

    Only root can become somebody else. The child does nothing but this, so that forking a process with threads is safe.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    incoming, outgoing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            said = work()
        except OSError as error:
            said = f"errno {error.errno}".encode()
        except BaseException:
            said = b"failed"
        os.write(outgoing, said)
        os._exit(0)
    os.close(outgoing)
    with os.fdopen(incoming, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said
