"""Where messages and keys lie, as a value that crosses processes and as what people see."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from whatsapp_mcp.settings import Settings
from whatsapp_mcp.whereabouts import PostgresSchema, told, whereabouts_of

URL = "postgresql://ana:hunt%23er@db.example:5433/chats?sslmode=require&password=other"


def test_without_a_database_everything_is_a_file_of_the_account(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, account="work")
    assert settings.store == tmp_path / "work" / "messages.db"
    assert settings.keys == tmp_path / "work" / "session.db"


def test_with_a_database_each_account_has_a_schema(tmp_path: Path) -> None:
    one, other = (Settings(data_dir=tmp_path, account=name, database=SecretStr(URL)) for name in ("a-b", "a_b"))
    assert one.store == one.keys == PostgresSchema(URL, "wa_a$b")
    assert other.store == PostgresSchema(URL, "wa_a_b")


@pytest.mark.parametrize("where", [Path("data/a#b/messages.db").absolute(), PostgresSchema(URL, "wa_a$b")])
def test_it_crosses_processes_as_a_text(where: Path | PostgresSchema) -> None:
    assert whereabouts_of(told(where)) == where


def test_what_is_shown_holds_no_password() -> None:
    where = PostgresSchema(URL, "wa_work")
    assert str(where) == "postgresql://ana@db.example:5433/chats, schema wa_work"
    assert "hunt" not in repr(where)
    assert "hunt" not in repr(Settings(database=SecretStr(URL)))


@pytest.mark.parametrize("url", ["mysql://host/db", "host=db", "postgresql://a:b#c@host/db"])
def test_what_is_no_url_of_postgresql_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValidationError, match="postgresql://USER") as refused:
        Settings(database=SecretStr(url))
    assert url not in str(refused.value)
