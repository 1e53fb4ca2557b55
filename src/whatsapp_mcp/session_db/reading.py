"""neonize's database as a file: a read-only connection, whatever state a killed process left it in."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from whatsapp_mcp.untrusted_text import decoded

_BUSY_SECONDS: Final = 5.0


@contextmanager
def reading(session_db: Path) -> Iterator[sqlite3.Connection]:
    """One read transaction; also while neonize uses the file. Raises sqlite3.Error and OSError."""
    with closing(_connect(session_db, "ro")) as connection:
        half_done = False
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.OperationalError as error:
            half_done = error.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK
            if not half_done:
                raise
        if not half_done:
            yield connection
            return
    # kill -9 in the middle of a transaction: it has to be rolled back before anybody can read. neonize does so at its
    # next start; here it is done in a copy, which stays inside the private folder.
    with TemporaryDirectory(dir=session_db.parent, prefix=".reading-") as folder:
        for suffix in ("", "-journal"):
            shutil.copyfile(session_db.with_name(session_db.name + suffix), Path(folder, "copy.db" + suffix))
        with closing(_connect(Path(folder, "copy.db"), "rw")) as connection:
            yield connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
    )
    connection.text_factory = decoded  # ids and names in it are what senders made them
    return connection
