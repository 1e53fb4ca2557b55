"""`whatsapp-mcp status` and `whatsapp-mcp doctor`: what they see, what they say, and that they leave no trace."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
import struct
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
import pytest
from click.testing import CliRunner
from tests.unit.offline.served import served
from tests.unit.ownership import owned_by_another
from tests.unit.systems import CHILD_LIMIT, POSIX, UNDER_WINE, child_environment, needs_any_name, needs_modes

import whatsapp_mcp
from whatsapp_mcp.cli import cli
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.extras import Extra
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import MessageDeletedForMe
from whatsapp_mcp.models.changes import MessageEdited, MessageReceived, MessageRevoked
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.offline.diagnosis import diagnosis_text, examine, report, status_text, take_status
from whatsapp_mcp.offline.diagnosis.checks import Check, Diagnosis, Verdict
from whatsapp_mcp.offline.diagnosis.data import check_received_media
from whatsapp_mcp.offline.diagnosis.installation import (
    MCP_TESTED,
    NEONIZE_TESTED,
    PYTHON_NEEDED,
    check_extra,
    check_neonize,
)
from whatsapp_mcp.offline.diagnosis.report import media_status
from whatsapp_mcp.offline.installer import find_installer
from whatsapp_mcp.pipe.account_lock import AccountLock
from whatsapp_mcp.platform.system import UNTRIED
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.sqlite.inspection import find_index_fault
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.search import verifying
from whatsapp_mcp.store.search.index import DOCUMENT_COLUMNS, documents
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.wire.native import (
    NativeLibrary,
    installed_version,
    library_name,
    library_path,
    read_library,
)

NOW: Final = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MESSAGE_AT: Final = datetime(2026, 10, 31, 8, 30, tzinfo=UTC)
OWN_JID: Final = "12025550100:7@s.whatsapp.net"

SAID_HERE: Final = ({"platform"} if UNTRIED else set()) | ({"modes", "http-token"} if UNDER_WINE else set())
"""Whatever a test looks at: of macOS and Windows that they are untried, of wine that its temporary folder is open."""
ANNOUNCED: Final = {"0.5.2": NativeLibrary("2.3000.1047769893", date(2026, 9, 21))}
"""By neonize version: what its ClientPayload carried when it logged in to a simulator, and the whatsmeow it is built
from. A new neonize wants a new row."""


def link(settings: Settings) -> None:
    """A session database with a linked device in it."""
    descriptor = os.open(settings.session_db, os.O_CREAT | os.O_WRONLY, 0o600)
    os.close(descriptor)
    with closing(sqlite3.connect(settings.session_db)) as connection, connection:
        connection.execute("CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY, noise_key BLOB)")
        connection.execute("INSERT INTO whatsmeow_device VALUES (?, x'00')", (OWN_JID,))


def received(number: str, message_id: str, text: str = "hello", at: datetime = MESSAGE_AT) -> MessageReceived:
    person = Jid.parse(f"{number}@s.whatsapp.net")
    return MessageReceived(
        id=message_id,
        chat=person,
        sender=person,
        timestamp=int(at.timestamp() * 1000),
        content=Content(kind=MessageKind.TEXT, text=text),
    )


def fill_store(settings: Settings) -> None:
    writer = StoreWriter(settings.store_path)
    writer.apply([received("12025550101", "A1"), received("12025550102", "B1", at=MESSAGE_AT - timedelta(days=1))])
    writer.close()


def diagnose(settings: Settings, *, environment: tuple[str, ...] = (), now: datetime = NOW) -> Diagnosis:
    return examine({"data_dir": settings.data_dir}, environment=environment, now=now)


def findings(diagnosis: Diagnosis) -> list[Check]:
    return [check for check in diagnosis.checks if check.verdict is not Verdict.OK and check.name not in SAID_HERE]


def only_finding(diagnosis: Diagnosis) -> Check:
    (finding,) = findings(diagnosis)
    assert finding.next_step, "whoever reads it wants to know what to do"
    return finding


# ---- the native library ----------------------------------------------------------------------------------------------


def test_the_announced_version_is_read_from_the_installed_library() -> None:
    version, path = installed_version(), library_path()
    assert version in ANNOUNCED, f"measure what neonize {version} announces and add it to ANNOUNCED"
    assert path is not None
    assert read_library(path) == ANNOUNCED[version]


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "neonize-linux-amd64.so"),
        ("Linux", "aarch64", "neonize-linux-arm64.so"),
        ("Darwin", "arm64", "neonize-darwin-arm64.dylib"),
        ("Darwin", "x86_64", "neonize-darwin-amd64.dylib"),
        ("Windows", "AMD64", "neonize-windows-amd64.dll"),
        ("Windows", "ARM64", "neonize-windows-arm64.dll"),
    ],
)
def test_library_names_are_those_of_the_published_wheels(system: str, machine: str, name: str) -> None:
    assert library_name(system, machine) == name


def triple(build: int) -> bytes:
    return struct.pack("<III", 2, 3000, build)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\0" * 8 + triple(1_047_769_893), "2.3000.1047769893"),
        (triple(1_047_769_893) + triple(1_047_769_893), "2.3000.1047769893"),
        (b"nothing here", None),
        (b"\0\0" + triple(1_047_769_893), None),  # not where a 32-bit number can lie
        (triple(7) + triple(1_047_769_893), "2.3000.1047769893"),  # 7 is no build number
        (triple(1_047_769_893) + triple(1_047_769_894), None),  # two: nobody knows which
    ],
)
def test_a_version_that_is_not_certain_is_not_told(tmp_path: Path, content: bytes, expected: str | None) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(content)
    assert read_library(path) == NativeLibrary(expected, None)


def test_looking_never_loads_neonize(settings: Settings) -> None:
    program = (
        "import sys; from click.testing import CliRunner; from whatsapp_mcp.cli import cli\n"
        "for command in ('status', 'doctor'):\n"
        "    CliRunner().invoke(cli, [command, '--data-dir', sys.argv[1]], catch_exceptions=False)\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'neonize'])"
    )
    environment = child_environment()
    ran = subprocess.run(
        [sys.executable, "-c", program, str(settings.data_dir)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=CHILD_LIMIT,
        check=True,
    )
    assert ran.stdout.strip() == "[]"


# ---- status ----------------------------------------------------------------------------------------------------------


def test_status_before_the_first_start(tmp_path: Path) -> None:
    status = take_status(Settings(data_dir=tmp_path / "data"))
    assert status.account_dir == tmp_path / "data" / "default"
    assert status.lock.held is False
    assert status.session.linked is False
    assert not status.store.exists
    assert status.endpoint is None
    assert status.versions.whatsapp_mcp == whatsapp_mcp.__version__
    assert status.versions.neonize == installed_version()
    assert status.versions.whatsapp_web == ANNOUNCED[installed_version() or ""].web_version
    assert not (tmp_path / "data").exists()


def test_status_of_a_linked_account_with_messages(settings: Settings) -> None:
    link(settings)
    fill_store(settings)
    status = take_status(settings)
    assert status.session.linked is True
    assert status.session.jid == OWN_JID
    reader = StoreReader(settings.store_path)
    stats = reader.stats()
    reader.close()
    assert (status.store.messages, status.store.chats, status.store.newest_message) == (2, 2, MESSAGE_AT)
    assert (stats.messages, stats.chats, stats.newest_message) == (2, 2, MESSAGE_AT)
    assert status.store.schema_version == stats.schema_version
    assert status.store.bytes == settings.store_path.stat().st_size


def test_media_are_counted_where_they_lie(settings: Settings) -> None:
    assert "Media      none downloaded yet" in status_text(take_status(settings))
    chat = settings.media_dir / "1@s.whatsapp.net"
    for folder in (chat, settings.media_dir / "outgoing"):
        folder.mkdir(parents=True)
        (folder / "A.jpg").write_bytes(bytes(140_000))
    status = take_status(settings)
    assert (status.media.place, status.media.files, status.media.bytes) == (str(settings.media_dir), 1, 140_000)
    assert check_received_media(status.media).message == f"1 file, 0.1 MB in {settings.media_dir}"


def test_a_bucket_for_media_that_cannot_be_used_is_a_problem(settings: Settings, aws: pytest.MonkeyPatch) -> None:
    aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    media = media_status(settings.model_copy(update={"media": "s3://nobody-listens/all"}))
    assert media.place == "s3://nobody-listens/all/default"
    check = check_received_media(media)
    assert (check.verdict, check.name) == (Verdict.PROBLEM, "received-media")
    assert "does not answer" in check.message and "AWS_ENDPOINT_URL" in (check.next_step or "")
    aws.setenv("AWS_ENDPOINT_URL", "http://store.example")
    check = check_received_media(media_status(settings.model_copy(update={"media": "s3://elsewhere"})))
    assert check.verdict is Verdict.PROBLEM and "unencrypted" in check.message


def test_media_in_a_bucket_are_counted(settings: Settings, bucket: str) -> None:
    check = check_received_media(media_status(settings.model_copy(update={"media": f"s3://{bucket}/all"})))
    assert (check.verdict, check.message) == (Verdict.OK, f"0 files, 0.0 MB in s3://{bucket}/all/default")


def test_status_counts_what_a_running_writer_has_just_stored(settings: Settings) -> None:
    writer = StoreWriter(settings.store_path)
    try:
        writer.apply([received("12025550101", "A1")])
        assert take_status(settings).store.messages == 1
        writer.apply([received("12025550101", "A2")])
        assert take_status(settings).store.messages == 2
    finally:
        writer.close()


def test_status_names_the_holder_of_the_lock(settings: Settings) -> None:
    lock = AccountLock.acquire(settings.lock_path)
    assert lock is not None
    status = take_status(settings)
    assert status.lock.held is True
    assert status.lock.pid == os.getpid()
    assert status.lock.alive is True
    assert status.lock.since is not None
    lock.release()
    assert take_status(settings).lock.held is False


def ended_process() -> int:
    """Number of a process that does not exist any more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(timeout=CHILD_LIMIT)
    return process.pid


@pytest.fixture
def orphaned_lock(settings: Settings) -> Iterator[int]:
    """A lock that is held although the server that took it is gone; the server's process number."""
    lock = AccountLock.acquire(settings.lock_path)
    assert lock is not None
    pid = ended_process()
    lock.file.write(json.dumps({"pid": pid, "command": "whatsapp-mcp stdio", "since": "2026-11-01"}).encode())
    yield pid
    lock.release()


def test_a_lock_that_outlives_its_server_is_explained(settings: Settings, orphaned_lock: int) -> None:
    status = take_status(settings)
    assert (status.lock.held, status.lock.pid, status.lock.alive) == (True, orphaned_lock, False)
    assert "starting or ending" in status_text(status)
    finding = only_finding(diagnose(settings))
    assert (finding.name, finding.verdict) == ("session-process", Verdict.WARNING)
    assert f"process {orphaned_lock}" in finding.message
    assert "which is gone" in finding.message


def test_the_endpoint_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "endpoint.json"
    Endpoint(proxy="http://127.0.0.1:9", ca_file="/none", noise_root="ab" * 32).write(file)
    status = take_status(Settings(data_dir=tmp_path, endpoint=file))
    assert status.endpoint is not None
    assert status.endpoint.proxy == "http://127.0.0.1:9"
    missing = take_status(Settings(data_dir=tmp_path, endpoint=tmp_path / "none.json"))
    assert missing.endpoint is not None
    assert missing.endpoint.problem


def test_damaged_files_are_described_not_raised(settings: Settings) -> None:
    settings.session_db.write_bytes(b"not a database at all, but long enough" * 100)
    settings.store_path.write_bytes(b"not a database at all, but long enough" * 100)
    status = take_status(settings)
    assert status.session.linked is None
    assert status.session.problem
    assert status.store.problem
    assert str(settings.store_path) in status.store.problem
    assert "unknown" in status_text(status)


# ---- doctor ----------------------------------------------------------------------------------------------------------


def test_a_fresh_machine_is_healthy(tmp_path: Path) -> None:
    diagnosis = diagnose(Settings(data_dir=tmp_path / "data"))
    assert findings(diagnosis) == []
    assert diagnosis.healthy
    assert not (tmp_path / "data").exists()


def test_an_account_in_use_is_healthy(settings: Settings) -> None:
    link(settings)
    writer = StoreWriter(settings.store_path)
    try:
        writer.apply([received("12025550101", "A1")])
        with served(settings):
            diagnosis = diagnose(settings)
    finally:
        writer.close()
    assert findings(diagnosis) == []
    said = {check.name: check.message for check in diagnosis.checks}
    assert said["session"] == f"linked as {OWN_JID}"
    assert said["store"] == "1 message in 1 chat"
    assert "1 server attached" in said["session-process"]


def snapshot(folder: Path) -> dict[str, tuple[int, int, int, bytes]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        entry = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (entry.st_mode, entry.st_ino, entry.st_mtime_ns, content)
    return found


def test_nothing_is_changed(settings: Settings) -> None:
    link(settings)
    fill_store(settings)
    settings.lock_path.write_text("")
    before = snapshot(settings.data_dir)
    assert not any(name.endswith(("-wal", "-shm")) for name in before), "the writer closed its store"
    take_status(settings)
    diagnose(settings)
    assert snapshot(settings.data_dir) == before


def test_a_damaged_session(settings: Settings) -> None:
    settings.session_db.touch(mode=0o600)
    settings.session_db.write_bytes(b"x" * 5000)
    diagnosis = diagnose(settings)
    finding = only_finding(diagnosis)
    assert not diagnosis.healthy
    assert (finding.name, finding.verdict) == ("session", Verdict.PROBLEM)
    assert "damaged" in finding.message
    assert str(settings.session_db) in (finding.next_step or "")


def test_a_store_unusable_inside(settings: Settings) -> None:
    fill_store(settings)
    content = bytearray(settings.store_path.read_bytes())
    page = 4096
    for start in range(2 * page, len(content) - page, page):  # the schema stays readable
        content[start : start + 64] = b"\xff" * 64
    settings.store_path.write_bytes(bytes(content))
    finding = only_finding(diagnose(settings))
    assert (finding.name, finding.verdict) == ("store", Verdict.PROBLEM)
    assert str(settings.store_path) in finding.message


def test_damage_inside_a_store_that_opens(settings: Settings) -> None:
    link(settings)
    with closing(StoreWriter(settings.store_path)) as writer:
        writer.apply([received("12025550101", f"A{n}", "tea or coffee? " * 20) for n in range(500)])
    whole = take_status(settings)
    assert (whole.well, whole.store.checked, whole.store.messages) == (True, True, 500)
    with closing(sqlite3.connect(settings.store_path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").fetchone()
        (page,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(settings.store_path.read_bytes())
    content[(root - 1) * page : root * page] = b"\xff" * page
    settings.store_path.write_bytes(bytes(content))
    found = take_status(settings)
    assert found.store.checked
    assert (found.standing.well, found.well) == (True, False)
    assert "is damaged" in status_text(found)
    done = CliRunner().invoke(cli, ["status"], env={"WHATSAPP_MCP_DATA_DIR": str(settings.data_dir)})
    assert done.exit_code == 1


def test_what_is_too_large_is_not_said_to_be_whole(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    link(settings)
    fill_store(settings)
    assert take_status(settings).store.checked
    monkeypatch.setattr(report, "find_damage", lambda *_, **__: (None, False))
    found = take_status(settings)
    assert (found.well, found.store.checked) == (True, False)
    assert "not looked into to the end" in " ".join(status_text(found).split())
    assert "too large" in next(check.message for check in diagnose(settings).checks if check.name == "store")


def change_store(settings: Settings, sql: str) -> None:
    with closing(sqlite3.connect(settings.store_path)) as connection, connection:
        connection.execute(sql)


def entry(settings: Settings, message_id: str) -> tuple[int, str]:
    """Place and document of a message."""
    sql = f"SELECT {DOCUMENT_COLUMNS} FROM messages AS m LEFT JOIN media ON media.arrival = m.arrival WHERE m.id = ?"
    with closing(sqlite3.connect(settings.store_path)) as connection:
        ((place, document),) = documents(connection.execute(sql, (message_id,)))
    return place, document


def put(place: int, document: str) -> str:
    return f"INSERT INTO message_search (rowid, document) VALUES ({place}, '{document}')"


def take_out(place: int, document: str) -> str:
    return f"INSERT INTO message_search (message_search, rowid, document) VALUES ('delete', {place}, '{document}')"


def test_the_search_index_of_a_store_that_is_written(settings: Settings) -> None:
    writer = StoreWriter(settings.store_path)
    chat = Jid.parse("12025550101@s.whatsapp.net")
    try:
        writer.apply([received("12025550101", f"A{n}", "tea or coffee? " * n) for n in range(20)])
        writer.apply([MessageRevoked(chat, "A3", chat, 1), MessageDeletedForMe(chat, "A4", from_me=False)])
        writer.apply([MessageEdited(chat, "A5", chat, Content(MessageKind.TEXT, "tea"), 1)])
        diagnosis = diagnose(settings)
    finally:
        writer.close()
    assert findings(diagnosis) == []
    said = {check.name: check.message for check in diagnosis.checks}
    assert said["search-index"] == "holds the messages"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a, _b: [take_out(*a)], "1 of 2 messages are not in it"),
        (lambda a, _b: [put(a[0] + 1, "hello")], "1 of its 3 entries belong to no shown message"),
        (lambda a, b: [take_out(*a), put(a[0], f"{b[1]} more")], "other words than 1 of 2"),
        (lambda a, _b: [take_out(*a), put(a[0], a[1].replace("hello", "hallo"))], "other words than 1 of 2"),
        (lambda a, b: [take_out(*a), put(a[0], b[1])], "other words than 1 of 2"),
        (lambda _a, _b: ["INSERT INTO message_search (message_search) VALUES ('delete-all')"], "2 of 2 messages"),
        (
            lambda _a, _b: ["UPDATE message_search_data SET block = zeroblob(length(block)) WHERE id > 10"],
            "searches find",  # newer SQLite cannot even read it
        ),
        (lambda _a, _b: ["DELETE FROM message_search_data"], "searches find"),
        (lambda _a, _b: ["DELETE FROM message_search_config"], "searches find"),
        (lambda _a, _b: ["DROP TABLE message_search"], "searches find"),
        (lambda _a, _b: ["UPDATE messages SET text = 'bye' WHERE id = 'A1'"], "other words than 1 of 2"),
        (lambda _a, _b: ["UPDATE messages SET revoked_at = 1 WHERE id = 'A1'"], "1 of its 2 entries"),
        (lambda _a, _b: ["UPDATE messages SET place = -place WHERE id = 'A1'"], "1 of its 2 entries"),
        (lambda a, b: [take_out(*a), put(b[0] + 1, "x")], "1 of 2 messages are not in it"),
    ],
)
def test_a_broken_search_index_and_its_repair(
    settings: Settings, change: Callable[[tuple[int, str], tuple[int, str]], list[str]], said: str
) -> None:
    fill_store(settings)
    for sql in change(entry(settings, "A1"), entry(settings, "B1")):
        change_store(settings, sql)
    finding = only_finding(diagnose(settings))
    assert (finding.name, finding.verdict) == ("search-index", Verdict.PROBLEM)
    assert said in finding.message
    assert "`whatsapp-mcp reindex`" in (finding.next_step or "")
    assert run("reindex", "--data-dir", str(settings.data_dir))[0] == 0
    assert findings(diagnose(settings)) == []


def test_messages_other_than_the_newest_are_compared_too(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "_NEWEST", 1)
    monkeypatch.setattr(verifying, "_STRETCHES", 100)  # of 2 messages: one of them is as good as never left out
    fill_store(settings)
    change_store(settings, "UPDATE messages SET text = 'bye' WHERE id = 'B1'")
    assert only_finding(diagnose(settings)).name == "search-index"


@pytest.mark.parametrize("words", [1, 126, 127, 128, 20_000])
def test_messages_of_any_length_are_compared(settings: Settings, words: int) -> None:
    writer = StoreWriter(settings.store_path)
    writer.apply([received("12025550101", "A1", " ".join(f"w{n}" for n in range(words)))])
    writer.close()
    assert findings(diagnose(settings)) == []


def test_a_search_index_of_an_older_version(settings: Settings) -> None:
    fill_store(settings)
    change_store(settings, "UPDATE meta SET value = '1' WHERE key = 'index_version'")
    finding = only_finding(diagnose(settings))
    assert (finding.name, finding.verdict) == ("search-index", Verdict.WARNING)
    StoreWriter(settings.store_path).close()
    assert findings(diagnose(settings)) == []


def test_a_comparison_that_would_take_too_long(settings: Settings) -> None:
    writer = StoreWriter(settings.store_path)
    writer.apply([received("12025550101", f"A{n}", f"number {n}") for n in range(3000)])
    writer.close()
    assert find_index_fault(settings.store_path, limit=0.0) == (None, False)
    assert find_index_fault(settings.store_path, limit=60.0) == (None, True)


def test_a_store_from_a_newer_version(settings: Settings) -> None:
    fill_store(settings)
    with closing(sqlite3.connect(settings.store_path)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    finding = only_finding(diagnose(settings))
    assert (finding.name, finding.verdict) == ("store", Verdict.PROBLEM)
    assert "newer version" in finding.message
    assert "pgrade" in (finding.next_step or "")


def test_a_database_that_is_no_store(settings: Settings) -> None:
    settings.store_path.touch(mode=0o600)
    with closing(sqlite3.connect(settings.store_path)) as connection:
        connection.execute("CREATE TABLE something (x)")
        connection.execute("PRAGMA user_version = 1")
    finding = only_finding(diagnose(settings))
    assert (finding.name, finding.verdict) == ("store", Verdict.PROBLEM)


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "verdicts"),
    [
        (0o700, 0o600, []),
        (0o700, 0o644, [Verdict.WARNING]),
        (0o755, 0o600, [Verdict.PROBLEM]),
        (0o750, 0o640, [Verdict.PROBLEM, Verdict.PROBLEM]),
    ],
)
def test_modes(settings: Settings, folder_mode: int, file_mode: int, verdicts: list[Verdict]) -> None:
    fill_store(settings)
    settings.store_path.chmod(file_mode)
    settings.account_dir.chmod(folder_mode)
    found = findings(diagnose(settings))
    assert [(check.name, check.verdict) for check in found] == [("modes", verdict) for verdict in verdicts]
    assert all("chmod" in (check.next_step or "") for check in found)


@needs_modes
def test_a_data_folder_that_others_may_write_to(settings: Settings) -> None:
    settings.data_dir.chmod(0o777)
    assert only_finding(diagnose(settings)).name == "modes"


def test_a_file_with_a_second_name(settings: Settings) -> None:
    fill_store(settings)
    (settings.data_dir / "copy").hardlink_to(settings.store_path)
    (finding,) = [check for check in findings(diagnose(settings)) if check.name == "owners"]
    assert finding.verdict is Verdict.PROBLEM
    assert f"{settings.store_path} has 2 names" in finding.message
    assert "cp -p" in (finding.next_step or "")


def test_a_folder_of_another_user(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by_another(settings.account_dir, monkeypatch)
    found = [check for check in findings(diagnose(settings)) if check.name == "owners"]
    assert found
    assert f"{settings.account_dir} belongs to another user" in " ".join(check.message for check in found)


def test_a_folder_that_is_not_writable(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # modes do not stop root
    finding = only_finding(diagnose(settings))
    assert (finding.name, finding.verdict) == ("data-dir", Verdict.PROBLEM)
    assert str(settings.account_dir) in finding.message


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    found = findings(diagnose(Settings(data_dir=tmp_path / "data")))
    assert ("data-dir", Verdict.PROBLEM) in {(check.name, check.verdict) for check in found}


@pytest.mark.parametrize("name", ["no#1", "a%20b", "50%", pytest.param("what?", marks=needs_any_name)])
def test_a_path_that_neonize_cannot_use(tmp_path: Path, name: str) -> None:
    finding = only_finding(diagnose(Settings(data_dir=tmp_path / name)))
    assert (finding.name, finding.verdict) == ("session", Verdict.PROBLEM)


@pytest.mark.parametrize(
    ("variable", "value", "verdict", "hint"),
    [
        ("WHATSAPP_MCP_CALL_TIMEOUT", "900", Verdict.PROBLEM, "WHATSAPP_MCP_CALL_TIMEOUT"),
        ("WHATSAPP_MCP_READ_ONLY", "perhaps", Verdict.PROBLEM, "WHATSAPP_MCP_READ_ONLY"),
        ("WHATSAPP_MCP_LOG_LEVEL", "loud", Verdict.PROBLEM, "WHATSAPP_MCP_LOG_LEVEL"),
        ("WHATSAPP_MCP_TOOLSET", "all", Verdict.PROBLEM, "WHATSAPP_MCP_TOOLSETS"),
        ("WHATSAPP_MCP_READONLY", "1", Verdict.PROBLEM, "WHATSAPP_MCP_READ_ONLY"),
        ("WHATSAPP_MCPREAD_ONLY", "1", Verdict.PROBLEM, "WHATSAPP_MCP_READ_ONLY"),
        ("whatsapp_mcp_dta_dir", "/x", Verdict.PROBLEM, "WHATSAPP_MCP_DATA_DIR"),
        ("WHATSAPP_MCP_QQQQ", "1", Verdict.WARNING, "Unset"),
        ("WHATSAPP_DATA_DIR", "/x", Verdict.WARNING, "WHATSAPP_MCP_DATA_DIR"),
        ("WHATSAPP_MCP_TOOLSETS", "cor", Verdict.PROBLEM, "toolsets"),
        ("WHATSAPP_MCP_REQUIRE_ENDPOINT", "true", Verdict.PROBLEM, "WHATSAPP_MCP_ENDPOINT"),
    ],
)
def test_wrong_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, verdict: Verdict, hint: str
) -> None:
    monkeypatch.setenv(variable, value)
    finding = only_finding(diagnose(Settings.model_construct(data_dir=tmp_path), environment=tuple(os.environ)))
    assert finding.verdict is verdict
    assert hint in (finding.next_step or "")
    assert (variable if POSIX else variable.upper()) in finding.message  # Windows knows no other


def test_right_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {"whatsapp_mcp_toolsets": "all", "WHATSAPP_MCP_READ_ONLY": "1", "WHATSAPP": "x"}.items():
        monkeypatch.setenv(variable, value)
    diagnosis = diagnose(Settings(data_dir=tmp_path), environment=tuple(os.environ))
    assert findings(diagnosis) == []
    assert next(check for check in diagnosis.checks if check.name == "tools").message.endswith("selected, read-only")


def test_every_wrong_variable_is_named_and_the_rest_is_still_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSAPP_MCP_CALL_TIMEOUT", "never")
    monkeypatch.setenv("WHATSAPP_MCP_RESULT_BUDGET", "1")
    diagnosis = diagnose(Settings.model_construct(data_dir=tmp_path / "da#ta"))
    assert [check.name for check in findings(diagnosis)] == ["settings", "settings", "session"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the simulator works on Linux")
def test_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "endpoint.json"
    monkeypatch.setenv("WHATSAPP_MCP_ENDPOINT", str(file))
    settings = Settings(data_dir=tmp_path)
    assert "cannot be read" in only_finding(diagnose(settings)).message
    file.write_text("{}")
    assert "proxy" in only_finding(diagnose(settings)).message

    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
        Endpoint(proxy=proxy, ca_file=str(tmp_path / "ca.pem"), noise_root="ab" * 32).write(file)
        assert "ca.pem" in only_finding(diagnose(settings)).message
        (tmp_path / "ca.pem").write_text("")
        diagnosis = diagnose(settings)
        assert findings(diagnosis) == []
        assert proxy in next(check for check in diagnosis.checks if check.name == "endpoint").message
    assert f"nothing answers at {proxy}" in only_finding(diagnose(settings)).message


@needs_modes
@pytest.mark.parametrize(
    ("content", "mode", "verdict"),
    [
        ("t" * 43 + "\n", 0o600, Verdict.OK),
        ("t" * 43 + "\n", 0o640, Verdict.PROBLEM),
        ("short", 0o600, Verdict.PROBLEM),
        ("t" * 20 + " " + "t" * 20, 0o600, Verdict.PROBLEM),
    ],
)
def test_the_token_is_checked_and_never_shown(settings: Settings, content: str, mode: int, verdict: Verdict) -> None:
    settings.token_path.touch(mode=0o600)
    settings.token_path.write_text(content)
    settings.token_path.chmod(mode)
    diagnosis = diagnose(settings)
    (check,) = (check for check in diagnosis.checks if check.name == "http-token")
    assert check.verdict is verdict
    assert content.strip() not in diagnosis.model_dump_json()


def test_an_old_library_is_told(tmp_path: Path) -> None:
    built = ANNOUNCED[installed_version() or ""].whatsmeow_date
    assert built is not None
    start = datetime.combine(built, datetime.min.time(), UTC)
    settings = Settings(data_dir=tmp_path)
    assert findings(diagnose(settings, now=start + timedelta(days=90))) == []
    finding = only_finding(diagnose(settings, now=start + timedelta(days=91)))
    assert (finding.name, finding.verdict) == ("whatsapp-web", Verdict.WARNING)
    assert find_installer().upgrade in (finding.next_step or "")


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("0.5.2", Verdict.OK),
        ("0.5.10", Verdict.OK),
        ("0.5.2.post1", Verdict.OK),
        ("0.5.1", Verdict.PROBLEM),
        ("0.4.3.post0", Verdict.PROBLEM),
        ("0.6.0", Verdict.WARNING),
        (None, Verdict.PROBLEM),
    ],
)
def test_the_neonize_version(monkeypatch: pytest.MonkeyPatch, version: str | None, verdict: Verdict) -> None:
    monkeypatch.setattr("whatsapp_mcp.wire.native.installed_version", lambda: version)
    check = next(iter(check_neonize(NOW)))
    assert check.verdict is verdict


@pytest.mark.parametrize(
    ("module", "verdict", "said"),
    [
        ("whatsapp_mcp", Verdict.OK, whatsapp_mcp.__version__),
        ("av_that_is_not_there", Verdict.OK, "videos fail (if you want it: "),
        ("tests.unit.offline.broken_extra", Verdict.PROBLEM, "broken_extra cannot be loaded: ImportError: libx.so.9"),
    ],
)
def test_what_an_extra_brings_is_tried(module: str, verdict: Verdict, said: str) -> None:
    check = check_extra(Extra("media", module, "videos fail"))
    assert (check.verdict, said in check.message) == (verdict, True), check


def test_an_extra_that_does_not_end_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsapp_mcp.offline.diagnosis.installation._LOADING_LIMIT", 0.5)
    check = check_extra(Extra("media", "tests.unit.offline.endless_extra", "videos fail"))
    assert (check.verdict, "it takes more than 0.5 seconds" in check.message) == (Verdict.PROBLEM, True), check


def test_a_wheel_without_the_library_of_this_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsapp_mcp.wire.native.library_path", lambda: tmp_path / "neonize-plan9-mips.so")
    finding = only_finding(diagnose(Settings(data_dir=tmp_path / "data")))
    assert (finding.name, finding.verdict) == ("whatsapp-web", Verdict.PROBLEM)
    assert "neonize-plan9-mips.so" in finding.message
    assert take_status(Settings(data_dir=tmp_path)).versions.whatsapp_web is None


@pytest.mark.parametrize(
    ("now", "verdict"),
    [(datetime(1970, 1, 2, tzinfo=UTC), Verdict.PROBLEM), (MESSAGE_AT - timedelta(days=2), Verdict.WARNING)],
)
def test_a_clock_that_is_slow(settings: Settings, now: datetime, verdict: Verdict) -> None:
    fill_store(settings)
    finding = only_finding(diagnose(settings, now=now))
    assert (finding.name, finding.verdict) == ("clock", verdict)


@pytest.mark.parametrize(("free", "verdict"), [(10_000, Verdict.PROBLEM), (100_000_000, Verdict.WARNING)])
def test_a_full_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, verdict: Verdict) -> None:
    class Usage:
        def __init__(self, _: Path) -> None:
            self.free = free

    monkeypatch.setattr("shutil.disk_usage", Usage)
    finding = only_finding(diagnose(settings))
    assert (finding.name, finding.verdict) == ("disk", verdict)


def test_libmagic_is_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    assert findings(diagnose(Settings(data_dir=tmp_path))) == []


def test_the_tested_versions_are_those_of_the_package() -> None:
    project: Mapping[str, Any] = tomllib.loads(
        (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    )["project"]
    assert project["requires-python"] == ">={}.{}".format(*PYTHON_NEEDED)
    assert "neonize>={},<{}".format(*NEONIZE_TESTED) in project["dependencies"]
    assert "mcp>={},<{}".format(*MCP_TESTED) in project["dependencies"]


# ---- the commands ----------------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    return result.exit_code, result.stdout


def test_status_command(settings: Settings) -> None:
    link(settings)
    code, text = run("status", "--data-dir", str(settings.data_dir))
    assert code == 0
    assert OWN_JID in text
    code, text = run("status", "--json", "--data-dir", str(settings.data_dir))
    assert code == 0
    found = json.loads(text)
    assert found["session"]["jid"] == OWN_JID
    assert found["lock"] == {
        "held": False,
        "pid": None,
        "command": None,
        "since": None,
        "alive": None,
        "problem": None,
    }


def test_status_describes_what_is_broken(settings: Settings) -> None:
    settings.store_path.write_bytes(b"x" * 5000)
    code, text = run("status", "--data-dir", str(settings.data_dir))
    assert code == 1
    assert "is not a database" in " ".join(text.split())


@needs_modes
def test_doctor_command(settings: Settings) -> None:
    code, text = run("doctor", "--data-dir", str(settings.data_dir))
    assert code == 0, text
    assert "0 problems" in text
    settings.account_dir.chmod(stat.S_IRWXU | stat.S_IRWXO)
    code, text = run("doctor", "--data-dir", str(settings.data_dir))
    assert code == 1
    assert "1 problem," in text
    code, text = run("doctor", "--json", "--data-dir", str(settings.data_dir))
    assert code == 1
    assert json.loads(text)["healthy"] is False


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_text_fits_a_terminal_and_has_no_colour_in_a_pipe(settings: Settings, command: str) -> None:
    link(settings)
    fill_store(settings)
    _, text = run(command, "--data-dir", str(settings.data_dir))
    assert "\x1b" not in text
    too_long = [line for line in text.splitlines() if len(line) > 80]
    assert all(str(settings.data_dir) in line for line in too_long), "only paths may be longer"


def test_a_terminal_does_not_obey_what_it_is_shown() -> None:
    check = Check(name="lock", verdict=Verdict.WARNING, message="held by \x1b[2Jevil\n", next_step="look\x07")
    text = click.unstyle(diagnosis_text(Diagnosis(healthy=True, checks=(check,))))
    assert not set(text) & {"\x1b", "\x07"}
    assert "evil" in text
