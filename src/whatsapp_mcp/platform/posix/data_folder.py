"""Linux: XDG's data folder; macOS: Application Support."""

from __future__ import annotations

import sys
from pathlib import Path

assert sys.platform != "win32"


def data_folder(name: str) -> Path:
    """The folder of the program of this name; it need not exist."""
    import platformdirs  # only where nobody says where the data is

    return Path(platformdirs.user_data_dir(name))
