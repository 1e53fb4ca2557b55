"""Is a device linked? Read from outside, after any end of the process that wrote it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.session_db.session_database import OWN, link_device, remember_secret, unlink_device
from tests.unit.systems import CHILD_LIMIT, needs_any_name
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import Decrypted, HandedOver
from whatsapp_mcp.session_db.database import handed_over, last_decrypted, linked_device, remove_session
from whatsapp_mcp.session_db.reading import reading
from whatsapp_mcp.wire.protos import e2e


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.db"


def test_linked(path: Path) -> None:
    link_device(path)
    assert linked_device(path) == OWN


def test_not_linked(path: Path) -> None:
    assert linked_device(path) is None
    assert not path.exists(), "looking creates nothing"
    path.touch()
    assert linked_device(path) is None
    link_device(path)
    unlink_device(path)
    assert linked_device(path) is None


def test_a_database_without_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE other (x)")
    assert linked_device(path) is None


@pytest.mark.parametrize(
    "folder",
    ["with space", "with#hash", pytest.param("with?question", marks=needs_any_name), "with%20percent", "mit Ümlaut"],
)
def test_any_folder_name(tmp_path: Path, folder: str) -> None:
    link_device(tmp_path / folder / "session.db")
    assert linked_device(tmp_path / folder / "session.db") == OWN


def test_a_relative_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link_device(path)
    monkeypatch.chdir(path.parent)
    assert linked_device(Path(path.name)) == OWN


def test_damaged(path: Path) -> None:
    path.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StoreError, match="damaged") as caught:
        linked_device(path)
    assert str(path) in caught.value.next_step
    assert path.exists(), "nothing is deleted"


def test_a_folder_in_the_way(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        linked_device(path)


DIE_WHILE_WRITING = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA cache_size = 1")
connection.execute("PRAGMA journal_mode = " + sys.argv[2])
connection.execute("CREATE TABLE junk (x)")
connection.commit()
connection.execute("BEGIN")
connection.execute("DELETE FROM whatsmeow_device")
connection.executemany("INSERT INTO junk VALUES (?)", [("x" * 3000,) for _ in range(200)])
os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))  # either ends it at once on Windows
"""


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_after_a_process_was_killed_while_it_wrote(path: Path, mode: str) -> None:
    """What it left must be rolled back first, which a reader alone may not do."""
    link_device(path)
    done = subprocess.run([sys.executable, "-c", DIE_WHILE_WRITING, str(path), mode], timeout=CHILD_LIMIT, check=False)
    assert done.returncode == (-signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    if mode == "DELETE":
        assert path.with_name("session.db-journal").stat().st_size > 0, "a hot journal"
        before = path.read_bytes()
    assert linked_device(path) == OWN
    if mode == "DELETE":
        assert path.read_bytes() == before, "that is neonize's to do"
        assert {file.name for file in path.parent.iterdir()} == {"session.db", "session.db-journal"}
    assert linked_device(path) == OWN


def test_nothing_is_ever_written(path: Path) -> None:
    link_device(path)
    with reading(path) as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM whatsmeow_device")


def test_while_another_process_has_it_open(path: Path) -> None:
    link_device(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM whatsmeow_device")
        assert linked_device(path) == OWN, "not committed yet"


def test_remove(path: Path) -> None:
    link_device(path)
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).touch()
    other = path.with_name("messages.db")
    other.touch()
    remove_session(path)
    assert os.listdir(path.parent) == ["messages.db"]  # noqa: PTH208
    remove_session(path)


def test_a_message_by_its_secret(path: Path) -> None:
    def message(secret: bytes) -> bytes:
        return e2e.Message(messageContextInfo=e2e.MessageContextInfo(messageSecret=secret)).SerializeToString()

    assert handed_over(path, message(b"s" * 32)) is None, "no database"
    link_device(path)
    assert handed_over(path, message(b"s" * 32)) is None, "no such table"
    chat = Jid("100000000000001", "lid")
    remember_secret(path, "S1", chat, b"s" * 32)
    assert handed_over(path, message(b"s" * 32)) == HandedOver("S1", chat)
    assert handed_over(path, message(b"t" * 32)) is None
    assert handed_over(path, b"") is None, "a message without a secret"


def test_what_was_decrypted_last(path: Path) -> None:
    assert last_decrypted(path) == ()
    link_device(path)
    assert last_decrypted(path) == (), "there is no such table"
    chat = Jid("100000000000001", "lid")
    for message_id in ("M9", "M1", "M5"):
        remember_secret(path, message_id, chat, b"k")
    sender = "100000000000009@lid"
    assert last_decrypted(path, 2) == (Decrypted("M5", str(chat), sender), Decrypted("M1", str(chat), sender))
    remember_secret(path, "3EB0AA", chat, b"k")
    assert last_decrypted(path, 1) == (Decrypted("M5", str(chat), sender),), "what this program sent did not come"
    path.write_bytes(b"no database" * 1000)
    assert last_decrypted(path) == ()


def test_an_id_that_is_no_text_hides_no_other(path: Path) -> None:
    """Senders choose ids: the last messages are told all the same, and the line that tells them stays short."""
    chat = Jid("100000000000001", "lid")
    link_device(path)
    remember_secret(path, "GOOD", chat, b"1" * 32)
    remember_secret(path, "BAD", chat, b"2" * 32)
    remember_secret(path, "L" * 100_000, chat, b"3" * 32)
    with closing(sqlite3.connect(path)) as connection, connection:
        changed = "UPDATE whatsmeow_message_secrets SET message_id = CAST(x'42ff' AS TEXT) WHERE message_id = 'BAD'"
        assert connection.execute(changed).rowcount == 1
    assert [found.id for found in last_decrypted(path)] == ["B\ufffd", "GOOD"]


def test_an_error_does_not_quote_what_is_stored(path: Path) -> None:
    link_device(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE whatsmeow_device")
        connection.execute('CREATE TABLE whatsmeow_device ("no jid MARKER" TEXT)')
    with pytest.raises(StoreError) as caught:
        linked_device(path)
    assert "SQLITE_ERROR" in caught.value.message
    assert "jid" not in caught.value.message
