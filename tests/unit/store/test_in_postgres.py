"""What is about PostgreSQL itself: the journal, keeping aside, removing, the schema, statements and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tests.unit.store.build import ANA, ANA_LID, ME, PHOTO, message, ms, reaction
from whatsapp_mcp.errors import StoreError, StoreUnusable
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatCleared
from whatsapp_mcp.models.changes import Live
from whatsapp_mcp.models.content import Content, Quote
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.store.engine.choice import database_at, is_the_stores_fault
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.store.engine.postgres.translation import translated
from whatsapp_mcp.store.journal import JournalEntry
from whatsapp_mcp.store.read.catching_up import ASKED_AT_MOST
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import Stretch
from whatsapp_mcp.store.version import SCHEMA_VERSION
from whatsapp_mcp.store.write.retention import DAY, RetentionPolicy
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whereabouts import PostgresSchema


def run(where: PostgresSchema, statement: str) -> None:
    with psycopg.connect(where.url, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("a = ? AND b = ?", "a = $1 AND b = $2"),
        ("a = ?2 OR b = ?1 OR c = ?2", "a = $1 OR b = $2 OR c = $1"),
        ("a = :x AND b = :y AND c = :x", "a = $1 AND b = $2 AND c = $1"),
        ("t INDEXED BY i WHERE a IN ()", "t WHERE a = ANY ('{}')"),
        ("a CROSS JOIN b ON b.x = a.x WHERE c NOT IN ()", "a JOIN b ON b.x = a.x WHERE c <> ALL ('{}')"),
        ("SELECT instr(a, '?:x main.') FROM main.t, temp.r", "SELECT strpos(a, '?:x main.') FROM \"s\".t, pg_temp.r"),
    ],
)
def test_a_statement_is_told_in_the_words_of_postgresql(written: str, told: str) -> None:
    assert translated(written, "s").text == told


@pytest.mark.parametrize(
    ("written", "told", "bound"),
    [
        ("a = ?2 OR b = ?1", "a = $1 OR b = $2", ["y", "x"]),
        ("a = ? AND b IN (?, ?) AND c = ?", "a = $1 AND b = ANY ($2) AND c = $3", ["x", ["y", "z"], "w"]),
        ("a NOT IN (?) LIMIT ?", "a <> ALL ($1) LIMIT $2", [["x"], "y"]),
        (
            "a = ? AND (b, c) IN (VALUES (?, ?), (?, ?))",
            "a = $1 AND (b, c) IN (SELECT * FROM unnest($2, $3) AS listed(column1, column2))",
            ["x", ["y", "w"], ["z", "v"]],
        ),
        ("FROM (VALUES (?), (?)) AS t", "FROM (SELECT * FROM unnest($1) AS listed(column1)) AS t", [["x", "y"]]),
        ("INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES ($1, $2)", ["x", "y", "z", "w", "v"]),
    ],
)
def test_values_that_are_listed_are_told_as_one(written: str, told: str, bound: list[object]) -> None:
    """The statement is the same for any number of them, and is planned once."""
    assert translated(written, "s").text == told
    assert translated(written, "s").bound(["x", "y", "z", "w", "v"]) == bound


def test_many_that_start_at_once_make_one_store(postgres_schema: PostgresSchema) -> None:
    def start(_: int) -> None:
        StoreWriter(postgres_schema).close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, range(4)))
    with closing(StoreReader(postgres_schema)) as reader:
        assert reader.stats().schema_version == SCHEMA_VERSION


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each time that somebody waited for the database."""
    waited: list[None] = []
    wait = psycopg.Connection.wait

    def counted(connection: Any, *arguments: Any, **options: Any) -> Any:
        waited.append(None)
        return wait(connection, *arguments, **options)

    monkeypatch.setattr(psycopg.Connection, "wait", counted)
    return waited


def test_many_messages_go_few_ways(postgres_schema: PostgresSchema, ways: list[None]) -> None:
    texts = ["it's\ta\\b\nc", "NULL", "\\N", "", "naïve 語", "plain"]
    messages = [
        message(f"M{n}", n, texts[n % 6], chat=ANA_LID, chat_alt=ANA, media=PHOTO if n % 3 else None, push_name="Ana")
        for n in range(200)
    ]
    replies = [
        replace(one, id=f"R{one.id}", content=Content(one.content.kind, "R", quote=Quote(one.id, ANA, "M")))
        for one in messages[:100]
    ]
    with closing(StoreWriter(postgres_schema)) as writer:
        writer.set_owner(ME, None)
        writer.apply([Live(one) for one in messages[:100]])
        ways.clear()
        writer.apply([Live(one) for one in (*messages[100:], *replies)])
        assert len(ways) < 40
    with closing(StoreReader(postgres_schema)) as reader:
        shown = reader.messages(ANA, limit=1000, offset=0).rows
        assert sorted((one.id, one.text) for one in shown if one.id[0] == "M") == sorted(
            (one.id, one.content.text) for one in messages
        )
        assert reader.messages(ANA, limit=1, offset=0, media_only=True).total == 133
        assert reader.chats(limit=1, offset=0).rows[0].unread_count == 300
        assert all(one.quoted is not None and not one.quoted.is_claim for one in shown if one.id[0] == "R")


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that the database is told."""
    told: list[str] = []
    execute = psycopg.Connection.execute

    def noted(connection: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        told.append(str(query))
        return execute(connection, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", noted)
    return told


def test_old_messages_go_together(postgres_schema: PostgresSchema, statements: list[str]) -> None:
    """However many they are, and in however many chats."""
    people = [Jid.parse(f"4917{number:08}@s.whatsapp.net") for number in range(50)]
    messages = [message(f"M{n}", n, chat=people[n % 50], media=PHOTO if n % 2 else None) for n in range(200)]
    files: list[DownloadedFile] = []
    clock = [ms(0)]
    policy = RetentionPolicy(1, files.extend)
    with closing(StoreWriter(postgres_schema, retention=policy, now=lambda: clock[0])) as writer:
        writer.set_owner(ME, None)
        writer.apply([*messages, *(reaction(one.id, 200, "👍", chat=one.chat) for one in messages)])
        clock[0] = ms(300) + DAY
        statements.clear()
        assert writer.prune()
        of_chats = [one for one in statements if "DELETE FROM unread" in one]
        assert len(of_chats) <= 50
        assert len(statements) - len(of_chats) < 50
        while writer.prune():
            pass
        for table in ("messages", "media", "reactions", "unread"):
            assert writer._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
    assert {file.message_id for file in files} == {f"M{n}" for n in range(1, 200, 2)}


def test_a_chat_is_cleared_at_once(postgres_schema: PostgresSchema, statements: list[str]) -> None:
    with closing(StoreWriter(postgres_schema)) as writer:
        writer.set_owner(ME, None)
        writer.apply([message(f"M{n}", n) for n in range(200)])
        statements.clear()
        writer.apply([ChatCleared(ANA, False, ms(300))])
        assert len(statements) < 50
    with closing(StoreReader(postgres_schema)) as reader:
        assert reader.messages(ANA, limit=1, offset=0).total == 0


def test_what_is_new_in_many_chats_is_read_in_few_ways(postgres_schema: PostgresSchema, ways: list[None]) -> None:
    people = [Jid.parse(f"4917{number:08}@s.whatsapp.net") for number in range(30)]
    with closing(StoreWriter(postgres_schema)) as writer:
        writer.set_owner(ME, None)
        writer.apply([message(f"M{n}", n, "hello?", chat=people[n % 30]) for n in range(2400)])
        until = writer.newest_arrival
    with closing(StoreReader(postgres_schema)) as reader:
        stretch = Stretch(after=0, until=until, start=0, late=0)
        reader.catch_up(stretch, chats=10, lines=3)
        ways.clear()
        found = reader.catch_up(stretch, chats=10, lines=3)
        assert [len(news.lines) for news in found.chats] == [3 + ASKED_AT_MOST] * 8
        assert {news.messages for news in found.chats} == {80}
        assert len(ways) < 40


class TestGathered:
    """What a transaction changes waits, and nobody can tell."""

    @pytest.fixture
    def connection(self, postgres_schema: PostgresSchema) -> Iterator[PostgresConnection]:
        with closing(PostgresConnection(postgres_schema)) as connection:
            connection.execute(f'CREATE SCHEMA "{postgres_schema.schema}"')
            connection.execute("CREATE TABLE messages (arrival bigint PRIMARY KEY, text text)")
            connection.execute("CREATE TABLE media (arrival bigint REFERENCES messages ON DELETE CASCADE, file bytea)")
            connection.execute("CREATE TABLE chats (entity bigint PRIMARY KEY, name text)")
            yield connection

    @staticmethod
    @contextmanager
    def transaction(connection: PostgresConnection) -> Iterator[None]:
        connection.execute("BEGIN")
        with connection.gathering():
            yield
            connection.execute("COMMIT")

    def test_each_question_is_answered_as_if_nothing_waited(self, connection: PostgresConnection) -> None:
        add, count = "INSERT INTO messages VALUES (?, ?)", "SELECT count(*) FROM messages"
        with self.transaction(connection):
            for number in range(1, 11):
                assert connection.execute(add, (number, "a\0b")).rowcount == 1
                connection.execute("INSERT INTO media VALUES (?, ?)", (number, b"\0\\x"))
                assert connection.execute(count).fetchone()[0] == number
            renamed = connection.execute("UPDATE messages SET text = 'c' WHERE arrival > ?", (8,))
            connection.execute(add, (11, "d"))
            connection.execute("INSERT INTO media VALUES (?, ?)", (11, None))
            assert renamed.rowcount == 2
            assert connection.execute("DELETE FROM messages WHERE arrival = ?", (1,)).rowcount == 1
            assert connection.execute("SELECT count(*) FROM media").fetchone()[0] == 10
            assert connection.execute("UPDATE messages SET text = 'e' RETURNING arrival").fetchone() is not None
            connection.execute("UPDATE messages SET text = 'f' WHERE arrival = 2")
        texts = connection.execute("SELECT text FROM messages ORDER BY arrival").fetchall()
        assert [text for (text,) in texts] == ["f", *["e"] * 9]
        assert connection.execute("SELECT count(*), min(file) FROM media").fetchone() == (10, b"\0\\x")

    def test_many_rows_take_the_place_of_others_at_once(self, connection: PostgresConnection) -> None:
        put = "INSERT INTO chats (entity, name) VALUES (?, ?) ON CONFLICT (entity) DO UPDATE SET name = excluded.name"
        names = ["a", None, 'b"\\u0000', "c\0", "語"]
        for some in (["old"] * 3, names):
            with self.transaction(connection):
                connection.executemany(put, list(enumerate(some)))
        found = connection.execute("SELECT name FROM chats ORDER BY entity").fetchall()
        assert [name for (name,) in found] == ["a", None, 'b"\\u0000', "c\ufffd", "語"]

    def test_more_than_may_wait(self, connection: PostgresConnection) -> None:
        with self.transaction(connection):
            for number in range(2_500):
                connection.execute("INSERT INTO messages VALUES (?, 'x')", (number,))
        assert connection.execute("SELECT count(*) FROM messages").fetchone()[0] == 2_500

    def test_what_fails_undoes_all(self, connection: PostgresConnection) -> None:
        with pytest.raises(psycopg.errors.ForeignKeyViolation), self.transaction(connection):
            connection.execute("INSERT INTO messages VALUES (?, ?)", (1, "a"))
            connection.execute("INSERT INTO media VALUES (?, ?)", (2, None))
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT count(*) FROM messages").fetchone()[0] == 0


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
    numbers = [first.append(*entry) or 0 for entry in entries]
    first.stored(numbers[1:2])
    first.close()
    assert first.append(4, b"too late") is None
    next_one = database_at(postgres_schema).journal()
    assert next_one.last_written is not None
    assert next_one.waiting() == [(numbers[0], 1), (numbers[2], 3)]
    assert [next_one.read(number) for number in numbers] == [b"one", None, b"\0\xff"]
    assert list(next_one.recent()) == [entries[1], entries[0], entries[2]], "what is stored first"
    next_one.append(4, b"four")
    next_one.stored([numbers[0], numbers[2]])
    ((four, code),) = next_one.waiting()
    assert (code, next_one.waits(four), next_one.waits(numbers[0])) == (4, True, False)
    next_one.clear()
    assert (list(next_one.recent()), next_one.waiting(), next_one.read(four)) == ([], [], None)
    next_one.close()


def test_a_connection_that_the_database_ended_is_made_anew(postgres_schema: PostgresSchema) -> None:
    journal, writer = database_at(postgres_schema).journal(), StoreWriter(postgres_schema)
    writer.set_owner(ME, None)
    with closing(writer), closing(journal), closing(StoreReader(postgres_schema)) as reader:
        writer.apply([message("M1", 1, "one")])
        assert reader.messages(ANA, limit=9, offset=0).total == 1
        others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
        run(postgres_schema, f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE {others}")
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
