"""Reading neonize's session database, and never writing to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.side_login.linked import Linked
from whatsapp_mcp.errors import NotLoggedIn, StoreError
from whatsapp_mcp.session_db.device import SessionDatabase
from whatsapp_mcp.simulator.people.chat_settings import ChatSettings
from whatsapp_mcp.simulator.people.sync_keys import SimSyncKey
from whatsapp_mcp.wire.app_state import EMPTY_HASH


def test_the_device_is_read_as_it_was_linked(side: Linked) -> None:
    device = side.stored
    assert (device.jid, device.lid, device.stored_as) == (side.device.pn, side.device.lid, str(side.device.pn))
    assert device.noise.public == side.device.noise_public


def test_the_old_form_of_the_address_names_the_rows(side: Linked) -> None:
    number = side.device.account.number
    old = f"{number}.0:7@s.whatsapp.net"
    with closing(sqlite3.connect(side.database_path)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("UPDATE whatsmeow_device SET jid = ?", (old,))
    device = side.stored
    assert (device.jid, device.stored_as) == (side.device.pn, old)
    assert side.database.keys(device).newest is not None


def test_no_file_no_device_two_devices(side: Linked, tmp_path: Path) -> None:
    with pytest.raises(NotLoggedIn):
        SessionDatabase(tmp_path / "nothing.db").device()
    side.execute("INSERT INTO whatsmeow_device VALUES ('1:2@s.whatsapp.net', NULL, ?)", bytes(32))
    with pytest.raises(StoreError, match="several"):
        side.database.device()
    side.execute("DELETE FROM whatsmeow_device")
    with pytest.raises(NotLoggedIn):
        side.database.device()


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "session.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"session\.db"):
        SessionDatabase(path).device()
    path.write_bytes(b"")
    with pytest.raises(NotLoggedIn):
        SessionDatabase(path).device()


def test_the_newest_key_is_the_one_to_encrypt_with(side: Linked) -> None:
    newer = SimSyncKey(b"\0\0\0\0\0\x63", bytes(32), side.phone_key.created_ms + 1)
    older = SimSyncKey(b"\0\0\0\0\0\x62", bytes(32), 1)
    side.store_key(newer)
    side.store_key(older)
    keys = side.database.keys(side.stored)
    assert keys.newest is not None and keys.newest.id == newer.id
    assert set(keys.by_id) == {side.phone_key.id, newer.id, older.id}


def test_a_collection_is_read_as_whatsmeow_left_it(side: Linked) -> None:
    chat = side.device.account.pn
    settings = ChatSettings(side.simulator.phone)
    for message_id in ("A", "B", "A", "A"):
        settings.star(chat, message_id)
    expected = side.sync("regular_high")
    read = side.database.collection(side.stored, "regular_high")
    assert (read.version, read.hash, read.value_macs) == (4, expected.hash, expected.value_macs)
    assert len(read.value_macs) == 2

    nothing = side.database.collection(side.stored, "regular")
    assert (nothing.version, nothing.hash, nothing.value_macs) == (0, EMPTY_HASH, {})


def test_reading_works_while_neonize_writes(side: Linked) -> None:
    with closing(sqlite3.connect(side.database_path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO whatsmeow_app_state_sync_keys VALUES ('x', x'01', x'02', 3, x'')")
        assert side.stored.jid == side.device.pn
        writer.execute("ROLLBACK")
