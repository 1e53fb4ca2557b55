"""Small texts in PostgreSQL: what every node sees, and what two that write at once never lose."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.errors import UndefinedTable

from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.bounded_connection import BoundedConnection
from whatsapp_mcp.documents import changing_document, document_version, read_document, write_document
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.postgres import connected, drop_schema
from whatsapp_mcp.session_db.database import linked_device, make_place
from whatsapp_mcp.whereabouts import PostgresSchema, StoredDocument, place_of, told_place


@pytest.fixture
def place(postgres_schema: PostgresSchema) -> StoredDocument:
    return StoredDocument(postgres_schema, "policy.toml")


def test_there_is_none_until_it_is_written(place: StoredDocument) -> None:
    assert read_document(place) is None
    assert document_version(place) is None
    write_document(place, b"one \0 \xff")
    first = document_version(place)
    write_document(place, b"two")
    assert document_version(place) not in (None, first)
    assert read_document(place) == b"two"
    assert read_document(StoredDocument(place.where, "webhooks.json")) is None


def test_no_look_is_an_error_for_the_database(place: StoredDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or its log has one for each call: in most schemas nothing is ever written."""
    errors: list[psycopg.Error] = []
    execute = BoundedConnection.execute

    def noted(*given: Any, **named: Any) -> Any:
        try:
            return execute(*given, **named)
        except psycopg.Error as error:
            errors.append(error)
            raise

    monkeypatch.setattr(BoundedConnection, "execute", noted)
    makes: list[Callable[[], None]] = [
        lambda: None,
        lambda: make_place(place.where),
        lambda: write_document(place, b"one"),
    ]
    for make in makes:
        make()
        read_document(place)
        document_version(place)
        assert linked_device(place.where) is None
    assert errors == []
    drop_schema(place.where)
    assert read_document(place) is None
    assert [type(error) for error in errors] == [UndefinedTable]
    assert document_version(place) is None
    assert len(errors) == 1


def test_what_fails_changes_nothing_and_what_is_emptied_is_gone(place: StoredDocument) -> None:
    write_document(place, b"kept")
    with pytest.raises(ZeroDivisionError), changing_document(place) as draft:
        draft.content = b"lost"
        raise ZeroDivisionError
    assert read_document(place) == b"kept"
    with changing_document(place) as draft:
        draft.content = None
    assert read_document(place) is None


def test_a_connection_that_the_database_ended_is_made_again(place: StoredDocument) -> None:
    write_document(place, b"kept")
    assert read_document(place) == b"kept"
    with connected(place.where) as other:
        others = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'whatsapp-mcp'"
        assert other.execute(f"{others} AND pid <> pg_backend_pid()").fetchall()
    assert read_document(place) == b"kept"


def test_a_database_that_is_away_is_said(place: StoredDocument) -> None:
    away = StoredDocument(PostgresSchema("postgresql://ana:secret@/chats?host=/nowhere", "wa_work"), "policy.toml")
    for use in (read_document, document_version, lambda there: write_document(there, b"x")):
        with pytest.raises(StoreError, match="cannot be reached") as refused:
            use(away)
        assert "secret" not in str(refused.value)


ADD = """
import sys
from whatsapp_mcp.bounded_connection import BoundedConnection
from whatsapp_mcp.documents import changing_document
from whatsapp_mcp.whereabouts import place_of
place = place_of(sys.stdin.readline().strip())
for number in range(40):
    with changing_document(place) as draft:
        draft.content = (draft.content or b"") + f"{sys.argv[1]}.{number} ".encode()
"""


def test_processes_that_write_at_once_lose_nothing(place: StoredDocument) -> None:
    """They are the nodes: nothing is between them but the database, and none of them has made the table."""
    running = [
        subprocess.Popen([sys.executable, "-c", ADD, str(node)], stdin=subprocess.PIPE, text=True) for node in range(3)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(f"{told_place(place)}\n")
        process.stdin.close()
    for process in running:
        process.wait(CHILD_LIMIT)
    assert [process.returncode for process in running] == [0, 0, 0]
    written = (read_document(place) or b"").decode().split()
    assert sorted(written) == sorted(f"{node}.{number}" for node in range(3) for number in range(40))


def test_a_place_crosses_processes_as_a_text(place: StoredDocument) -> None:
    assert place_of(told_place(place)) == place
    assert "secret" not in str(StoredDocument(PostgresSchema("postgresql://a:secret@h/d", "wa_x"), "policy.toml"))
