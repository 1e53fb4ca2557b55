"""One read-only connection per thread, to a store that another process creates, writes or replaces."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Row

from whatsapp_mcp.platform.files import REMOVABLE_WHILE_OPEN
from whatsapp_mcp.store.engine.sqlite.connection import SqliteConnection
from whatsapp_mcp.store.engine.sqlite.files import open_for_reading, store_errors
from whatsapp_mcp.store.engine.sqlite.stored_version import schema_version
from whatsapp_mcp.store.version import SCHEMA_VERSION, older_store


@dataclass(frozen=True, slots=True)
class _Open:
    connection: SqliteConnection
    file: tuple[int, int]
    """Device and inode: which file it was."""
    thread: threading.Thread


class ReadConnections:
    def __init__(self, path: Path, kind: type[SqliteConnection] = SqliteConnection) -> None:
        self._path = path
        self._kind = kind
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[_Open] = []

    @contextmanager
    def snapshot(self) -> Iterator[SqliteConnection | None]:
        """A connection on which all queries inside see one state of the store; None when there is no store yet.

        Raises:
            StoreError: the file is damaged, or a newer version wrote it, or an older one and no writer opened it since.
        """
        with store_errors(self._path):
            connection = self._connection()
            if connection is None:
                yield None
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")
                opened: _Open | None = getattr(self._local, "opened", None)
                if not REMOVABLE_WHILE_OPEN and opened is not None:  # a logout, or another account, must be able to
                    self._drop(opened)

    def close(self) -> None:
        """Close the connections of all threads; later queries open new ones."""
        with self._lock:
            for opened in self._open:
                opened.connection.close()
            self._open.clear()
            self._local = threading.local()

    def _connection(self) -> SqliteConnection | None:
        try:
            stat = os.stat(self._path)  # noqa: PTH116 - on the way of every query
        except FileNotFoundError:
            return None
        file = (stat.st_dev, stat.st_ino)
        opened: _Open | None = getattr(self._local, "opened", None)
        if opened is not None:
            if opened.file == file:
                return opened.connection
            self._drop(opened)
        return self._reopen(file)

    def _reopen(self, file: tuple[int, int]) -> SqliteConnection | None:
        connection = open_for_reading(self._path, self._kind)
        try:
            version = schema_version(connection, self._path)
            if 0 < version < SCHEMA_VERSION:
                raise older_store(self._path, version)
        except BaseException:
            connection.close()
            raise
        if version == 0:  # another process is just creating it
            connection.close()
            return None
        connection.row_factory = Row
        opened = _Open(connection, file, threading.current_thread())
        with self._lock:
            for other in [other for other in self._open if not other.thread.is_alive()]:
                other.connection.close()
                self._open.remove(other)
            self._open.append(opened)
        self._local.opened = opened
        return connection

    def _drop(self, opened: _Open) -> None:
        self._local.opened = None
        with self._lock:
            opened.connection.close()
            if opened in self._open:
                self._open.remove(opened)
