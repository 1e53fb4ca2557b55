"""What goes wrong with PostgreSQL, without what its messages can quote: stored values, and the password of the URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from whatsapp_mcp.errors import StoreError, StoreUnusable
from whatsapp_mcp.whereabouts import PostgresSchema

_AGAIN: Final = "Call again in a few seconds. If it stays so, ask whoever runs the database."
_REASONS: Final = {
    "08": ("cannot be reached", _AGAIN),
    "28": ("refuses the user or the password", "Correct WHATSAPP_MCP_DATABASE, or let the user in (pg_hba.conf)."),
    "3D": ("is no database of this server", "Create it (createdb), or correct WHATSAPP_MCP_DATABASE."),
    "42501": ("refuses what it is asked for", "Grant the user CREATE and TEMPORARY on the database: docs/postgres.md."),
    "25006": ("is read-only", "Name the primary server in WHATSAPP_MCP_DATABASE, not a standby."),
    "53100": ("cannot grow: its disk is full", "Free some space on the disk of the database."),
    "53300": ("has too many connections", "Raise max_connections of the database, or run fewer servers."),
    "53": ("has run out of something", _AGAIN),
    "55P03": ("is locked by another program", "Find out who holds a lock on its tables (pg_locks)."),
    "57014": ("takes too long to answer", _AGAIN),
    "57P": ("is shutting down or starting", _AGAIN),
    "57": ("was interrupted", _AGAIN),
    "58": ("has trouble with its disk", "Look into the log of the database."),
    "XX": ("is damaged", "Look into the log of the database, and restore a back-up of it. Nothing was deleted."),
    "40": ("was busy with the same rows", _AGAIN),
}
_LASTING: Final = ("XX",)


@contextmanager
def database_errors(where: PostgresSchema) -> Iterator[None]:
    """Whatever psycopg raises inside becomes a StoreError that names the database and the way out."""
    try:
        yield
    except psycopg.Error as error:
        raise explained(where, error) from error


def explained(where: PostgresSchema, error: psycopg.Error) -> StoreError:
    state = error.sqlstate or ""
    known = next((state[:length] for length in (5, 3, 2) if state[:length] in _REASONS), None)
    if known is None and not state and isinstance(error, psycopg.OperationalError):
        known = "08"
    reason, next_step = _REASONS.get(
        known or "", (f"cannot be used (SQLSTATE {state or type(error).__name__})", StoreError.next_step)
    )
    kind = StoreUnusable if state.startswith(_LASTING) else StoreError
    return kind(f"the message store {where} {reason}", next_step=next_step, details={"database": str(where)})


def is_the_databases_fault(cause: BaseException | None) -> bool:
    """Whether a failed commit says something of the database, not of what was to be stored."""
    if not isinstance(cause, psycopg.Error):
        return False
    state = cause.sqlstate or ""
    return isinstance(cause, psycopg.OperationalError) or any(state.startswith(known) for known in _REASONS)
