"""An account that moves between its files and PostgreSQL: all of it, once, and whatever ends it on the way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from whatsapp_mcp.cli import cli
from whatsapp_mcp.cli.exits import Exit
from whatsapp_mcp.cluster.lease import Claim, take
from whatsapp_mcp.documents import read_document, write_document
from whatsapp_mcp.errors import DataDirectoryInUse, NotFound, SetupError, StoreError
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.offline.accounts import add_account
from whatsapp_mcp.offline.diagnosis.checks import Verdict
from whatsapp_mcp.offline.diagnosis.report import take_status
from whatsapp_mcp.offline.diagnosis.text import status_text
from whatsapp_mcp.offline.diagnosis.unfinished_move import check_move
from whatsapp_mcp.offline.moving import Moved, move_account
from whatsapp_mcp.pipe.account_lock import AccountLock
from whatsapp_mcp.policy.book_file import BookFile
from whatsapp_mcp.policy.book_schema import BookSchema
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.policy.moving import lines_in
from whatsapp_mcp.policy.tokens import TokenBook
from whatsapp_mcp.row_digest import common_row
from whatsapp_mcp.session_db.database import linked_device
from whatsapp_mcp.session_db.moving import TABLE_NAMES as KEY_TABLES
from whatsapp_mcp.session_db.moving import table_statements
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.choice import database_at
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.store.engine.postgres.tables import TABLE_NAMES
from whatsapp_mcp.store.engine.sqlite.files import journal_path
from whatsapp_mcp.store.journal import Journal, JournalEntry
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.supervisor.decision import Wanted, decide
from whatsapp_mcp.whereabouts import PostgresSchema, StoredDocument, Whereabouts

ACCOUNT = "move-it"
JID = "4915100000009:7@s.whatsapp.net"
STEPS = ("copying", "copied", "marked", "keys removed", "in place", "cleared")
ROWS = {"looks": 4_500}
"""More than one batch."""


@pytest.fixture
def there(tmp_path: Path, postgres_url: str) -> Iterator[Settings]:
    """The account in the database."""
    yield Settings(data_dir=tmp_path, account=ACCOUNT, database=SecretStr(postgres_url))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for schema in ("wa_move$it", "mv_move$it"):
            connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())
        if connection.execute("SELECT to_regclass('whatsapp_mcp.documents')").fetchone() != (None,):
            connection.execute("DELETE FROM whatsapp_mcp.documents")


@pytest.fixture
def here(there: Settings) -> Settings:
    """The account in files, with something of everything."""
    files = there.model_copy(update={"database": None})
    add_account(files.data_dir, ACCOUNT)
    fill_store(files.store_path)
    fill_keys(files.session_db)
    journal = Journal(journal_path(files.store_path))
    for number in range(5):
        assert journal.append(number, bytes([number]) * number) is not None
    journal.stored([number for number, code in journal.waiting() if code < 2])
    journal.close()
    os.utime(journal_path(files.store_path), (1_700_000_000, 1_700_000_000))
    files.policy_path.write_bytes(b'preset = "open"\n')
    files.webhooks_path.write_bytes(b'{"webhooks": []}')
    files.webhook_progress_path.write_bytes(b'{"webhooks":{}}\n')
    files.audit_path.with_name("audit-20260101T000000.000000Z.jsonl").write_bytes(b'{"a":1}\n{"a":2}\n')
    files.audit_path.write_bytes(b'{"a":3}\n')
    book = BookFile(files.policy_book_path)
    with book.writing() as connection:
        connection.execute("INSERT INTO used VALUES (7, 'sends', 1, 2, 'local'), (7, 'files', 1, 1, 'local')")
        for code in ("ZZZZ-0001", "AAAA-0002"):
            connection.execute(
                "INSERT INTO asked VALUES (?, ?, 'files', 'Send?', 1, 'local', 5, 5, 60, NULL)", (code, code * 2)
            )
        connection.execute("INSERT INTO standing VALUES (9, 'files', '1@s.whatsapp.net', 'local', 3)")
    book.close()
    return files


def fill_store(path: Path) -> None:
    """Three rows of every table, with whatever their columns take."""
    StoreWriter(path).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in TABLE_NAMES:
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
            for number in range(1, 1 + ROWS.get(table, 3) * bool(columns)):
                row = [value(table, column, kind, number) for _, column, kind, *_ in columns]
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        connection.execute("INSERT INTO meta VALUES ('arrival', '3')")  # as every writer notes


def value(table: str, column: str, kind: str, number: int) -> Any:
    match kind:
        case "INTEGER" if (table, column) == ("messages", "revoked_at"):
            return None
        case "INTEGER":
            return number
        case "BLOB":
            return bytes([0, 255, number % 256])
    if column in ("extra", "facts", "mentions", "command", "answer", "error", "caller") and table != "looks":
        return None if number == 2 and column == "extra" else "{}"
    return f"{table} {column} {number} \0 ü 🙂 \\N \t\n"


def fill_keys(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in table_statements():
            connection.execute(statement)
        k32, k64 = bytes(range(32)), bytes(range(64))
        connection.execute("INSERT INTO whatsmeow_version VALUES (15, 8)")
        connection.execute(
            "INSERT INTO whatsmeow_device VALUES (?, 'lid', '12345678-1234-5678-1234-567812345678', 4294967295,"
            " ?, ?, ?, 16777215, ?, x'00', x'', ?, ?, ?, 'p', 'b', 'n', 7, '')",
            (JID, k32, k32, k32, k64, k64, k32, k64),
        )
        connection.executemany(
            "INSERT INTO whatsmeow_pre_keys VALUES (?, ?, ?, ?)", [(JID, n, k32, n % 2) for n in range(1, 900)]
        )
        connection.execute("INSERT INTO whatsmeow_identity_keys VALUES (?, 'x:1', ?)", (JID, k32))
        connection.execute("INSERT INTO whatsmeow_sessions VALUES (?, 'x:1', ?), (?, 'y:1', NULL)", (JID, k64, JID))
        connection.execute("INSERT INTO whatsmeow_app_state_version VALUES (?, 'regular', 3, ?)", (JID, k64 * 2))
        connection.execute(
            "INSERT INTO whatsmeow_app_state_mutation_macs VALUES (?, 'regular', 3, ?, ?)", (JID, k32, k32)
        )
        connection.execute("INSERT INTO whatsmeow_chat_settings VALUES (?, 'x', -1, 1, 0)", (JID,))
        connection.executemany(
            "INSERT INTO whatsmeow_message_secrets VALUES (?, 'c', 's', ?, x'01')",
            [(JID, name) for name in ("ZZ", "AA", "MM")],
        )
        connection.execute("INSERT INTO whatsmeow_lid_map VALUES ('1', '2')")


def rows_in(where: Whereabouts, tables: tuple[str, ...]) -> dict[str, list[Any]]:
    """All rows of each table, in no order."""
    found: dict[str, list[Any]] = {}
    if isinstance(where, PostgresSchema):
        with psycopg.connect(where.url, options=f"-c search_path={where.schema}") as connection:
            for table in tables:
                asked = connection.execute(f"SELECT * FROM {table}".encode()).fetchall()
                found[table] = sorted(map(repr, map(common_row, asked)))
        return found
    with closing(sqlite3.connect(where)) as file:
        for table in tables:
            found[table] = sorted(map(repr, map(common_row, file.execute(f"SELECT * FROM {table}"))))
    return found


def contents(settings: Settings) -> dict[str, Any]:
    """Everything of the account, in values that are the same wherever it lies."""
    tables = tuple(name for name in TABLE_NAMES if name not in ("journal", "changed"))
    found: dict[str, Any] = {**rows_in(settings.store, tables), **rows_in(settings.keys, KEY_TABLES)}
    with closing(database_at(settings.store).journal()) as journal:
        waiting = [JournalEntry(code, journal.read(number) or b"") for number, code in journal.waiting()]
        found["journal"] = (list(journal.recent()), waiting, last := journal.last_written)
    if isinstance(settings.store, Path) and last is not None:  # to look is to write
        os.utime(journal_path(settings.store), (last / 1000, last / 1000))
    found["documents"] = [
        read_document(place) if isinstance(place, StoredDocument) else place.read_bytes()
        for place in (settings.policy_place, settings.webhooks_place, settings.webhook_progress_place)
    ]
    found["audit"] = list(lines_in(settings.audit))
    place = settings.policy_book
    book = BookSchema(place) if isinstance(place, PostgresSchema) else BookFile(place)
    with closing(book), book.reading() as connection:
        assert connection is not None
        found["used"] = sorted(map(tuple, connection.execute("SELECT * FROM used")))
        found["asked"] = [row[0] for row in connection.execute("SELECT code FROM asked ORDER BY rowid")]
        found["standing"] = list(map(tuple, connection.execute("SELECT * FROM standing")))
    return found


def test_every_row_of_every_table_goes_there_and_back(here: Settings, there: Settings) -> None:
    before = contents(here)
    assert all(len(before[table]) == ROWS.get(table, 3) for table in ("messages", "media", "sealed", "votes", "looks"))
    assert before["journal"][1] == [JournalEntry(number, bytes([number]) * number) for number in (2, 3, 4)]
    moved = move_account(there, "into-database")
    assert moved == Moved(ACCOUNT, str(there.store), 3, True, ())
    assert contents(there) == before
    assert {path.name for path in here.account_dir.iterdir()} == {"lock"}
    moved = move_account(there, "out-of-database")
    assert moved == Moved(ACCOUNT, str(here.account_dir), 3, True, ())
    assert contents(here) == before
    assert schemas(there) == []


def test_numbers_go_on_where_they_were(here: Settings, there: Settings) -> None:
    move_account(there, "into-database")
    with psycopg.connect(str(there.database and there.database.get_secret_value())) as connection:
        connection.execute('SET search_path = "wa_move$it"')
        new = "INSERT INTO entities (jid, kind, folded) VALUES ('new', 'person', '') RETURNING id"
        assert connection.execute(new).fetchone() == (4,)
        new = "INSERT INTO standing (rule, chat, caller, at) VALUES ('r', 'c', 'l', 1) RETURNING number"
        assert connection.execute(new).fetchone() == (10,)


def test_the_newest_secret_is_still_the_newest(here: Settings, there: Settings) -> None:
    from whatsapp_mcp.session_db.database import last_decrypted

    before = [one.id for one in last_decrypted(here.keys)]
    assert before == ["MM", "AA", "ZZ"]
    move_account(there, "into-database")
    assert [one.id for one in last_decrypted(there.keys)] == before
    move_account(there, "out-of-database")
    assert [one.id for one in last_decrypted(here.keys)] == before


def test_what_is_searched_is_found_there(here: Settings, there: Settings) -> None:
    move_account(there, "into-database")
    assert rows_in(there.store, ("message_search",))["message_search"] != []
    assert [len(rows) for rows in rows_in(there.store, ("message_search",)).values()] == [3]


# ---- whatever ends it


def killed_after(settings: Settings, direction: str, step: str) -> None:
    """Moved by a process that is killed when it has done this step."""
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from whatsapp_mcp.offline import moving\n"
        "from whatsapp_mcp.settings import Settings\n"
        "def end(*_): os.kill(os.getpid(), 9)\n"
        "if sys.argv[4] == 'copying': moving.copy_keys = end\n"
        "moving.move_account(Settings(data_dir=Path(sys.argv[1]), account=sys.argv[2]), sys.argv[3],"
        " lambda step: end() if step == sys.argv[4] else None)\n"
    )
    assert settings.database is not None
    done = subprocess.run(
        [sys.executable, "-c", script, str(settings.data_dir), ACCOUNT, direction, step],
        env=os.environ | {"WHATSAPP_MCP_DATABASE": settings.database.get_secret_value()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with psycopg.connect(settings.database.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE whatsapp_mcp.holders SET held = false")  # as after six seconds


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("direction", ["into-database", "out-of-database"])
def test_killed_after_a_step_it_is_in_one_place(here: Settings, there: Settings, direction: Any, step: str) -> None:
    before = contents(here)
    source, target = here, there
    if direction == "out-of-database":
        move_account(there, "into-database")
        source, target = there, here
    killed_after(there, direction, step)
    linked = [linked_device(source.keys) is not None, linked_device(target.keys) is not None]
    check_told(there, direction, step)
    if step in ("copying", "copied", "marked"):
        assert linked == [True, False]
        assert contents(source) == before
    elif step == "keys removed":
        assert linked == [False, False]
        for place in (source, target):
            decision = decide(place, Wanted(pairing=True), datetime.now(UTC))
            assert (decision.start, decision.state) == (False, SessionState.STOPPED)
            assert "accounts move move-it" in decision.detail
        with pytest.raises(SetupError, match="other direction"):
            move_account(there, "into-database" if direction == "out-of-database" else "out-of-database")
    else:
        assert linked == [False, True]
        assert contents(target) == before
    assert move_account(there, direction).linked
    assert contents(target) == before
    assert linked_device(source.keys) is None
    assert not there.moving_dir.exists()
    assert take_status(there).move is None
    assert check_move(there) is None
    if direction == "out-of-database":
        assert there.database is not None
        with psycopg.connect(there.database.get_secret_value()) as connection:
            found = connection.execute("SELECT 1 FROM whatsapp_mcp.holders WHERE account = %s", (ACCOUNT,))
            assert found.fetchone() is None, "nobody holds in the database what is not there"
    with pytest.raises(NotFound):
        move_account(there, direction)


def check_told(settings: Settings, direction: str, step: str) -> None:
    """What `status` and `doctor` say of a move that was killed."""
    status, check = take_status(settings), check_move(settings)
    back = "out-of-database" if direction == "into-database" else "into-database"
    assert status.move is not None and check is not None
    assert (status.move.direction, status.move.usable) == (direction, step != "keys removed")
    for told in (status_text(status), f"{check.message} {check.next_step}"):
        words = " ".join(told.split())
        assert f"`whatsapp-mcp accounts move {ACCOUNT} --{direction}` finishes it" in words
        assert f"`whatsapp-mcp accounts move {ACCOUNT} --{back}` takes it back after that" in words
    if step == "keys removed":
        assert check.verdict is Verdict.PROBLEM and "can be used nowhere" in check.message
        assert not status.well
    else:
        assert check.verdict is Verdict.WARNING


def test_a_copy_is_not_used_when_the_keys_went_on_meanwhile(here: Settings, there: Settings) -> None:
    killed_after(there, "into-database", "marked")
    with closing(sqlite3.connect(here.session_db)) as connection, connection:
        connection.execute("UPDATE whatsmeow_sessions SET session = x'AA'")
    move_account(there, "into-database")
    sessions = rows_in(there.keys, ("whatsmeow_sessions",))["whatsmeow_sessions"]
    assert all(r"b'\xaa'" in row for row in sessions)


def test_a_copy_that_differs_changes_nothing(here: Settings, there: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row is lost on its way into the copy."""
    before = contents(here)
    write = PostgresConnection.executemany

    def lossy(connection: PostgresConnection, sql: str, rows: list[Any]) -> Any:
        return write(connection, sql, rows[1:] if sql.startswith("INSERT INTO votes") else rows)

    monkeypatch.setattr(PostgresConnection, "executemany", lossy)
    with pytest.raises(StoreError, match="the table votes has 2 rows and not the 3"):
        move_account(there, "into-database")
    assert contents(here) == before
    assert linked_device(there.keys) is None


# ---- refused, with the next step


def test_refused_while_a_server_holds_it(here: Settings, there: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsapp_mcp.offline.accounts.END_LIMIT", 0.1)
    lock = AccountLock.acquire(here.lock_path)
    assert lock is not None
    with pytest.raises(DataDirectoryInUse, match="in use by process"):
        move_account(there, "into-database")
    lock.release()


def test_refused_while_a_node_holds_it(here: Settings, there: Settings) -> None:
    assert there.database is not None
    lease = take(there.database.get_secret_value(), Claim(account=ACCOUNT, node="berlin-1", pid=1))
    lease.keep(lambda _: None)
    try:
        with pytest.raises(DataDirectoryInUse, match="berlin-1"):
            move_account(there, "into-database")
    finally:
        lease.release()
    assert here.session_db.exists()


def test_refused_where_there_is_something_already(here: Settings, there: Settings) -> None:
    place = there.policy_place
    assert isinstance(place, StoredDocument)
    write_document(place, b"theirs")
    with pytest.raises(SetupError, match=r"already in .*documents") as refused:
        move_account(there, "into-database")
    assert "accounts rename" in refused.value.next_step
    with pytest.raises(SetupError, match=r"already in .*messages\.db"):
        move_account(there, "out-of-database")
    assert read_document(place) == b"theirs"


def test_refused_without_a_database_or_one_that_can_be_reached(here: Settings) -> None:
    with pytest.raises(SetupError, match="no database is set"):
        move_account(here, "into-database")
    away = here.model_copy(update={"database": SecretStr("postgresql://ana:secret@/chats?host=/nowhere")})
    with pytest.raises(StoreError, match="does not answer") as refused:
        move_account(away, "into-database")
    assert "secret" not in str(refused.value)
    assert here.session_db.exists()


def test_keys_of_an_unknown_version_stay(here: Settings, there: Settings) -> None:
    with closing(sqlite3.connect(here.session_db)) as connection, connection:
        connection.execute("UPDATE whatsmeow_version SET version = 16")
    with pytest.raises(SetupError, match=r"version that this program does not know \(16\)"):
        move_account(there, "into-database")
    assert linked_device(here.keys) == JID


def test_the_command_asks_where_to(here: Settings) -> None:
    asked = CliRunner().invoke(cli, ["accounts", "move", ACCOUNT, "--data-dir", str(here.data_dir)])
    assert asked.exit_code == Exit.USAGE
    assert "--into-database or --out-of-database" in asked.output


def test_the_command_says_where_it_is_now(here: Settings, there: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert there.database is not None
    monkeypatch.setenv("WHATSAPP_MCP_DATABASE", there.database.get_secret_value())
    command = ["accounts", "move", ACCOUNT, "--into-database", "--data-dir", str(here.data_dir)]
    said = CliRunner().invoke(cli, [*command, "--json"])
    assert json.loads(said.stdout)["results"] == {
        "name": ACCOUNT,
        "where": str(there.store),
        "messages": 3,
        "linked": True,
        "tokens_left": [],
    }
    again = CliRunner().invoke(cli, command, standalone_mode=True)
    assert again.exit_code != 0
    assert linked_device(there.keys) == JID


def test_tokens_open_what_moved_and_nothing_else(here: Settings, there: Settings) -> None:
    files, shared = TokenBook.of(here), TokenBook.of(there)
    secret = files.create("ci", Grant(name="ci", accounts=(ACCOUNT, "home")))
    every = files.create("all", Grant(name="all"))
    files.create("other", Grant(name="other", accounts=("home",)))
    taken = files.create("bot", Grant(name="bot"))
    shared.create("bot", Grant(name="bot"))
    assert move_account(there, "into-database").tokens_left == ("bot",)
    for kept in (secret, every):
        token = shared.holder(kept)
        assert token is not None
        assert token.accounts == (ACCOUNT,)
    assert shared.holder(taken) is None
    assert {token.name for token, _ in shared.tokens()} == {"all", "bot", "ci"}


def schemas(settings: Settings) -> list[Any]:
    assert settings.database is not None
    with psycopg.connect(settings.database.get_secret_value()) as connection:
        return connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(wa_move|mv_)'").fetchall()
