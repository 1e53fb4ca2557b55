"""One URL, two drivers; and errors that say neither a password nor what PostgreSQL quoted."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest

import whatsapp_mcp.bounded_connection as bounded_connection
import whatsapp_mcp.cluster.database as cluster
from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.postgres import check_reachable, connected, errors_of, for_neonize, for_psycopg, make_schema
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.whereabouts import PostgresSchema

PASSWORD = "h#u/n@t:e r'\\%&=?+ü"
WRITTEN = "h%23u%2Fn%40t%3Ae%20r%27%5C%25%26%3D%3F%2B%C3%BC"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSSLMODE"):
        monkeypatch.delenv(name, raising=False)


def as_go_reads(name: str) -> dict[str, str]:
    """What lib/pq makes of an URL (``convertURL``): the path is the database, everything else a parameter."""
    parts = urlsplit(name)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("postgres", "", "")
    given = {key: value for key, (value,) in parse_qs(parts.query, strict_parsing=True).items()}
    return given | {"dbname": unquote(parts.path[1:])}


@pytest.mark.parametrize(
    ("url", "known"),
    [
        (f"postgresql://ana:{WRITTEN}@db.example:5433/chats", {"host": "db.example", "port": "5433", "user": "ana"}),
        (f"postgres://ana:{WRITTEN}@[2001:db8::1]/chats", {"host": "2001:db8::1", "user": "ana"}),
        (f"postgresql://a%40b:{WRITTEN}@%2Frun%2Fpg/chats", {"host": "/run/pg", "user": "a@b"}),
        (f"postgresql:///chats?host=/run/pg&user=ana&password={WRITTEN}", {"host": "/run/pg", "user": "ana"}),
        (f"postgresql://ana:{WRITTEN}@one:1,two:2/chats", {"host": "one,two", "port": "1,2"}),
    ],
)
def test_both_drivers_are_told_the_same(url: str, known: dict[str, str]) -> None:
    where = PostgresSchema(url, "wa_a$b")
    for given in (for_psycopg(where), as_go_reads(for_neonize(where))):
        assert given["password"] == PASSWORD
        assert given["dbname"] == "chats"
        assert {name: given[name] for name in known} == known


def test_each_finds_the_tables_of_the_schema_in_its_own_way() -> None:
    where = PostgresSchema("postgresql://h/d?options=-c%20work_mem%3D8MB", "wa_work")
    assert for_psycopg(where)["options"] == "-c work_mem=8MB -c search_path=wa_work"
    given = as_go_reads(for_neonize(where))
    assert (given["search_path"], given["options"]) == ("wa_work", "-c work_mem=8MB")


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://h/d", "prefer"),  # lib/pq alone would insist on TLS
        ("postgresql://h/d?sslmode=verify-full", "verify-full"),
        ("postgresql:///d?host=/run/pg&sslmode=require", "disable"),  # libpq looks away there; lib/pq would not
    ],
)
def test_tls_is_what_libpq_would_do(url: str, mode: str) -> None:
    assert as_go_reads(for_neonize(PostgresSchema(url, "wa_a")))["sslmode"] == mode


def test_the_other_driver_is_not_told_what_it_would_pass_on_to_the_server() -> None:
    where = PostgresSchema("postgresql://h/d?channel_binding=require&keepalives_idle=5&gssencmode=disable", "wa_a")
    assert not {"channel_binding", "keepalives_idle", "gssencmode"} & as_go_reads(for_neonize(where)).keys()


@pytest.mark.parametrize("url", ["postgresql://u:secret%zz@h/d", "postgresql://u:secret@h/d?nonsense=secret"])
def test_what_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(SetupError, match="WHATSAPP_MCP_DATABASE") as refused:
        for_neonize(PostgresSchema(url, "wa_a"))
    assert "secret" not in f"{refused.value.message} {refused.value.next_step}"
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(("url", "lacks"), [("postgresql:///d", "host"), ("postgresql://u:secret@h", "database")])
def test_what_the_drivers_guess_differently_has_to_be_named(url: str, lacks: str) -> None:
    with pytest.raises(SetupError, match=f"names no {lacks}") as refused:
        for_neonize(PostgresSchema(url, "wa_a"))
    assert "secret" not in refused.value.message


def test_a_schema_is_made_once_and_found_by_name(postgres_schema: PostgresSchema) -> None:
    make_schema(postgres_schema)
    make_schema(postgres_schema)
    with connected(postgres_schema) as connection:
        connection.execute("CREATE TABLE here (x int)")
        assert connection.execute("SELECT current_schema()").fetchone() == (postgres_schema.schema,)


def test_what_reads_cannot_write(postgres_schema: PostgresSchema) -> None:
    make_schema(postgres_schema)
    with pytest.raises(StoreError, match="25006"), errors_of(postgres_schema):
        connected(postgres_schema, read_only=True).execute("CREATE TABLE here (x int)")


def test_a_database_that_can_only_be_read_is_not_reachable(postgres_schema: PostgresSchema) -> None:
    check_reachable(postgres_schema)
    reading = f"{postgres_schema.url}&options=-c%20default_transaction_read_only%3Don"
    with pytest.raises(StoreError, match="can only be read"):
        check_reachable(PostgresSchema(reading, postgres_schema.schema))


@pytest.fixture
def as_bytes(postgres_schema: PostgresSchema) -> Iterator[PostgresSchema]:
    """In a database that takes text for bytes, as `initdb` makes them where no language is set."""
    name = "bytes"
    with psycopg.connect(postgres_schema.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'".encode())
        url = urlsplit(postgres_schema.url)
        yield PostgresSchema(url._replace(path=f"/{name}").geturl(), postgres_schema.schema)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_a_database_that_takes_text_for_bytes_is_refused(as_bytes: PostgresSchema) -> None:
    for connect in (
        lambda: connected(as_bytes),
        lambda: cluster.connect(as_bytes.url),
        lambda: PostgresConnection(as_bytes),
    ):
        with pytest.raises(SetupError, match="text as SQL_ASCII") as refused:
            connect()
        assert "-E UTF8" in refused.value.next_step


def test_a_server_that_is_too_old_is_refused(postgres_schema: PostgresSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_connection, "OLDEST", 99)
    with pytest.raises(SetupError, match="99 or newer is needed"):
        connected(postgres_schema)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ana:secret@127.0.0.1:1/chats", "cannot be reached"),
        ("postgresql://ana:secret@/chats?host=/nowhere", "cannot be reached"),
    ],
)
def test_a_server_that_is_not_there(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as refused:
        connected(PostgresSchema(url, "wa_work"))
    assert "schema wa_work" in refused.value.message
    assert "secret" not in f"{refused.value.message} {refused.value.next_step}"


def test_what_postgresql_quotes_is_not_passed_on(postgres_schema: PostgresSchema) -> None:
    with pytest.raises(StoreError) as refused, errors_of(postgres_schema), connected(postgres_schema) as connection:
        connection.execute("SELECT CAST(%s AS int)", ("what Ana wrote",))
    assert "Ana" not in refused.value.message
    assert "22P02" in refused.value.message


def test_a_database_that_does_not_exist(postgres_url: str) -> None:
    where = PostgresSchema(postgres_url.replace("/postgres?", "/nothing?"), "wa_a")
    assert where.url != postgres_url
    with pytest.raises(StoreError, match="does not exist"):
        connected(where)


def test_a_user_that_may_not_make_schemas(postgres_schema: PostgresSchema) -> None:
    user = f"{postgres_schema.schema}_nobody"
    with psycopg.connect(postgres_schema.url, autocommit=True) as connection:
        connection.execute(f"CREATE USER {user}")
        try:
            other = PostgresSchema(postgres_schema.url.replace("postgres:@", f"{user}:@"), postgres_schema.schema)
            with pytest.raises(StoreError, match="42501") as refused:
                make_schema(other)
            assert "GRANT CREATE" in refused.value.next_step
            make_schema(postgres_schema)
            connection.execute(f"GRANT USAGE ON SCHEMA {postgres_schema.schema} TO {user}")
            make_schema(other)  # somebody else made it: that is enough
        finally:
            connection.execute(f"DROP OWNED BY {user}")
            connection.execute(f"DROP USER {user}")
