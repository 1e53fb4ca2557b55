"""What goes wrong with a store in PostgreSQL, without what its messages can quote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from whatsapp_mcp.errors import StoreError, StoreUnusable
from whatsapp_mcp.postgres import unreachable
from whatsapp_mcp.whereabouts import PostgresSchema

STATE: Final = "sqlstate"
"""In the details of an error: what PostgreSQL calls it, or ``NO_CONNECTION``."""
NO_CONNECTION: Final = "no connection"
_OF_WHAT_WAS_STORED: Final = ("22", "23", "42", "54")
"""Beginnings of what says something of values and statements, not of the database."""


@contextmanager
def database_errors(where: PostgresSchema) -> Iterator[None]:
    """Whatever psycopg raises inside becomes a StoreError that names the database and the way out."""
    try:
        yield
    except psycopg.Error as error:
        raise explained(where, error) from None
    except OSError as error:  # of what is done between the statements
        raise StoreError(
            f"the message store in {where} cannot be used: {error.strerror or type(error).__name__}",
            details={"database": str(where), STATE: NO_CONNECTION},
        ) from error


def explained(where: PostgresSchema, error: psycopg.Error) -> StoreError:
    state = error.sqlstate or ""
    if state.startswith("XX"):
        return StoreUnusable(
            f"the database {where} is damaged ({state})",
            next_step="Look into the log of PostgreSQL, and restore a back-up of it. Nothing was deleted.",
            details={"database": str(where), STATE: state},
        )
    told = unreachable(where, error)
    told.details = {"database": str(where), STATE: state or NO_CONNECTION}
    if state.startswith(_OF_WHAT_WAS_STORED) and not state.startswith("42501"):
        told = StoreError(f"the database {where} cannot take what is to be stored ({state})", details=told.details)
    return told


def is_the_databases_fault(error: StoreError) -> bool:
    """Whether a failed commit says something of the database, not of what was to be stored."""
    state = str((error.details or {}).get(STATE, ""))
    return bool(state) and (state.startswith("42501") or not state.startswith(_OF_WHAT_WAS_STORED))
