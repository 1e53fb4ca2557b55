"""In the profile, outside of AppData.

What a packaged app (MSIX), or a program that it started, makes in AppData lands in a folder of that app
(learn.microsoft.com, "Flexible virtualization"). Claude Desktop is one: its servers and those of other hosts would each
see an account of their own under the same path, or half of one.
"""

from __future__ import annotations

from pathlib import Path


def data_folder(name: str) -> Path:
    """The folder of the program of this name; it need not exist."""
    return Path.home() / f".{name}"
