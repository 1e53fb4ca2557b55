"""The same questions, where neonize keeps its keys in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.unit.session_db.session_database import OWN, OWN_LID
from tests.unit.side_login.linked import SCHEMA
from whatsapp_mcp.errors import NotLoggedIn, StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import Decrypted, HandedOver
from whatsapp_mcp.postgres import connected, make_schema
from whatsapp_mcp.session_db.database import handed_over, last_decrypted, linked_device, make_place, remove_session
from whatsapp_mcp.session_db.device import SessionDatabase
from whatsapp_mcp.whereabouts import PostgresSchema
from whatsapp_mcp.wire.protos import e2e

ANA = "4915100000001@s.whatsapp.net"
NOISE = bytes(range(32))
SECRETS = (
    "CREATE TABLE whatsmeow_message_secrets (our_jid TEXT, chat_jid TEXT, sender_jid TEXT, message_id TEXT,"
    " key bytea NOT NULL, PRIMARY KEY (our_jid, chat_jid, sender_jid, message_id))"
)


class Keys:
    """As whatsmeow makes them (store/sqlstore/upgrades/00-latest-schema.sql)."""

    def __init__(self, where: PostgresSchema) -> None:
        self.where = where
        make_schema(where)
        self._connection = connected(where)
        self._connection.autocommit = True

    def execute(self, statement: str, *values: Any) -> Any:
        return self._connection.execute(statement, values)

    def link(self, jid: str = OWN) -> None:
        self.execute("INSERT INTO whatsmeow_device VALUES (%s, %s, %s)", jid, OWN_LID, NOISE)

    def remember(self, message_id: str, sender: str = ANA, secret: bytes = b"s") -> None:
        row = (OWN, ANA, sender, message_id, secret)
        self.execute("INSERT INTO whatsmeow_message_secrets VALUES (%s, %s, %s, %s, %s)", *row)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def keys(postgres_schema: PostgresSchema) -> Iterator[Keys]:
    made = Keys(postgres_schema)
    for statement in (*SCHEMA.split(";\n"), SECRETS):
        if statement.strip():
            made.execute(statement)
    yield made
    made.close()


def test_nothing_was_ever_linked_where_there_is_not_even_a_schema(postgres_schema: PostgresSchema) -> None:
    assert linked_device(postgres_schema) is None
    assert last_decrypted(postgres_schema) == ()
    with pytest.raises(NotLoggedIn):
        SessionDatabase(postgres_schema).device()
    remove_session(postgres_schema)
    with psycopg.connect(postgres_schema.url) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_namespace WHERE nspname = %s", (postgres_schema.schema,)
        ).fetchall()
    assert found == [], "looking creates nothing"


def test_the_device_and_what_it_logs_in_with(keys: Keys) -> None:
    assert linked_device(keys.where) is None
    keys.link()
    assert linked_device(keys.where) == OWN
    device = SessionDatabase(keys.where).device()
    assert (str(device.jid), str(device.lid), device.stored_as) == (OWN, OWN_LID, OWN)
    assert device.noise.private == NOISE


def test_two_devices_in_one_schema_are_refused(keys: Keys) -> None:
    keys.link()
    keys.link("1:2@s.whatsapp.net")
    with pytest.raises(StoreError, match="several linked devices"):
        SessionDatabase(keys.where).device()


def test_keys_and_collections_for_a_login_of_our_own(keys: Keys) -> None:
    keys.link()
    database = SessionDatabase(keys.where)
    device = database.device()
    assert database.keys(device).newest is None
    assert database.collection(device, "regular").version == 0
    for number, when in ((1, 10), (2, 30), (3, 20)):
        row = (OWN, bytes([number]), bytes([number] * 32), when, b"f")
        keys.execute("INSERT INTO whatsmeow_app_state_sync_keys VALUES (%s, %s, %s, %s, %s)", *row)
    newest = database.keys(device).newest
    assert newest is not None
    assert newest.id == bytes([2])
    keys.execute("INSERT INTO whatsmeow_app_state_version VALUES (%s, 'regular', 7, %s)", OWN, bytes(128))
    for version, value in ((5, 5), (7, 7), (6, 6)):
        macs = (OWN, version, bytes(32), bytes([value] * 32))
        keys.execute("INSERT INTO whatsmeow_app_state_mutation_macs VALUES (%s, 'regular', %s, %s, %s)", *macs)
    found = database.collection(device, "regular")
    assert (found.version, found.hash) == (7, bytes(128))
    assert found.value_macs == {bytes(32): bytes([7] * 32)}, "the highest version counts"


def test_the_messages_that_were_decrypted_last_come_first(keys: Keys) -> None:
    keys.link()
    for number in range(5):
        keys.remember(f"ID-{number}")
    keys.remember("3EB0OURS", OWN_LID)
    keys.execute("UPDATE whatsmeow_message_secrets SET key = %s WHERE message_id = 'ID-1'", b"again")
    assert [one.id for one in last_decrypted(keys.where)] == ["ID-1", "ID-4", "ID-3", "ID-2", "ID-0"]
    assert last_decrypted(keys.where, 2)[1] == Decrypted("ID-4", ANA, ANA)


def test_the_secrets_of_one_history_are_in_order_too(keys: Keys) -> None:
    keys.link()
    rows = ", ".join(f"('{OWN}', '{ANA}', '{ANA}', 'ID-{number}', 's')" for number in range(4))
    keys.execute(f"INSERT INTO whatsmeow_message_secrets VALUES {rows}")
    assert [one.id for one in last_decrypted(keys.where)] == ["ID-3", "ID-2", "ID-1", "ID-0"]


def test_under_which_id_a_message_of_ours_left(keys: Keys) -> None:
    secret = bytes(range(32))
    message = e2e.Message(messageContextInfo=e2e.MessageContextInfo(messageSecret=secret)).SerializeToString()
    assert handed_over(keys.where, message) is None
    keys.remember("3EB0OURS", OWN, secret)
    assert handed_over(keys.where, message) == HandedOver("3EB0OURS", Jid.parse(ANA))


def test_the_place_is_made_before_and_after_and_changes_nothing(keys: Keys) -> None:
    make_place(keys.where)
    assert keys.execute("SELECT version, compat FROM whatsmeow_version").fetchall() == []
    keys.execute("INSERT INTO whatsmeow_version VALUES (15, 8)")
    keys.link()
    make_place(keys.where)
    assert keys.execute("SELECT version, compat FROM whatsmeow_version").fetchall() == [(15, 8)]
    assert linked_device(keys.where) == OWN


def test_a_logout_takes_the_keys_of_this_account_and_nothing_else(keys: Keys, postgres_url: str) -> None:
    keys.link()
    keys.execute("CREATE TABLE messages (x int)")
    keys.execute("CREATE TABLE whatsmeowish (x int)")
    other = PostgresSchema(postgres_url, f"{keys.where.schema}_other")
    make_schema(other)
    try:
        with connected(other) as beside:
            beside.execute("CREATE TABLE whatsmeow_device (jid TEXT, lid TEXT, noise_key bytea)")
            beside.execute("INSERT INTO whatsmeow_device VALUES (%s)", (OWN,))
        remove_session(keys.where)
        left = keys.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        assert sorted(left) == [("messages",), ("whatsmeowish",)]
        assert linked_device(keys.where) is None
        assert linked_device(other) == OWN
    finally:
        with psycopg.connect(postgres_url) as connection:
            connection.execute(f'DROP SCHEMA "{other.schema}" CASCADE')


def test_a_database_that_is_away_is_an_error_and_no_account_that_is_not_linked() -> None:
    away = PostgresSchema("postgresql://ana:secret@/chats?host=/nowhere", "wa_work")
    for question in (linked_device, remove_session, lambda where: SessionDatabase(where).device()):
        with pytest.raises(StoreError, match="cannot be reached") as refused:
            question(away)
        assert "secret" not in str(refused.value)
    assert last_decrypted(away) == ()
