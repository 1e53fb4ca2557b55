"""Tokens and policy.toml where a database is set: every node sees a change at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from whatsapp_mcp.documents import changing_document, write_document
from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.kept_model import OutOfReach
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.policy.rules import PRESETS
from whatsapp_mcp.policy.tokens import TokenBook
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.token_file import load_or_create_token
from whatsapp_mcp.whereabouts import PostgresSchema, StoredDocument

NOWHERE = PostgresSchema("postgresql://ana:secret@/chats?host=/nowhere", "wa_work")


def test_where_things_lie(tmp_path: Path) -> None:
    plain = Settings(data_dir=tmp_path)
    assert (plain.policy_place, plain.tokens_place) == (plain.policy_path, plain.tokens_path)
    url = "postgresql://ana@/chats?host=/run"
    shared = Settings(data_dir=tmp_path, account="work", database=SecretStr(url))
    assert shared.policy_place == StoredDocument(PostgresSchema(url, "wa_work"), "policy.toml")
    assert shared.tokens_place == StoredDocument(PostgresSchema(url, "whatsapp_mcp"), "http-tokens.json")


# ---- tokens


def tokens(where: PostgresSchema, folder: Path) -> TokenBook:
    return TokenBook(StoredDocument(where, "http-tokens.json"), folder / "http-token")


def test_a_token_that_one_node_made_opens_the_other_until_it_is_revoked(
    postgres_schema: PostgresSchema, tmp_path: Path
) -> None:
    here, there = tokens(postgres_schema, tmp_path), tokens(postgres_schema, tmp_path)
    secret = here.create("laptop", Grant("laptop", "read"))
    found = there.holder(secret)
    assert found is not None
    assert (found.name, found.scope) == ("laptop", "read")
    assert there.note_use("laptop")
    assert here.tokens()[0][1] is not None
    there.revoke("laptop")
    assert here.holder(secret) is None


def test_nodes_that_make_tokens_at_once_lose_none(postgres_schema: PostgresSchema, tmp_path: Path) -> None:
    names = [f"node-{number}" for number in range(12)]
    with ThreadPoolExecutor(4) as nodes:
        list(nodes.map(lambda name: tokens(postgres_schema, tmp_path).create(name, Grant(name, "full")), names))
    assert sorted(token.name for token, _ in tokens(postgres_schema, tmp_path).tokens()) == sorted(names)


def test_without_the_database_no_token_opens_anything(tmp_path: Path) -> None:
    book = tokens(NOWHERE, tmp_path)
    for asked in (book.tokens, book.look, partial(book.holder, "x" * 43)):
        with pytest.raises(OutOfReach, match="cannot be read") as refused:
            asked()
        assert "secret" not in str(refused.value)
    assert not book.holds("laptop", "0" * 64)


def test_without_the_database_the_token_of_the_machine_opens_it(tmp_path: Path) -> None:
    book = tokens(NOWHERE, tmp_path)
    secret = load_or_create_token(tmp_path / "http-token")
    found = book.holder(secret)
    assert found is not None and found.name == "default"
    book_file = tmp_path / "http-token"
    book_file.unlink()
    with pytest.raises(OutOfReach):
        book.holder(secret)


# ---- policy.toml


def test_a_policy_holds_on_every_node_at_once(postgres_schema: PostgresSchema) -> None:
    place = StoredDocument(postgres_schema, "policy.toml")
    here, there = PolicyFile(place, "careful"), PolicyFile(place, "careful")
    assert here.to_change() == PRESETS["careful"]
    assert not here.is_written
    write_document(place, b'preset = "open"\n')
    assert (here.to_change().preset, there.to_change().preset) == ("open", "open")
    write_document(place, b'preset = "locked"\n')
    assert (here.to_change().preset, there.rules.preset) == ("locked", "locked")
    with changing_document(place) as draft:
        draft.content = None
    assert here.to_change() == PRESETS["careful"]


@pytest.mark.parametrize(("written", "said"), [(b'preset = "lokced"', "preset"), (b" \n", "is empty"), (b"x", "TOML")])
def test_a_wrong_policy_fails_closed(postgres_schema: PostgresSchema, written: bytes, said: str) -> None:
    place = StoredDocument(postgres_schema, "policy.toml")
    write_document(place, b'preset = "open"\n')
    policy = PolicyFile(place, "careful")
    assert policy.to_change().preset == "open"
    write_document(place, written)
    with pytest.raises(SetupError, match=said):
        policy.to_change()
    assert policy.rules.preset == "open", "reading goes on under the last that was right"


def test_without_the_database_nothing_is_changed_and_nothing_read(tmp_path: Path) -> None:
    policy = PolicyFile(StoredDocument(NOWHERE, "policy.toml"), "open")
    with pytest.raises(StoreError, match="cannot be read") as refused:
        policy.to_change()
    assert "secret" not in str(refused.value)
    assert policy.rules == PRESETS["locked"]
