"""The one place that opens SQLite's file of a message store, names what is wrong with it, or moves it aside."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import StoreError, StoreUnusable
from whatsapp_mcp.platform.files import remove, replace
from whatsapp_mcp.platform.ownership import close_to_others, not_ours_alone
from whatsapp_mcp.private_files import ensure_private_folder, new_private_file
from whatsapp_mcp.store import journal
from whatsapp_mcp.store.engine.sqlite.connection import SqliteConnection
from whatsapp_mcp.untrusted_text import decoded

MESSAGE_STORE: Final = "the message store"
BUSY_TIMEOUT: Final = 10.0
"""Seconds to wait for a lock. Readers never wait in WAL mode; the writer may for a back-up or a shell."""
SUFFIXES: Final = ("", "-wal", "-shm")
"""What belongs to one SQLite database in WAL mode."""
_JOURNAL: Final = "-incoming"
RESERVE: Final = 20_000_000
"""Bytes of the disk that are kept free, so that what was taken from WhatsApp can still be stored."""


def open_for_writing(path: Path) -> SqliteConnection:
    """A connection that may write; file and folder are created for the owner only (0600 in 0700).

    ``synchronous=FULL``: WhatsApp never repeats a message that it was told has arrived, so a commit is on the disk
    when it returns. The connection is in autocommit mode: whoever writes says BEGIN and COMMIT.

    Raises:
        StoreError: the file is not a database, damaged, read-only, or the disk is full.
    """
    with store_errors(path):
        create_private(path)
        # The lock around the writer serialises its threads.
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, factory=SqliteConnection
        )
        connection.text_factory = decoded
        try:
            _configure(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def open_for_reading(path: Path, kind: type[SqliteConnection] = SqliteConnection) -> SqliteConnection:
    """A connection that cannot write, for one thread; close it from any.

    Raises:
        StoreError: the file cannot be opened as a database.
    """
    with store_errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
            factory=kind,
        )
        connection.text_factory = decoded
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA cache_size = -8192")  # KiB
            connection.execute("PRAGMA mmap_size = 268435456")  # bytes; pages come from the system's cache
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def open_untouched(path: Path) -> Iterator[SqliteConnection]:
    """A connection that only reads and leaves no trace. Raises sqlite3.Error, also from the body.

    Reading a database in WAL mode creates its log and shared memory when they are missing and leaves them behind; made
    by another user (``sudo whatsapp-mcp doctor``), they would lock the server out.
    """
    # Without a log nobody has the database open in WAL mode: then the file alone is the whole truth.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else _still(path)
    uri = f"{path.absolute().as_uri()}?{mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT, factory=SqliteConnection)) as connection:
        connection.text_factory = decoded
        connection.execute("PRAGMA query_only = ON")
        yield connection


def _still(path: Path) -> str:
    """``immutable`` for a database in WAL mode; the other modes need locks, and reading them creates no file."""
    with path.open("rb") as file:
        header = file.read(20)
    return "mode=ro&immutable=1" if header[18:20] == b"\x02\x02" else "mode=ro"


def archive_store(path: Path, suffix: str) -> Path | None:
    """Move a store that nobody has open aside, as ``<name>.<suffix>`` beside it (numbered when that name is taken).

    Returns:
        Where the store is now; None when there was none.

    Raises:
        StoreError: the folder does not allow it.
    """
    if not path.exists():
        return None
    target, number = path.with_name(f"{path.name}.{suffix}"), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.{suffix}.{number}")
    with store_errors(path):
        # The log first: a database without its log lacks the newest messages, a log without database is inert.
        for part in reversed(SUFFIXES):
            source = path.with_name(path.name + part)
            if source.exists():
                replace(source, target.with_name(target.name + part))
    return target


def remove_store(path: Path) -> None:
    """Delete a store that nobody writes, and its journal (after a logout that asked for it).

    Raises:
        StoreError: the folder does not allow it.
    """
    with store_errors(path):
        for part in (*SUFFIXES, *(_JOURNAL + part for part in ("", journal.OLD, journal.NEW))):
            remove(path.with_name(path.name + part))


def journal_path(path: Path) -> Path:
    """Where the journal of the store at ``path`` is."""
    return path.with_name(path.name + _JOURNAL)


def check_space(path: Path) -> None:
    """
    Raises:
        StoreError: the disk is nearly full. What has come can still be stored; nothing more should be taken.
    """
    with suppress(OSError):
        if shutil.disk_usage(path.parent).free < RESERVE:
            raise StoreError(
                f"the disk of the message store {path} is full",
                next_step="Free some space on that disk; the connection comes back by itself then.",
                details={"path": str(path)},
            )


def check_room(path: Path, needed: int) -> None:
    """Raises StoreError when the disk has not so many bytes free, and what is kept free beside them."""
    with suppress(OSError):
        free = shutil.disk_usage(path.parent).free
        if free < needed + RESERVE:
            raise StoreError(
                f"{path} cannot be written anew: that needs {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free",
                next_step="Free some space on that disk, and run it again.",
                details={"path": str(path)},
            )


@contextmanager
def store_errors(path: Path, what: str = MESSAGE_STORE) -> Iterator[None]:
    """Whatever SQLite or the file system raise inside becomes a StoreError that names the file and the way out."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(path, error, what) from error
    except OSError as error:
        raise StoreError(
            f"{what} {path} cannot be used: {error.strerror}",
            next_step="Make the folder writable for the user who runs the server, or choose another --data-dir.",
            details={"path": str(path)},
        ) from error


def create_private(path: Path, what: str = MESSAGE_STORE) -> None:
    """Make the file of a database, empty and for its owner alone, if it is missing; close it to others if it is not.

    Raises:
        StoreError: it is not its owner's alone.
        OSError: it cannot be made.
    """
    ensure_private_folder(path.parent)
    # SQLite gives its log and shared memory the mode of the database. A file that exists is not opened here: closing it
    # would end the locks that SQLite holds on it in this process.
    with suppress(FileExistsError):
        new_private_file(path).close()
    if (why := not_ours_alone(path.stat())) is not None:
        raise StoreError(
            f"{what} {path} {why}",
            next_step="Find out who made it so. A copy of the file is yours alone.",
            details={"path": str(path)},
        )
    close_to_others(path)


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # of macOS: fsync leaves it in the memory of the disk there
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -32768")  # KiB
    connection.execute("PRAGMA temp_store = MEMORY")
    # Pages. History comes chat by chat and touches pages all over the file: the log spares writing them each time.
    connection.execute("PRAGMA wal_autocheckpoint = 8000")
    connection.execute("PRAGMA journal_size_limit = 67108864")  # bytes kept of the log after a checkpoint


def is_the_files_fault(error: Exception) -> bool:
    """Whether a failed commit says something of the file or the disk, not of what was to be stored."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in _REASONS
    return isinstance(cause, OSError)


_KEEP: Final = (
    "Nothing was deleted. Close all MCP hosts, then restore a back-up of it, or move it away, with what has its name "
    "and -wal or -shm behind it, to start with an empty one."
)
_REASONS: Final = {
    sqlite3.SQLITE_NOTADB: ("is not a database", _KEEP),
    sqlite3.SQLITE_CORRUPT: ("is damaged", _KEEP),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", "Free some space on that disk and call again."),
    sqlite3.SQLITE_READONLY: ("is read-only", "Make the file and its folder writable for the user of the server."),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "Check that the file and its folder belong to the user."),
    sqlite3.SQLITE_BUSY: ("is locked by another program", "Close the program that has the file open."),
    sqlite3.SQLITE_IOERR: ("cannot be read or written: input/output error", "Check the disk, and whether it is full."),
}

_LASTING: Final = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


def _explain(path: Path, error: sqlite3.Error, what: str) -> StoreError:
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # SQLite's own text can quote what is stored.
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    reason, next_step = _REASONS.get(primary, (f"cannot be used ({name})", StoreError.next_step))
    kind = StoreUnusable if primary in _LASTING else StoreError
    return kind(f"{what} {path} {reason}", next_step=next_step, details={"path": str(path)})
