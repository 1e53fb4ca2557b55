"""What is about PostgreSQL itself: the journal, keeping aside, removing, the schema, statements and what they hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from tests.unit.store.build import ANA, ME, message
from whatsapp_mcp.errors import StoreError, StoreUnusable
from whatsapp_mcp.store.engine.choice import database_at, is_the_stores_fault
from whatsapp_mcp.store.engine.postgres.translation import translated
from whatsapp_mcp.store.journal import JournalEntry
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.version import SCHEMA_VERSION
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whereabouts import PostgresSchema


def run(where: PostgresSchema, statement: str) -> None:
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("a = ? AND b = ?", "a = $1 AND b = $2"),
        ("a = ?2 OR b = ?1 OR c = ?2", "a = $2 OR b = $1 OR c = $2"),
        ("a = :x AND b = :y AND c = :x", "a = $1 AND b = $2 AND c = $1"),
        ("t INDEXED BY i WHERE a IN ()", "t WHERE a = ANY ('{}')"),
        ("a CROSS JOIN b ON b.x = a.x WHERE c NOT IN ()", "a JOIN b ON b.x = a.x WHERE c <> ALL ('{}')"),
        ("SELECT instr(a, '?:x main.') FROM main.t, temp.r", "SELECT strpos(a, '?:x main.') FROM \"s\".t, pg_temp.r"),
    ],
)
def test_a_statement_is_told_in_the_words_of_postgresql(written: str, told: str) -> None:
    assert translated(written, "s").text == told


def test_many_that_start_at_once_make_one_store(postgres_schema: PostgresSchema) -> None:
    def start(_: int) -> None:
        StoreWriter(postgres_schema).close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, range(4)))
    with closing(StoreReader(postgres_schema)) as reader:
        assert reader.stats().schema_version == SCHEMA_VERSION


def test_a_newer_schema_is_left_alone(postgres_schema: PostgresSchema) -> None:
    StoreWriter(postgres_schema).close()
    run(postgres_schema, f"INSERT INTO {postgres_schema.schema}.migrations VALUES ('of_tomorrow', now())")
    with pytest.raises(StoreUnusable, match="of_tomorrow"):
        StoreWriter(postgres_schema)
    with closing(StoreReader(postgres_schema)) as reader, pytest.raises(StoreUnusable, match="newer version"):
        reader.chats(limit=1, offset=0)


def test_the_journal_outlives_its_process(postgres_schema: PostgresSchema) -> None:
    entries = [JournalEntry(1, b"one"), JournalEntry(2, b""), JournalEntry(3, b"\0\xff")]
    first = database_at(postgres_schema).journal()
    assert first.last_written is None
    assert [first.append(*entry) for entry in entries] == [True] * 3
    first.stored(1)
    first.close()
    assert not first.append(4, b"too late")
    next_one = database_at(postgres_schema).journal()
    assert next_one.last_written is not None
    assert (next_one.pending(), next_one.recent()) == (entries[1:], entries)
    next_one.append(4, b"four")
    next_one.stored(2)
    assert next_one.pending() == [JournalEntry(4, b"four")]
    next_one.clear()
    assert next_one.recent() == []
    next_one.close()


def test_a_connection_that_the_database_ended_is_made_anew(postgres_schema: PostgresSchema) -> None:
    journal, writer = database_at(postgres_schema).journal(), StoreWriter(postgres_schema)
    writer.set_owner(ME, None)
    with closing(writer), closing(journal), closing(StoreReader(postgres_schema)) as reader:
        writer.apply([message("M1", 1, "one")])
        assert reader.messages(ANA, limit=9, offset=0).total == 1
        run(postgres_schema, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        assert journal.append(1, b"one")
        writer.apply([message("M2", 2, "two")])
        assert reader.messages(ANA, limit=9, offset=0).total == 2


def test_keeping_aside_and_removing_leave_the_keys(postgres_schema: PostgresSchema) -> None:
    database, schema = database_at(postgres_schema), postgres_schema.schema
    assert (database.archive("4917"), database.exists()) == (None, False)
    with closing(StoreReader(postgres_schema)) as reader:
        assert reader.chats(limit=9, offset=0).total == 0
        with closing(StoreWriter(postgres_schema)) as writer:
            writer.apply([message("M1", 1, "old")])
        run(postgres_schema, f"CREATE TABLE {schema}.whatsmeow_device (jid text)")
        assert reader.chats(limit=9, offset=0).total == 1
        aside = database.archive("4917")
        assert isinstance(aside, PostgresSchema)
        assert reader.chats(limit=9, offset=0).total == 0
        with closing(StoreReader(aside)) as kept:
            assert [row.text for row in kept.messages(ANA, limit=9, offset=0).rows] == ["old"]
        StoreWriter(postgres_schema).close()
        assert reader.chats(limit=9, offset=0).total == 0
    database.remove()
    assert not database.exists()
    run(postgres_schema, f"SELECT jid FROM {schema}.whatsmeow_device")
    run(aside, f'DROP SCHEMA "{aside.schema}" CASCADE')


def test_a_database_that_is_not_there_is_named_without_its_password() -> None:
    where = PostgresSchema("postgresql://ana:secret@127.0.0.1:1/chats", "wa_default")
    with pytest.raises(StoreError, match="cannot be reached") as told:
        StoreWriter(where)
    assert "secret" not in f"{told.value}{told.value.details}{told.value.next_step}"
    assert is_the_stores_fault(told.value)


def test_what_the_database_cannot_hold_is_replaced(postgres_schema: PostgresSchema) -> None:
    with closing(StoreWriter(postgres_schema)) as writer, closing(StoreReader(postgres_schema)) as reader:
        writer.apply([message("M\0", 1, "a\0b", push_name="A\0na", extra={"title": "t\0"})])
        (row,) = reader.messages(ANA, limit=9, offset=0).rows
        assert (row.id, row.text, row.sender_name, row.extra) == ("M\ufffd", "a\ufffdb", "A\ufffdna", {"title": "t\0"})
        assert reader.message("M\0") is not None
