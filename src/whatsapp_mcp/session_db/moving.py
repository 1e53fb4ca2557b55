"""The linked device's keys copied from one engine to the other, to a place that neonize does not know yet.

The tables are made as whatsmeow makes them, whose definitions both engines take (whatsmeow store/sqlstore/upgrades;
neonize would make them too, but connects). Nothing is copied of a version that is not known here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol

from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.private_files import new_private_file
from whatsapp_mcp.row_digest import RowDigest, check_same, common_row
from whatsapp_mcp.session_db.asking import KeyDatabase, NeverLinked, asking
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

if TYPE_CHECKING:
    from psycopg import Connection

KNOWN: Final = (15, 8)
"""What ``whatsmeow_version`` says of the tables below."""
_AT_ONCE: Final = 2_000
_SECRETS: Final = "whatsmeow_message_secrets"
"""Which of its rows is the newest, only their order tells."""
_TABLES: Final = (
    "whatsmeow_version (version INTEGER, compat INTEGER)",
    "whatsmeow_device (jid TEXT PRIMARY KEY, lid TEXT, facebook_uuid uuid, registration_id BIGINT NOT NULL"
    " CHECK (registration_id >= 0 AND registration_id < 4294967296), noise_key bytea NOT NULL CHECK"
    " (length(noise_key) = 32), identity_key bytea NOT NULL CHECK (length(identity_key) = 32), signed_pre_key"
    " bytea NOT NULL CHECK (length(signed_pre_key) = 32), signed_pre_key_id INTEGER NOT NULL CHECK"
    " (signed_pre_key_id >= 0 AND signed_pre_key_id < 16777216), signed_pre_key_sig bytea NOT NULL CHECK"
    " (length(signed_pre_key_sig) = 64), adv_key bytea NOT NULL, adv_details bytea NOT NULL, adv_account_sig"
    " bytea NOT NULL CHECK (length(adv_account_sig) = 64), adv_account_sig_key bytea NOT NULL CHECK"
    " (length(adv_account_sig_key) = 32), adv_device_sig bytea NOT NULL CHECK (length(adv_device_sig) = 64),"
    " platform TEXT NOT NULL DEFAULT '', business_name TEXT NOT NULL DEFAULT '', push_name TEXT NOT NULL"
    " DEFAULT '', lid_migration_ts BIGINT NOT NULL DEFAULT 0, companion_meta_nonce TEXT NOT NULL DEFAULT '')",
    "whatsmeow_identity_keys (our_jid TEXT, their_id TEXT, identity bytea NOT NULL CHECK (length(identity) ="
    " 32), PRIMARY KEY (our_jid, their_id), FOREIGN KEY (our_jid) REFERENCES whatsmeow_device(jid) ON DELETE"
    " CASCADE ON UPDATE CASCADE)",
    "whatsmeow_pre_keys (jid TEXT, key_id INTEGER CHECK (key_id >= 0 AND key_id < 16777216), key bytea NOT"
    " NULL CHECK (length(key) = 32), uploaded BOOLEAN NOT NULL, PRIMARY KEY (jid, key_id), FOREIGN KEY (jid)"
    " REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_sessions (our_jid TEXT, their_id TEXT, session bytea, PRIMARY KEY (our_jid, their_id), FOREIGN"
    " KEY (our_jid) REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_sender_keys (our_jid TEXT, chat_id TEXT, sender_id TEXT, sender_key bytea NOT NULL, PRIMARY KEY"
    " (our_jid, chat_id, sender_id), FOREIGN KEY (our_jid) REFERENCES whatsmeow_device(jid) ON DELETE CASCADE"
    " ON UPDATE CASCADE)",
    "whatsmeow_app_state_sync_keys (jid TEXT, key_id bytea, key_data bytea NOT NULL, timestamp BIGINT NOT"
    " NULL, fingerprint bytea NOT NULL, PRIMARY KEY (jid, key_id), FOREIGN KEY (jid) REFERENCES"
    " whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_app_state_version (jid TEXT, name TEXT, version BIGINT NOT NULL, hash bytea NOT NULL CHECK"
    " (length(hash) = 128), PRIMARY KEY (jid, name), FOREIGN KEY (jid) REFERENCES whatsmeow_device(jid) ON"
    " DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_app_state_mutation_macs (jid TEXT, name TEXT, version BIGINT, index_mac bytea CHECK"
    " (length(index_mac) = 32), value_mac bytea NOT NULL CHECK (length(value_mac) = 32), PRIMARY KEY (jid,"
    " name, version, index_mac), FOREIGN KEY (jid, name) REFERENCES whatsmeow_app_state_version(jid, name) ON"
    " DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_contacts (our_jid TEXT, their_jid TEXT, first_name TEXT, full_name TEXT, push_name TEXT,"
    " business_name TEXT, redacted_phone TEXT, PRIMARY KEY (our_jid, their_jid), FOREIGN KEY (our_jid)"
    " REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_chat_settings (our_jid TEXT, chat_jid TEXT, muted_until BIGINT NOT NULL DEFAULT 0, pinned"
    " BOOLEAN NOT NULL DEFAULT false, archived BOOLEAN NOT NULL DEFAULT false, PRIMARY KEY (our_jid, chat_jid),"
    " FOREIGN KEY (our_jid) REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_message_secrets (our_jid TEXT, chat_jid TEXT, sender_jid TEXT, message_id TEXT, key bytea NOT"
    " NULL, PRIMARY KEY (our_jid, chat_jid, sender_jid, message_id), FOREIGN KEY (our_jid) REFERENCES"
    " whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_privacy_tokens (our_jid TEXT, their_jid TEXT, token bytea NOT NULL, timestamp BIGINT NOT NULL,"
    " sender_timestamp BIGINT, PRIMARY KEY (our_jid, their_jid))",
    "whatsmeow_nct_salt (our_jid TEXT PRIMARY KEY, salt bytea NOT NULL, FOREIGN KEY (our_jid) REFERENCES"
    " whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_lid_map (lid TEXT PRIMARY KEY, pn TEXT UNIQUE NOT NULL)",
    "whatsmeow_event_buffer (our_jid TEXT NOT NULL, ciphertext_hash bytea NOT NULL CHECK"
    " (length(ciphertext_hash) = 32), plaintext bytea, server_timestamp BIGINT NOT NULL, insert_timestamp"
    " BIGINT NOT NULL, PRIMARY KEY (our_jid, ciphertext_hash), FOREIGN KEY (our_jid) REFERENCES"
    " whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE)",
    "whatsmeow_retry_buffer (our_jid TEXT NOT NULL, chat_jid TEXT NOT NULL, message_id TEXT NOT NULL, format"
    " TEXT NOT NULL, plaintext bytea NOT NULL, timestamp BIGINT NOT NULL, PRIMARY KEY (our_jid, chat_jid,"
    " message_id), FOREIGN KEY (our_jid) REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE)",
)
_INDEXES: Final = (
    "INDEX idx_whatsmeow_privacy_tokens_our_jid_timestamp ON whatsmeow_privacy_tokens (our_jid, timestamp)",
    "INDEX whatsmeow_retry_buffer_timestamp_idx ON whatsmeow_retry_buffer (our_jid, timestamp)",
)
TABLE_NAMES: Final = tuple(table.partition(" ")[0] for table in _TABLES)
_FOUND_IN_FILE: Final = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'whatsmeow#_%' ESCAPE '#'"
_FOUND_IN_SCHEMA: Final = (
    "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'whatsmeow#_%%' ESCAPE '#'"
)


def copy_keys(source: Whereabouts, target: Whereabouts) -> int:
    """To where there are none: a file, whose folder there is, or a schema. What was copied is read again and compared.

    Returns:
        Rows; 0: no device was ever linked.

    Raises:
        SetupError: the tables are of a version that is not known.
        StoreError: one of them cannot be used, or the copy is not what it should be.
    """
    try:
        with asking(source) as origin, waits_for("copying the keys"):
            if not _found(origin, source):
                return 0
            with _new(target) as copy:
                copied = {name: _copy(name, _rows(origin, name, source), copy) for name in TABLE_NAMES}
    except NeverLinked:
        return 0
    with asking(target) as written:
        for name, digest in copied.items():
            found = RowDigest()
            found.add(_rows(written, name, target))
            check_same(f"the keys in {name}", digest, found)
    return sum(digest.rows for digest in copied.values())


def _found(origin: KeyDatabase, source: Whereabouts) -> bool:
    """Whether there are tables, of the version that is known."""
    there = {name for (name,) in origin.execute(_FOUND_IN_SCHEMA if _in_postgres(source) else _FOUND_IN_FILE)}
    versions = [tuple(row) for row in origin.execute("SELECT version, compat FROM whatsmeow_version")]
    if not versions:  # made, and never used
        return False
    if versions != [KNOWN] or there != set(TABLE_NAMES):
        raise SetupError(
            f"the keys in {source} are of a version that this program does not know ({versions[0][0]})",
            next_step="Start the account once with this version, so that they are brought up to date, and end it. "
            "Nothing was changed.",
        )
    return True


def _in_postgres(where: Whereabouts) -> bool:
    return isinstance(where, PostgresSchema)


def _rows(connection: KeyDatabase, name: str, where: Whereabouts) -> Iterator[tuple[Any, ...]]:
    order = ""
    if name == _SECRETS:
        order = " ORDER BY age(xmin) DESC, ctid" if _in_postgres(where) else " ORDER BY rowid"
    columns = ", ".join(_columns(name))
    return map(common_row, connection.execute(f"SELECT {columns} FROM {name}{order}"))


def _columns(name: str) -> tuple[str, ...]:
    """As SQLite reads its definition."""
    with closing(sqlite3.connect(":memory:")) as memory:
        (definition,) = (table for table in _TABLES if table.startswith(f"{name} "))
        memory.execute(f"CREATE TABLE {definition}")
        return tuple(str(row[1]) for row in memory.execute(f"PRAGMA table_info({name})"))


class _NewKeys(Protocol):
    def insert(self, name: str, rows: Iterable[tuple[Any, ...]]) -> None: ...


def _copy(name: str, rows: Iterator[tuple[Any, ...]], copy: _NewKeys) -> RowDigest:
    digest = RowDigest()
    while some := list(islice(rows, _AT_ONCE)):
        copy.insert(name, some)
        digest.add(some)
    return digest


@contextmanager
def _new(target: Whereabouts) -> Iterator[_NewKeys]:
    """In one transaction, which is on the disk when the block has ended well."""
    if isinstance(target, PostgresSchema):
        from whatsapp_mcp.postgres import connected, errors_of

        with errors_of(target), connected(target) as connection:
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute("SET LOCAL synchronous_commit = on")
            for statement in table_statements():
                connection.execute(statement.encode())
            yield _KeysOfSchema(connection)
        return
    try:
        new_private_file(target).close()
        with closing(sqlite3.connect(target)) as file, file:
            for statement in table_statements():
                file.execute(statement)
            yield _KeysOfFile(file)
    except (sqlite3.Error, OSError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "sqlite_errorname", None) or type(error).__name__
        raise StoreError(f"the keys cannot be written to {target}: {reason}") from error


def table_statements() -> Iterator[str]:
    for definition in _TABLES:
        yield f"CREATE TABLE {definition}"
    for definition in _INDEXES:
        yield f"CREATE {definition}"


class _KeysOfFile:
    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def insert(self, name: str, rows: Iterable[tuple[Any, ...]]) -> None:
        columns = _columns(name)
        marks = ", ".join("?" * len(columns))
        self._file.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", rows)


class _KeysOfSchema:
    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def insert(self, name: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """As texts, of which the server makes flags and the like."""
        columns = ", ".join(_columns(name))
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {name} ({columns}) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)
