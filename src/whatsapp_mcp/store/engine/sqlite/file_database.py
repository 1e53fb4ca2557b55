"""A message store in a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from whatsapp_mcp.store.database import Readable, Snapshots, StoreConnection
from whatsapp_mcp.store.engine.sqlite.files import (
    archive_store,
    check_room,
    check_space,
    journal_path,
    open_for_writing,
    remove_store,
    store_errors,
)
from whatsapp_mcp.store.engine.sqlite.snapshots import ReadConnections
from whatsapp_mcp.store.engine.sqlite.stored_version import is_current, schema_version
from whatsapp_mcp.store.journal import EventJournal, Journal


class FileDatabase:
    def __init__(self, path: Path) -> None:
        self.where = path

    def open_for_writing(self) -> StoreConnection:
        connection = open_for_writing(self.where)
        try:
            with self.errors():
                current = is_current(connection, self.where)
            if not current:
                from whatsapp_mcp.store.engine.sqlite.tables import migrate  # 50 ms that each start would take

                migrate(connection, self.where)
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def transaction(self, connection: StoreConnection, *, durable: bool) -> Iterator[None]:
        # FULL: a commit is on the disk when it returns, which takes as long as all the rest of a send.
        with nullcontext() if durable else _synchronous_less(connection):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def snapshots(self, readable: Readable | None = None) -> Snapshots:
        if readable is None:
            return ReadConnections(self.where)
        from whatsapp_mcp.store.engine.sqlite.restricted import RestrictedConnections

        return RestrictedConnections(self.where, readable)

    def errors(self) -> AbstractContextManager[None]:
        return store_errors(self.where)

    def schema_version(self, connection: StoreConnection) -> int:
        return schema_version(connection, self.where)

    def journal(self) -> EventJournal:
        return Journal(journal_path(self.where))

    def exists(self) -> bool:
        return self.where.exists()

    def archive(self, suffix: str) -> Path | None:
        return archive_store(self.where, suffix)

    def remove(self) -> None:
        remove_store(self.where)

    def check_space(self) -> None:
        check_space(self.where)

    def reads_once(self, connection: StoreConnection) -> None:
        connection.execute("PRAGMA mmap_size = 0")

    def size(self) -> int:
        parts = (self.where, self.where.with_name(f"{self.where.name}-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def compact(self, connection: StoreConnection) -> tuple[int, int]:
        """Write the file anew without what is free in it; takes some ten seconds for a million messages."""
        before = self.where.stat().st_size
        check_room(self.where, 2 * before)  # the new file goes through the log
        connection.execute("PRAGMA temp_store = FILE")  # it would be in memory, all of it
        try:
            connection.execute("VACUUM")
        finally:
            connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return before, self.where.stat().st_size


@contextmanager
def _synchronous_less(connection: StoreConnection) -> Iterator[None]:
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = FULL")
