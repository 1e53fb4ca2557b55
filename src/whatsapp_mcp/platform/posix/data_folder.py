"""Linux: XDG's data folder; macOS: Application Support."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def data_folder(name: str) -> Path:
    """The folder of the program of this name; it need not exist."""
    return Path(platformdirs.user_data_dir(name))
