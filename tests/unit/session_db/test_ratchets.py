"""What whatsmeow writes back of a session that stands before the one in its database is left out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from whatsapp_mcp.postgres import connected, make_schema
from whatsapp_mcp.session_db.ratchets import never_back
from whatsapp_mcp.whereabouts import PostgresSchema

TABLE = "CREATE TABLE whatsmeow_sessions (our_jid TEXT, their_id TEXT, session bytea, PRIMARY KEY (our_jid, their_id))"
PUT = (
    "INSERT INTO whatsmeow_sessions (our_jid, their_id, session) VALUES ('me', 'ana', ?)"
    " ON CONFLICT (our_jid, their_id) DO UPDATE SET session=excluded.session"
)
"""whatsmeow store/sqlstore/store.go: ``putSessionQuery``."""

Execute = Callable[..., Any]


@pytest.fixture
def in_file(tmp_path: Path) -> Iterator[Execute]:
    path = tmp_path / "session.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        never_back(path)
        connection.execute(TABLE)
        never_back(path)
        never_back(path)
        yield connection.execute


@pytest.fixture
def in_schema(postgres_schema: PostgresSchema) -> Iterator[Execute]:
    make_schema(postgres_schema)
    with closing(connected(postgres_schema)) as connection:
        connection.autocommit = True
        never_back(postgres_schema)
        connection.execute(TABLE)
        never_back(postgres_schema)
        never_back(postgres_schema)
        yield lambda statement, values=(): connection.execute(statement.replace("?", "%s"), values)


@pytest.fixture(params=["in_file", "in_schema"])
def execute(request: pytest.FixtureRequest) -> Execute:
    made: Execute = request.getfixturevalue(request.param)
    return made


def session(key: str, index: int, received: int = 0) -> bytes:
    chain = {"SenderRatchetKeyPublic": key, "ChainKey": {"Key": "k", "Index": index}, "MessageKeys": []}
    return json.dumps({"SessionState": {"SenderChain": chain, "Received": received}, "PreviousStates": None}).encode()


def kept(execute: Execute) -> bytes:
    return bytes(execute("SELECT session FROM whatsmeow_sessions").fetchone()[0])


def test_a_session_never_goes_back(execute: Execute) -> None:
    sent = session("k1", 10)
    for written in (session("k1", 9), sent, session("k1", 9, received=1)):
        execute(PUT, (written,))
    assert kept(execute) == sent


@pytest.mark.parametrize(
    "later",
    [
        session("k1", 9, received=1),
        session("k1", 10),
        session("k2", 0),
        b"",
        b"\xff\xfe no session that is known here",
        b'{"SessionState": null}',
    ],
)
def test_it_goes_on(execute: Execute, later: bytes) -> None:
    for written in (session("k1", 9), later):
        execute(PUT, (written,))
        assert kept(execute) == written


def test_what_was_of_another_form_can_be_written_over(execute: Execute) -> None:
    for written in (b"\xff", session("k1", 9)):
        execute(PUT, (written,))
        assert kept(execute) == written


def test_where_nothing_is_nothing_is_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    never_back(tmp_path / "session.db")
    assert not (tmp_path / "session.db").exists()
    assert not caplog.records
    (tmp_path / "session.db").write_bytes(b"no database" * 100)
    never_back(tmp_path / "session.db")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
