"""An empty message store as a copy: to make one anew takes eight migrations, each with its writes to the disk."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from whatsapp_mcp.private_files import ensure_private_folder, new_private_file
from whatsapp_mcp.store.write.writer import StoreWriter


def provide_empty_store(path: Path) -> None:
    """A store without messages and owner, as if a server had been started here once; what is there already stays."""
    if not path.exists():
        ensure_private_folder(path.parent)
        with new_private_file(path) as file:
            file.write(_empty_store())


@cache
def _empty_store() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "messages.db"
        StoreWriter(path).close()
        return path.read_bytes()
