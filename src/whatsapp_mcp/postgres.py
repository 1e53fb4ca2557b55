"""What every room needs to reach PostgreSQL: a connection to one schema, and errors that say nothing they should not.

psycopg brings libpq, neonize a driver of its own (lib/pq, in Go); both take an URL, and not the same one. Each form is
made here, from what libpq reads in the setting. psycopg is imported where a database is named, nowhere else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import quote, urlencode
from weakref import WeakKeyDictionary

from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.extras import POSTGRES
from whatsapp_mcp.whereabouts import Place, PostgresSchema, Whereabouts, shown_url

if TYPE_CHECKING:
    from anyio import CapacityLimiter
    from psycopg import Connection, Error

R = TypeVar("R")

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 10
ANSWER_SECONDS: Final = STATEMENT_SECONDS + 5
"""For what the database would have ended by itself, if it could have said so."""
LOOK_SECONDS: Final = 2
"""For what a call waits for before anything else: a short look, after which the call fails."""
IDLE_SECONDS: Final = 60
"""After which the database ends a connection over which now and then something is asked; the next asks over a new one.
Each is a process there."""
_AT_ONCE: Final = 16
"""Threads that wait for the database in the place of the event loop."""

_UNDERSTOOD: Final = frozenset(
    {
        *("host", "hostaddr", "port", "dbname", "user", "password", "passfile", "options", "application_name"),
        *("connect_timeout", "target_session_attrs", "load_balance_hosts", "sslmode", "sslnegotiation", "sslcert"),
        *("sslkey", "sslrootcert", "sslsni", "ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname"),
    }
)
"""What means the same to both (lib/pq 1.12: connector.go). lib/pq tells the server whatever else it is given, which
then refuses the connection."""
_SCHEMA: Final = "SELECT 1 FROM pg_namespace WHERE nspname = %s"
_WRITE_IT: Final = "Write it as postgresql://USER:PASSWORD@HOST/DATABASE; a socket's folder as ?host=/FOLDER."


def for_psycopg(where: PostgresSchema) -> dict[str, str]:
    """Parameters of ``psycopg.connect``.

    Raises:
        SetupError: the URL cannot be read.
        NotInstalled: psycopg is not there.
    """
    read = _read(where)
    read.setdefault("connect_timeout", str(CONNECT_SECONDS))
    read.setdefault("application_name", os.environ.get("PGAPPNAME", "whatsapp-mcp"))
    read["options"] = f"{read.get('options', '')} -c search_path={where.schema}".strip()
    return read


def for_neonize(where: PostgresSchema) -> str:
    """The database's name as neonize takes it: it begins with ``postgres``, and is made for lib/pq.

    Raises:
        SetupError: the URL cannot be read, or names no database, or no host, of which the drivers think differently.
        NotInstalled: psycopg is not there.
    """
    read = _read(where)
    if not read.get("dbname"):
        raise SetupError(f"{shown_url(where.url)} names no database", next_step=_WRITE_IT)
    if not (read.get("host") or read.get("hostaddr") or os.environ.get("PGHOST") or os.environ.get("PGHOSTADDR")):
        raise SetupError(f"{shown_url(where.url)} names no host", next_step=_WRITE_IT)
    given = {name: value for name, value in read.items() if name in _UNDERSTOOD}
    given.setdefault("connect_timeout", str(CONNECT_SECONDS))
    given.setdefault("application_name", os.environ.get("PGAPPNAME", "whatsapp-mcp neonize"))
    if given.get("host", os.environ.get("PGHOST", "")).startswith(("/", "@")):
        given["sslmode"] = "disable"  # as libpq has it for sockets
    else:
        given.setdefault("sslmode", os.environ.get("PGSSLMODE", "prefer"))
    given["search_path"] = where.schema
    # neonize tries the name as an SQLite file first, and ignores that it cannot be made (main.go: ``getDB``): a path
    # without a folder in it would be made. Whatever else there is stands behind the question mark, where it needs to
    # be quoted in one way only.
    return f"postgres:///{quote(given.pop('dbname'), safe='')}?{urlencode(given, quote_via=quote, safe='')}"


def _read(where: PostgresSchema) -> dict[str, str]:
    POSTGRES.require("a PostgreSQL database")
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {name: str(value) for name, value in conninfo_to_dict(where.url).items()}
    except (psycopg.Error, UnicodeError):  # which quotes what it cannot read, the password maybe
        raise SetupError("WHATSAPP_MCP_DATABASE is no address of a PostgreSQL database", next_step=_WRITE_IT) from None


async def beside_loop(where: Place | Whereabouts, work: Callable[[], R]) -> R:
    """Have something looked up or noted: at once where it is a file; in a thread where it is in PostgreSQL, since
    everything else would wait for the database too."""
    if isinstance(where, Path):
        return work()
    import anyio.to_thread

    return await anyio.to_thread.run_sync(work, limiter=_threads())


def _threads() -> CapacityLimiter:
    """Of this event loop, and of nothing else: others' threads are never taken up by a database that hangs."""
    import anyio

    loop = asyncio.get_running_loop()
    if loop not in _LIMITERS:
        _LIMITERS[loop] = anyio.CapacityLimiter(_AT_ONCE)
    return _LIMITERS[loop]


_LIMITERS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, CapacityLimiter]] = WeakKeyDictionary()


def connected(
    where: PostgresSchema,
    *,
    read_only: bool = False,
    answer_within: float = ANSWER_SECONDS,
    ends_idle: bool = False,
) -> Connection[tuple[Any, ...]]:
    """A connection whose statements find the tables of the schema, and end by themselves when they take too long.

    Args:
        answer_within: seconds after which nothing is waited for any more; the connection is closed then.
        ends_idle: whether the database ends it when it was not used for ``IDLE_SECONDS``.

    Raises:
        StoreError: PostgreSQL cannot be reached, or does not let us in.
        SetupError, NotInstalled: as ``for_psycopg``, or the database is one in which messages cannot lie.
    """
    parameters = for_psycopg(where)
    parameters["options"] += f" -c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={STATEMENT_SECONDS}s"
    if ends_idle:
        parameters["options"] += f" -c idle_session_timeout={IDLE_SECONDS}s"
    if answer_within < CONNECT_SECONDS:
        parameters["connect_timeout"] = str(max(1, int(answer_within)))
    from psycopg import IsolationLevel

    from whatsapp_mcp.bounded_connection import BoundedConnection

    with errors_of(where):
        connection = BoundedConnection.connect(**cast("dict[str, Any]", parameters), prepare_threshold=None)
    connection.answer_within = answer_within
    if read_only:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
    return connection


Also = Callable[["Connection[tuple[Any, ...]]"], None]
"""Something in the same transaction, at its end."""


def rename_schema(where: PostgresSchema, new: PostgresSchema, also: Also = lambda _: None) -> None:
    """With everything in it; nothing is done where there is none. Raises StoreError: ``new`` is taken, say."""
    with errors_of(where), connected(where) as connection:
        if connection.execute(_SCHEMA, (where.schema,)).fetchone() is not None:
            connection.execute(f'ALTER SCHEMA "{where.schema}" RENAME TO "{new.schema}"')
        also(connection)


def schema_exists(where: PostgresSchema) -> bool:
    """Raises StoreError."""
    with errors_of(where), connected(where) as connection:
        return connection.execute(_SCHEMA, (where.schema,)).fetchone() is not None


def tables_with_rows(where: PostgresSchema) -> list[str]:
    """Names of tables that hold something. Raises StoreError."""
    with errors_of(where), connected(where) as connection:
        found = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename", (where.schema,)
        ).fetchall()
        named = [str(name) for (name,) in found]
        looks = (connection.execute(f'SELECT 1 FROM "{where.schema}"."{name}" LIMIT 1'.encode()) for name in named)
        return [name for name, look in zip(named, looks, strict=True) if look.fetchone() is not None]


def put_schema(draft: PostgresSchema, where: PostgresSchema) -> None:
    """Give it this name, in the place of what has it, in one step. Raises StoreError."""
    with errors_of(where), connected(where) as connection:
        connection.execute("SET LOCAL synchronous_commit = on")
        connection.execute(f'DROP SCHEMA IF EXISTS "{where.schema}" CASCADE')
        connection.execute(f'ALTER SCHEMA "{draft.schema}" RENAME TO "{where.schema}"')


def drop_schema(where: PostgresSchema, also: Also = lambda _: None) -> None:
    """With everything in it. Raises StoreError."""
    with errors_of(where), connected(where) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{where.schema}" CASCADE')
        also(connection)


def check_reachable(where: PostgresSchema) -> None:
    """Raises StoreError: it cannot be written to now."""
    with errors_of(where), connected(where) as connection:
        found = connection.execute("SELECT current_setting('transaction_read_only')").fetchone()
    if found == ("on",):  # a standby, after the other has taken over
        step = "Let WHATSAPP_MCP_DATABASE lead to the primary server; it is tried again."
        raise StoreError(f"the database {where} can only be read", next_step=step)


def make_schema(where: PostgresSchema) -> None:
    """Where there is none yet. It is its owner's alone, as PostgreSQL makes it.

    Raises:
        StoreError: PostgreSQL cannot be reached, or does not allow it.
    """
    with errors_of(where), connected(where) as connection:
        from psycopg.errors import DuplicateSchema, UniqueViolation

        connection.autocommit = True
        found = connection.execute(_SCHEMA, (where.schema,)).fetchone()
        if found is None:
            with suppress(DuplicateSchema, UniqueViolation):  # another node made it in the same moment
                connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{where.schema}"')


@contextmanager
def errors_of(where: PostgresSchema) -> Iterator[None]:
    """What fails inside is a StoreError. Raises NotInstalled."""
    POSTGRES.require("a PostgreSQL database")
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise unreachable(where, error) from None


def unreachable(where: PostgresSchema, error: Error) -> StoreError:
    """What an error of psycopg means; never its own text, which can quote what is stored."""
    state = error.sqlstate or next((state for sign, state in _AT_CONNECTING if sign in str(error)), "")
    said, step = next((said, step) for beginning, said, step in _MEANINGS if state.startswith(beginning))
    return StoreError(f"the database {where} {said} ({state or 'no connection'})", next_step=step)


_AT_CONNECTING: Final = (
    ("authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("does not exist", "3D000"),
    ("too many", "53300"),
    ("starting up", "57P03"),
    ("shutting down", "57P03"),
)
"""By the words of libpq: what fails before there is a connection has no SQLSTATE, though the server named one."""


_MEANINGS: Final = (
    ("28", "does not let this user in", "Correct user and password in WHATSAPP_MCP_DATABASE."),
    ("3D", "does not exist", "Make it with `createdb`, or correct its name in WHATSAPP_MCP_DATABASE."),
    ("42501", "does not allow what is needed", "Let its user make schemas: GRANT CREATE ON DATABASE … TO …."),
    ("53", "has no room", "Look at its connections, memory and disk; it is tried again."),
    ("55P03", "is used by somebody else just now", "Try again when no other session of the account runs."),
    ("57014", "did not answer in time", "Look what PostgreSQL is busy with; it is tried again."),
    ("57", "is stopping or starting", "Wait until PostgreSQL runs; it is tried again."),
    ("", "cannot be reached", "Check that PostgreSQL runs and that WHATSAPP_MCP_DATABASE leads to it."),
)
"""By the beginning of SQLSTATE; the last one fits everything."""
