"""The file itself: permissions, damage, other versions, a full disk, and what happens under a reader's feet."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from tests.unit.store.build import ANA, BORIS, ME, Store, message
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.models.changes import IdentityLearned
from whatsapp_mcp.store.engine.sqlite import files, snapshots
from whatsapp_mcp.store.engine.sqlite.files import archive_store, check_space, journal_path, remove_store
from whatsapp_mcp.store.journal import SIZE, Journal
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.version import MIGRATIONS, SCHEMA_VERSION
from whatsapp_mcp.store.write.writer import StoreWriter

posix = pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
not_root = pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everything")


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """All of this is about SQLite's file."""
    return tmp_path / "account" / "messages.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_only_the_owner_may_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "new" / "account" / "messages.db")
        store.apply([message("M1", 1)])
    finally:
        os.umask(before)
    assert {mode(path) for path in (store.path.parent, store.path.parent.parent)} == {0o700}
    files = list(store.path.parent.iterdir())
    assert len(files) == 3
    assert {mode(file) for file in files} == {0o600}
    store.close()


@posix
def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    StoreWriter(path).close()
    path.chmod(0o644)
    StoreWriter(path).close()
    assert mode(path) == 0o600


def test_what_is_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "messages.db")
    store.apply([message("M1", 1, "kept")])
    store.close()
    again = Store(tmp_path / "messages.db")
    assert again.writer.owner == ME
    assert again.texts(ANA, "kept") == ["kept"]
    assert again.apply([message("M2", 2)]) == 2
    again.close()


def test_a_commit_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    """``fullfsync`` says so on macOS, where fsync alone does not."""
    connection = files.open_for_writing(tmp_path / "messages.db")
    found = [
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "fullfsync")
    ]
    connection.close()
    assert found == ["wal", 2, 1]


def test_a_reader_needs_no_writer(tmp_path: Path) -> None:
    store = Store(tmp_path / "messages.db")
    store.apply([message("M1", 1, "kept")])
    store.close()
    reader = StoreReader(tmp_path / "messages.db")
    assert reader.messages(ANA, limit=1, offset=0).total == 1
    reader.close()


def test_a_reader_holds_no_file_open_that_could_not_be_removed_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows: a logout deletes the store, and other servers read it."""
    monkeypatch.setattr(snapshots, "REMOVABLE_WHILE_OPEN", False)
    Store(tmp_path / "messages.db").close()
    reader = snapshots.ReadConnections(tmp_path / "messages.db")
    with reader.snapshot() as connection:
        assert connection is not None
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    with reader.snapshot() as again:
        assert again is not None
        assert again.execute("SELECT 1").fetchone()[0] == 1


@pytest.mark.parametrize("content", [b"this is not a database, but it is long enough to be one" * 100, b"short"])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "messages.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"messages\.db is not a database") as caught:
        StoreWriter(path)
    assert "Nothing was deleted" in caught.value.next_step
    with pytest.raises(StoreError, match="is not a database"):
        StoreReader(path).newest_arrival()
    assert path.read_bytes() == content


def test_a_damaged_store_says_so_and_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    store = Store(path)
    store.apply([message(f"M{i}", i, "word " * 50) for i in range(500)])
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(StoreError, match=r"messages\.db is (damaged|not a database)"):
        StoreWriter(path)
    with pytest.raises(StoreError, match="damaged"):
        StoreReader(path).messages(ANA, limit=1000, offset=0)
    assert path.stat().st_size == size


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    store = Store(path)
    store.apply([message("M1", 1, "from the future")])
    connection = store.writer._connection
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match="newer version"):
        StoreReader(path).chats(limit=1, offset=0)
    store.close()
    with pytest.raises(StoreError, match="newer version") as caught:
        StoreWriter(path)
    assert "Upgrade" in caught.value.next_step
    check = sqlite3.connect(path)
    assert check.execute("SELECT text FROM messages").fetchall() == [("from the future",)]
    check.close()


def test_a_migration_that_is_not_known_is_a_newer_store_too(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    store = Store(path)
    store.writer._connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('whatsapp_mcp', 'add_stars', '')"
    )
    store.close()
    with pytest.raises(StoreError, match="add_stars"):
        StoreWriter(path)


def test_every_migration_has_run(store: Store) -> None:
    applied = store.writer._connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id").fetchall()
    assert tuple(name for (name,) in applied) == MIGRATIONS
    assert store.reader.stats().schema_version == SCHEMA_VERSION == len(MIGRATIONS)


def test_a_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE messages (a)")
    other.commit()
    other.close()
    with pytest.raises(StoreError):
        StoreWriter(path)
    other = sqlite3.connect(path)
    tables = [name for (name,) in other.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    other.close()
    assert set(tables) <= {"messages", "_sqlite_migrations"}


def test_a_full_disk_loses_nothing_else(store: Store) -> None:
    store.apply([message("M1", 1, "before")])
    connection = store.writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    batch = [message(f"F{i}", i, "much text " * 100) for i in range(200)]
    with pytest.raises(StoreError, match="disk is full") as caught:
        store.apply(batch)
    assert "Free some space" in caught.value.next_step
    assert store.texts(ANA) == ["before"]
    connection.execute("PRAGMA max_page_count = 1000000")
    assert store.apply(batch) == 201
    assert len(store.texts(ANA, "text")) == 200


@posix
@not_root
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="cannot be used"):
            StoreWriter(tmp_path / "messages.db")
    finally:
        tmp_path.chmod(0o700)


def test_a_store_that_may_not_be_written(store: Store) -> None:
    store.writer._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="read-only"):
        store.apply([message("M1", 1)])


def test_a_locked_store(store: Store) -> None:
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.writer._connection.execute("PRAGMA busy_timeout = 20")
    with pytest.raises(StoreError, match="locked"):
        store.apply([message("M1", 1)])
    other.execute("ROLLBACK")
    other.close()
    assert store.apply([message("M1", 1)]) == 1


def test_reading_before_there_is_a_store(tmp_path: Path) -> None:
    path = tmp_path / "later" / "messages.db"
    reader = StoreReader(path)
    assert (reader.chats(limit=5, offset=0).rows, reader.chats(limit=5, offset=0).total) == ((), 0)
    assert reader.messages(ANA, limit=5, offset=0).total == 0
    assert reader.message("M1") is reader.message("M1", ANA) is None
    assert reader.chat(ANA) is None
    assert [*reader.incoming_after(0), *reader.contacts()] == []
    assert reader.find_by_name("x") == reader.near_names("x") == ()
    assert reader.number_of(ANA) is None
    assert reader.display_name(ANA) == "+5511911112222"
    assert reader.owner() is None
    assert (reader.newest_arrival(), reader.stats().messages, reader.stats().bytes) == (0, 0, 0)
    assert not path.parent.exists()
    path.parent.mkdir()
    path.touch()  # being created this moment
    assert reader.chats(limit=5, offset=0).total == 0
    store = Store(path)
    store.apply([message("M1", 1)])
    assert reader.chats(limit=5, offset=0).total == 1
    store.close()
    reader.close()


def test_archiving_gives_the_reader_an_empty_store(store: Store) -> None:
    store.apply([message("M1", 1, "first account")])
    assert store.reader.newest_arrival() == 1
    store.writer.close()
    archived = archive_store(store.path, "5511")
    assert archived == store.path.with_name("messages.db.5511")
    assert store.reader.newest_arrival() == 0
    fresh = StoreWriter(store.path)
    fresh.set_owner(BORIS, None)
    fresh.close()
    assert store.reader.owner() == (BORIS, None)
    old = StoreReader(archived)
    assert old.messages(ANA, limit=1, offset=0, search="first").total == 1
    old.close()
    assert archive_store(store.path, "5511") == store.path.with_name("messages.db.5511.2")
    assert archive_store(store.path, "5511") is None


def test_archiving_takes_the_log_along(store: Store, tmp_path: Path) -> None:
    store.apply([message("M1", 1, "only in the log")])
    # The writer is still open, so that this is what a kill leaves: nothing was moved from the log into the database.
    killed = tmp_path / "killed" / store.path.name
    killed.parent.mkdir()
    for file in (store.path, store.path.with_name(f"{store.path.name}-wal")):
        shutil.copyfile(file, killed.with_name(file.name))
    archived = archive_store(killed, "old")
    assert archived is not None
    assert archived.with_name("messages.db.old-wal").stat().st_size > 0
    reader = StoreReader(archived)
    assert reader.messages(ANA, limit=1, offset=0).total == 1
    reader.close()


def test_a_reader_cannot_write(store: Store) -> None:
    with store.reader._connections.snapshot() as connection:
        assert connection is not None
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM meta")


def test_many_threads_read_while_one_writes(store: Store) -> None:
    store.apply([message("M0", 0)])
    stop, failures, counts = threading.Event(), [], [0] * 4

    def read(number: int) -> None:
        try:
            while not stop.is_set():
                page = store.reader.messages(ANA, limit=1000, offset=0)
                assert page.total == len(page.rows) >= counts[number]  # one state, and never an older one
                counts[number] = page.total
                store.reader.chats(limit=5, offset=0)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    for i in range(1, 60):
        store.apply([message(f"M{i}", i), IdentityLearned(ANA, BORIS)])
    stop.set()
    for thread in threads:
        thread.join(10)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)
    assert store.reader.messages(ANA, limit=1, offset=0).total == 60


def test_removing_takes_everything_along(store: Store) -> None:
    store.apply([message("M1", 1)])
    store.close()
    for _ in range(3):  # until there is an old one too
        journal = Journal(journal_path(store.path))
        number = journal.append(17, bytes(SIZE))
        assert number is not None
        journal.stored([number])
        journal.close()
    assert len(list(store.path.parent.glob("messages.db-incoming*"))) == 2
    remove_store(store.path)
    assert list(store.path.parent.iterdir()) == []


def test_a_disk_that_is_nearly_full(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    check_space(store.path)
    monkeypatch.setattr(files, "RESERVE", 1 << 60)
    with pytest.raises(StoreError, match="is full") as caught:
        check_space(store.path)
    assert "Free some space" in caught.value.next_step
