"""`whatsapp-mcp reindex`: the index is whole afterwards, whatever it was; and nothing else is touched."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result
from tests.unit.offline.served import PID, served
from tests.unit.store.build import BORIS, Store, message, revoke
from tests.unit.waiting import wait_until

from whatsapp_mcp.cli import cli
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.offline import store_work as command
from whatsapp_mcp.pipe.account_lock import AccountLock, is_free
from whatsapp_mcp.pipe.control import Reindex
from whatsapp_mcp.pipe.lines import Refused
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.search.index import documents
from whatsapp_mcp.store.write import search_index
from whatsapp_mcp.store.write.writer import StoreWriter

DAMAGES: Final = {
    "nothing": "SELECT 1",
    "empty": "INSERT INTO message_search (message_search) VALUES ('delete-all')",
    "pages gone": "DELETE FROM message_search_data WHERE id > 10",
    "pages of zeros": "UPDATE message_search_data SET block = zeroblob(length(block)) WHERE id > 10",
    "no structure": "UPDATE message_search_data SET block = x'ffffffffffffffff' WHERE id = 10",
    "no sizes": "DELETE FROM message_search_docsize",
    "no version": "DELETE FROM message_search_config",
    "a table gone": "DROP TABLE message_search_data",
    "all gone": "DROP TABLE message_search",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path / "data")
    store = Store(settings.store_path)
    store.apply([message("1", 1, "where is the key"), message("2", 2, "under the mat", chat=BORIS)])
    store.apply([message("3", 3, "never mind"), revoke("3", 4)])
    store.close()
    return settings


@pytest.fixture
def reader(settings: Settings) -> Iterator[StoreReader]:
    reader = StoreReader(settings.store_path)
    yield reader
    reader.close()


def reindex(settings: Settings) -> Result:
    return CliRunner().invoke(cli, ["reindex", "--data-dir", str(settings.data_dir)], catch_exceptions=False)


def found(reader: StoreReader, words: str) -> list[str]:
    return [hit.id for hit in reader.search(words, limit=10, offset=0).rows]


def damage(settings: Settings, sql: str) -> None:
    with closing(sqlite3.connect(settings.store_path)) as connection, connection:
        connection.execute(sql)


def schema(settings: Settings) -> dict[str, str]:
    with closing(sqlite3.connect(settings.store_path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()) for name, sql in rows}


@pytest.mark.parametrize("sql", DAMAGES.values(), ids=DAMAGES)
def test_any_index_is_made_whole(settings: Settings, reader: StoreReader, sql: str) -> None:
    before = schema(settings)
    damage(settings, sql)
    result = reindex(settings)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"2 messages indexed in \d+\.\d s\n", result.stdout)
    assert found(reader, "the") == ["2", "1"]
    assert found(reader, "never") == []
    assert schema(settings) == before
    with closing(sqlite3.connect(settings.store_path)) as connection:
        connection.execute("INSERT INTO message_search (message_search) VALUES ('integrity-check')")
    store = Store(settings.store_path)
    store.apply([message("4", 5, "the end")])
    store.close()
    assert found(reader, "the") == ["4", "2", "1"]


@pytest.mark.parametrize("sql", [DAMAGES["nothing"], DAMAGES["no version"]])
def test_what_fails_halfway_changes_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    damage(settings, sql)

    def content() -> list[list[tuple[object, ...]]]:
        tables = ("sqlite_master", *(f"message_search_{part}" for part in ("data", "idx", "docsize", "config")))
        with closing(sqlite3.connect(settings.store_path)) as connection:
            return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]

    before = content()

    def failing(rows: object) -> Iterator[tuple[int, str]]:
        yield next(documents(rows))  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(search_index, "documents", failing)
        with closing(StoreWriter(settings.store_path)) as writer, pytest.raises(KeyboardInterrupt):
            writer.rebuild_search()
    assert content() == before
    assert reindex(settings).exit_code == 0


def test_an_index_of_an_older_version_is_made_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(settings, "UPDATE meta SET value = 'older' WHERE key = 'index_version'")
    made: list[int] = []
    rebuild = StoreWriter.rebuild_search

    def counted(writer: StoreWriter) -> int:
        made.append(rebuild(writer))
        return made[-1]

    monkeypatch.setattr(StoreWriter, "rebuild_search", counted)
    assert "2 messages" in reindex(settings).output
    assert made == [2]


def test_a_running_session_process_makes_it(settings: Settings, reader: StoreReader) -> None:
    damage(settings, DAMAGES["empty"])
    with served(settings, answer=lambda _: 7) as process:
        result = reindex(settings)
    assert result.exit_code == 0, result.output
    assert process.asked == [Reindex()]
    assert re.fullmatch(r"7 messages indexed in \d+\.\d s\n", result.stdout)
    assert f"session process {PID} makes the index" in result.stderr
    assert found(reader, "the") == [], "this process made none"


def test_what_the_session_process_answers_is_said(settings: Settings) -> None:
    def broken(_: object) -> int:
        raise StoreError("the message store is damaged", next_step="Restore a back-up.")

    with served(settings, answer=broken):
        result = reindex(settings)
    assert result.exit_code == 1
    assert "the message store is damaged" in result.stderr
    assert "Restore a back-up" in result.stderr


def test_a_session_process_of_another_version_is_left_alone(settings: Settings) -> None:
    with served(settings, refusal=Refused(why="newer", version="99.0", pid=PID)):
        result = reindex(settings)
    assert result.exit_code == 3
    assert "version 99.0" in result.stderr
    assert "Restart the MCP hosts" in result.stderr


def test_who_holds_the_account_and_does_not_listen_is_named(
    settings: Settings, reader: StoreReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "HOLDER_LIMIT", 0.2)
    lock = AccountLock.acquire(settings.lock_path)
    assert lock is not None
    damage(settings, DAMAGES["empty"])
    result = reindex(settings)
    lock.release()
    assert result.exit_code == 3
    assert f"in use by process {os.getpid()}" in result.stderr
    assert "whatsapp-mcp doctor" in result.stderr
    assert found(reader, "the") == []
    assert reindex(settings).exit_code == 0
    assert is_free(settings.lock_path)


def test_one_that_is_ending_is_waited_for(settings: Settings, reader: StoreReader) -> None:
    """As after the last host was closed."""
    damage(settings, DAMAGES["empty"])
    with served(settings, refusal=Refused(why="ending", version="1", pid=PID)) as process:
        waiting = threading.Thread(target=lambda: results.append(reindex(settings)))
        results: list[Result] = []
        waiting.start()
        wait_until(lambda: len(process.attached) > 1, "two attempts")
    waiting.join(30)
    assert [result.exit_code for result in results] == [0]
    assert found(reader, "the") == ["2", "1"]


def test_without_a_store_none_is_made(tmp_path: Path) -> None:
    result = reindex(Settings(data_dir=tmp_path / "data"))
    assert result.exit_code == 4
    assert "no message store" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_no_database(settings: Settings) -> None:
    settings.store_path.write_bytes(b"x" * 5000)
    result = reindex(settings)
    assert result.exit_code == 1
    assert "is not a database" in result.stderr
    assert settings.store_path.read_bytes() == b"x" * 5000


def test_damaged_messages_are_no_matter_of_the_index(settings: Settings) -> None:
    content = bytearray(settings.store_path.read_bytes())
    for start in range(2 * 4096, len(content) - 4096, 4096):  # the schema stays readable
        content[start : start + 64] = b"\xff" * 64
    settings.store_path.write_bytes(bytes(content))
    with pytest.raises(StoreError):
        StoreWriter(settings.store_path).rebuild_search()
    assert "is damaged" in reindex(settings).stderr
