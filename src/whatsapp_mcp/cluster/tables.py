"""What nodes share in the database: who they are, who holds which account, who shall start one."""

from __future__ import annotations

import secrets
from typing import Final

from whatsapp_mcp.cluster.database import Connection

CHANNEL: Final = "whatsapp_mcp"
"""Of NOTIFY, with the account: its holder has given it back, or a node shall start it. Empty: about a node."""

_MAKING: Final = 0x7768_6174_7361_7070
"""The lock under which the tables are made, and nodes chosen."""

_TABLES: Final = """
CREATE SCHEMA IF NOT EXISTS whatsapp_mcp;
CREATE TABLE IF NOT EXISTS whatsapp_mcp.nodes (
    name text PRIMARY KEY,
    address text NOT NULL,
    version text NOT NULL,
    instance text NOT NULL,
    max_accounts integer,
    draining boolean NOT NULL DEFAULT false,
    heartbeat_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS whatsapp_mcp.holders (
    account text PRIMARY KEY,
    node text NOT NULL,
    host text NOT NULL,
    port integer NOT NULL,
    fingerprint text NOT NULL,
    place text NOT NULL,
    pid integer NOT NULL,
    epoch bigint NOT NULL,
    held boolean NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    UNIQUE (account, epoch)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS whatsapp_mcp.wanted (
    account text PRIMARY KEY,
    node text NOT NULL,
    pairing boolean NOT NULL,
    moves boolean NOT NULL,
    ready boolean NOT NULL DEFAULT false,
    asked_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS whatsapp_mcp.secret (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    value text NOT NULL
);
"""
"""``UNIQUE (account, epoch)`` makes the change of an epoch wait for transactions that hold the row FOR KEY SHARE, and a
renewal not: so an old holder's last transaction and its successor's first one cannot overlap (`Lease.guard`)."""


def prepare(connection: Connection) -> str:
    """Make what is missing, once, however many nodes start at the same time; the secret of the cluster."""
    found = connection.execute("SELECT to_regclass('whatsapp_mcp.secret')").fetchone()
    if found is None or found[0] is None:
        with connection.transaction():
            one_at_a_time(connection)
            connection.execute(_TABLES)
            connection.execute(
                "INSERT INTO whatsapp_mcp.secret (value) VALUES (%s) ON CONFLICT DO NOTHING", (secrets.token_hex(32),)
            )
    row = connection.execute("SELECT value FROM whatsapp_mcp.secret").fetchone()
    assert row is not None, "it is made together with its table"
    return str(row[0])


def forget_account(connection: Connection, account: str) -> None:
    """Nobody has it, and nobody is to start it: it is not there any more."""
    for table in ("holders", "wanted"):
        connection.execute(f"DELETE FROM whatsapp_mcp.{table} WHERE account = %s".encode(), (account,))


def one_at_a_time(connection: Connection) -> None:
    """Until the end of the transaction, nobody else does what begins with this."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
