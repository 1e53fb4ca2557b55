"""Files of other users."""

from __future__ import annotations

import os
import sys
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
