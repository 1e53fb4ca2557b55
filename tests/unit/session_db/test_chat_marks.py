"""What neonize has noted of pins, archive and mutes, in a file and in PostgreSQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.session_db.session_database import OWN
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import MUTED_FOR_EVER, ChatMarks, ChatMarksSeen
from whatsapp_mcp.postgres import connected, make_schema
from whatsapp_mcp.session_db.chat_marks import app_state_versions, chat_marks
from whatsapp_mcp.session_db.moving import table_statements
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

ANA, GROUP = Jid.parse("4915100000001@s.whatsapp.net"), Jid.parse("120363000000000001@g.us")
TABLES = [
    "CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY)",
    *(table for table in table_statements() if "_app_state_version (" in table or "_chat_settings (" in table),
]


@pytest.fixture(params=["file", "postgres"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Whereabouts:
    """Nothing is there yet."""
    if request.param == "file":
        return tmp_path / "session.db"
    schema = request.getfixturevalue("postgres_schema")
    assert isinstance(schema, PostgresSchema)
    make_schema(schema)
    return schema


def write(where: Whereabouts, *statements: str, zeros: Any = bytes(128)) -> None:
    if isinstance(where, PostgresSchema):
        with connected(where) as connection:
            for statement in statements:
                connection.execute(statement.encode(), (zeros,) if "%s" in statement else ())
        return
    with closing(sqlite3.connect(where)) as file, file:
        for statement in statements:
            file.execute(statement.replace("%s", "?"), (zeros,) if "%s" in statement else ())


def test_what_is_noted(keys: Whereabouts) -> None:
    assert (app_state_versions(keys), chat_marks(keys)) == ({}, None), "no device was ever linked"
    write(keys, *TABLES)
    assert (app_state_versions(keys), chat_marks(keys)) == ({}, None)
    write(keys, f"INSERT INTO whatsmeow_device VALUES ('{OWN}')")
    assert (app_state_versions(keys), chat_marks(keys)) == ({}, None), "no app state has come"
    write(
        keys,
        f"INSERT INTO whatsmeow_app_state_version VALUES ('{OWN}', 'regular_low', 7, %s)",
        f"INSERT INTO whatsmeow_chat_settings VALUES ('{OWN}', '{ANA}', -1, true, false)",
        f"INSERT INTO whatsmeow_chat_settings VALUES ('{OWN}', '{GROUP}', 1999999999, false, true)",
        f"INSERT INTO whatsmeow_chat_settings VALUES ('{OWN}', 'no address', 0, false, true)",
    )
    assert app_state_versions(keys) == {"regular_low": 7}
    found = chat_marks(keys)
    assert found is not None
    assert (found.device, found.versions) == (OWN, {"regular_low": 7})
    assert set(found.chats) == {
        ChatMarks(ANA, pinned=True, muted_until=MUTED_FOR_EVER),
        ChatMarks(GROUP, archived=True, muted_until=1_999_999_999_000),
    }
    assert isinstance(found, ChatMarksSeen)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "session.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError):
        app_state_versions(path)
    with pytest.raises(StoreError):
        chat_marks(path)
