"""The folder of an account: what its path must not hold, and that it is there, for its owner only."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.private_files import ensure_private_folder

_BREAKS_URI: Final = "?#%"
_CHOOSE_ANOTHER: Final = "with --data-dir or WHATSAPP_MCP_DATA_DIR."


def check_path(path: Path) -> None:
    """Raises SetupError for a path that neonize cannot use: 0.5.2 makes a ``file:`` URI of it without escaping."""
    if any(character in str(path) for character in _BREAKS_URI):
        raise SetupError(
            f"the path {path} contains ?, # or %, which the WhatsApp library cannot handle",
            next_step=f"Choose another folder {_CHOOSE_ANOTHER}",
        )


def make_folder(folder: Path) -> None:
    """Create the folder with mode 0700, and the parents that are missing too. Raises SetupError."""
    try:
        ensure_private_folder(folder)
    except OSError as error:
        raise SetupError(
            f"the folder {folder} cannot be created: {error.strerror}",
            next_step=f"Choose a folder that you may write to {_CHOOSE_ANOTHER}",
        ) from error
