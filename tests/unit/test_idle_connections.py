"""What is asked now and then keeps no connection: each is a process of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest

from tests.unit.policy.test_audit import CALL
from tests.unit.waiting import wait_until
from whatsapp_mcp import postgres
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.documents import read_document, write_document
from whatsapp_mcp.policy import audit
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.caller import Question
from whatsapp_mcp.policy.rules import Audit
from whatsapp_mcp.store.engine.choice import database_at
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.whereabouts import PostgresSchema, StoredDocument


@pytest.fixture
def where(postgres_schema: PostgresSchema) -> PostgresSchema:
    """Its connections are known by a name of their own."""
    return PostgresSchema(f"{postgres_schema.url}&application_name={postgres_schema.schema}", postgres_schema.schema)


def connections(where: PostgresSchema) -> int:
    with psycopg.connect(where.url, application_name="looks") as connection:
        statement = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        found = connection.execute(statement, (where.schema,)).fetchone()
    assert found is not None
    return int(found[0])


def ask(where: PostgresSchema, reader: StoreReader, book: PolicyBook) -> None:
    assert read_document(StoredDocument(where, "policy.toml")) == b"x"
    assert reader.newest_arrival() == 0
    assert [one.rule for one in book.pending(now_ms())] == ["files"]


@contextmanager
def in_use(where: PostgresSchema) -> Iterator[Callable[[], None]]:
    """A store, a document and a book; asks each of them something."""
    database_at(where).open_for_writing().close()
    write_document(StoredDocument(where, "policy.toml"), b"x")
    reader, book = StoreReader(where), PolicyBook(where)
    book.ask(Question("files", "?", "d" * 64), 5, now_ms())
    yield partial(ask, where, reader, book)
    reader.close()
    book.close()


def test_readers_books_and_documents_keep_one_each(where: PostgresSchema) -> None:
    with in_use(where) as ask_all:
        for _ in range(2):
            ask_all()
            wait_until(lambda: connections(where) <= 3, "the end of what was closed")
            assert connections(where) == 3


def test_they_let_go_and_begin_again(where: PostgresSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "IDLE_SECONDS", 1)
    with in_use(where) as ask_all:
        for _ in range(2):
            ask_all()
            wait_until(lambda: connections(where) == 0, "the end of idle connections")


def test_an_audit_without_lines_lets_go_and_begins_again(
    where: PostgresSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_IDLE", 0.1)
    log = audit.AuditLog(where, Audit)
    for written in (1, 2):
        log.write(CALL)
        wait_until(partial(has_lines, where, written), "its line")
        wait_until(lambda: connections(where) == 0, "the end of an idle connection")
    log.close()


def has_lines(where: PostgresSchema, number: int) -> bool:
    with psycopg.connect(where.url, application_name="looks") as connection:
        if connection.execute("SELECT to_regclass(%s)", (f"{where.schema}.audit",)).fetchone() == (None,):
            return False
        found = connection.execute(f"SELECT count(*) FROM {where.schema}.audit".encode()).fetchone()
    return found == (number,)
