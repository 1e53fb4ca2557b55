"""In the profile, outside of AppData.

What a packaged app (MSIX), or a program that it started, makes in AppData lands in a folder of that app
(learn.microsoft.com, "Flexible virtualization"). Claude Desktop is one: its servers and those of other hosts would each
see an account of their own under the same path, or half of one.
"""

from __future__ import annotations

import sys
from pathlib import Path

assert sys.platform == "win32"


def data_folder(name: str) -> Path:
    """The folder of the program of this name; it need not exist."""
    return Path.home() / f".{name}"
