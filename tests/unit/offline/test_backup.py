"""`whatsapp-mcp backup`, `restore` and `vacuum`: nothing is lost, whatever goes wrong."""

from __future__ import annotations

import sqlite3
import stat
import threading
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.offline.served import PID, SERVER, served
from tests.unit.store.build import ANA, ME, Store, message
from tests.unit.systems import POSIX
from tests.unit.webhooks.written import write_progress

from whatsapp_mcp.cli import cli
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.offline.webhooks import add_webhook, list_webhooks
from whatsapp_mcp.pipe.account_lock import AccountLock, is_free
from whatsapp_mcp.pipe.control import Vacuum
from whatsapp_mcp.platform.files import replace
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.sqlite.copying import copy_database
from whatsapp_mcp.store.engine.sqlite.files import RESERVE
from whatsapp_mcp.store.version import SCHEMA_VERSION
from whatsapp_mcp.webhooks.progress import Standing, read_progress


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments], catch_exceptions=False)


def link(settings: Settings, jid: str) -> None:
    with closing(sqlite3.connect(settings.session_db)) as connection, connection:
        connection.execute("CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY, noise_key BLOB)")
        connection.execute("INSERT INTO whatsmeow_device VALUES (?, x'00')", (jid,))
    settings.session_db.chmod(0o600)


def texts(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [row[0] for row in connection.execute("SELECT text FROM messages ORDER BY arrival")]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An account with everything that is backed up, and more."""
    settings = Settings(data_dir=tmp_path / "data")
    store = Store(settings.store_path)
    store.apply([message("1", 1, "one"), message("2", 2, "two")])
    store.close()
    settings.policy_path.write_text('preset = "careful"\n')
    book = PolicyBook(settings.policy_book_path)
    book.always("files", ANA, "local", now_ms())
    book.close()
    webhook = add_webhook(settings, "https://example.org/hook", name="hook")
    write_progress(settings.webhook_progress_path, {webhook.id: Standing(position=2, delivered=2)})
    settings.ledger_path.write_text("{}")
    return settings


@pytest.fixture
def made(settings: Settings, tmp_path: Path) -> Path:
    target = tmp_path / "backup.zip"
    assert run("backup", target, "--data-dir", settings.data_dir).exit_code == 0
    return target


def goes_on(settings: Settings) -> None:
    """What happens after the backup."""
    store = Store(settings.store_path)
    store.apply([message("3", 3, "three")])
    store.close()
    settings.policy_path.write_text('preset = "locked"\n')
    (webhook,) = read_progress(settings.webhook_progress_path)
    write_progress(settings.webhook_progress_path, {webhook: Standing(position=3, delivered=3)})


def test_what_is_in_it(settings: Settings, made: Path) -> None:
    settings.session_db.write_bytes(b"keys")
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "backup.json",
            "webhooks-progress.json",
            "webhooks.json",
            "policy.toml",
            "policy.db",
            "messages.db",
        ]
    if POSIX:
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert [path.name for path in made.parent.iterdir() if path.name.startswith(".")] == []


def test_a_folder_gets_a_file_named_by_account_and_time(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    result = run("backup", folder, "--data-dir", settings.data_dir)
    (made,) = folder.iterdir()
    assert result.stdout.startswith(str(made))
    assert made.name.startswith("whatsapp-mcp-default-2")
    assert made.suffix == ".zip"


def test_a_file_is_replaced_only_if_that_is_said(settings: Settings, made: Path) -> None:
    before = made.read_bytes()
    refused = run("backup", made, "--data-dir", settings.data_dir)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert made.read_bytes() == before
    assert run("backup", made, "--data-dir", settings.data_dir, "--force").exit_code == 0


def test_nothing_is_no_backup(tmp_path: Path) -> None:
    result = run("backup", tmp_path / "b.zip", "--data-dir", tmp_path / "none")
    assert result.exit_code == 4
    assert "nothing to back up" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_of_one_moment_though_others_write(settings: Settings, tmp_path: Path) -> None:
    """Two rows of each commit are both in it or neither; and the copy comes to its end."""
    store, done = Store(settings.store_path), threading.Event()
    written: list[int] = []

    def write() -> None:
        number = 10
        while not done.is_set():
            store.apply([message(f"A{number}", number, f"a{number}"), message(f"B{number}", number, f"b{number}")])
            written.append(number)
            number += 1

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for attempt in range(5):
            copy_database(settings.store_path, tmp_path / f"copy{attempt}.db")
    finally:
        done.set()
        writing.join(30)
        store.close()
    assert len(written) > 1
    for attempt in range(5):
        found = texts(tmp_path / f"copy{attempt}.db")
        assert len([text for text in found if text.startswith("a")]) == len([t for t in found if t.startswith("b")])
        assert not (tmp_path / f"copy{attempt}.db-wal").exists()


def test_an_account_is_as_it_was(settings: Settings, made: Path) -> None:
    goes_on(settings)
    result = run("restore", made, "--data-dir", settings.data_dir)
    assert result.exit_code == 0, result.output
    assert texts(settings.store_path) == ["one", "two"]
    assert settings.policy_path.read_text() == 'preset = "careful"\n'
    assert [one.delivered for one in list_webhooks(settings)] == [2]
    assert len(PolicyBook(settings.policy_book_path).standing()) == 1
    assert settings.ledger_path.exists(), "what is not of a backup stays"
    aside = settings.account_dir / "messages.db.before-restore"
    assert texts(aside) == ["one", "two", "three"]
    assert str(aside) in result.stderr
    assert "No account is linked" in result.stderr
    assert not list(settings.account_dir.glob(".restore*"))
    assert is_free(settings.lock_path)
    store = Store(settings.store_path)
    store.apply([message("4", 4, "four")])
    store.close()
    assert run("restore", made, "--data-dir", settings.data_dir).exit_code == 0
    assert texts(settings.account_dir / "messages.db.before-restore.2") == ["one", "two", "four"]
    assert texts(aside) == ["one", "two", "three"], "nothing is ever overwritten"


def test_what_the_backup_has_not_is_not_there_afterwards(settings: Settings, tmp_path: Path) -> None:
    settings.webhooks_path.unlink()
    settings.webhook_progress_path.unlink()
    made = tmp_path / "b.zip"
    run("backup", made, "--data-dir", settings.data_dir)
    add_webhook(settings, "https://example.org/later")
    assert run("restore", made, "--data-dir", settings.data_dir).exit_code == 0
    assert not settings.webhooks_path.exists()
    assert (settings.account_dir / "webhooks.json.before-restore").exists()


def test_another_machine_gets_it(made: Path, tmp_path: Path) -> None:
    result = run("restore", made, "--data-dir", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert texts(tmp_path / "new" / "default" / "messages.db") == ["one", "two"]


def test_servers_that_run_are_named_and_nothing_is_touched(settings: Settings, made: Path) -> None:
    goes_on(settings)
    with served(settings, servers=[SERVER]):
        result = run("restore", made, "--data-dir", settings.data_dir)
    assert result.exit_code == 3
    assert f"process {SERVER.pid}" in result.stderr
    assert texts(settings.store_path) == ["one", "two", "three"]


def test_who_holds_the_account_is_named(settings: Settings, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsapp_mcp.offline.accounts.END_LIMIT", 0.2)
    lock = AccountLock.acquire(settings.lock_path)
    assert lock is not None
    assert run("restore", made, "--data-dir", settings.data_dir).exit_code == 3
    lock.release()


def test_what_fails_half_way_is_taken_back(settings: Settings, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on(settings)
    before = {path.name: path.read_bytes() for path in settings.account_dir.iterdir() if path.name != "lock"}
    left = [3]

    def failing(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr("whatsapp_mcp.offline.restore.put_in_place", failing)
    result = run("restore", made, "--data-dir", settings.data_dir)
    assert result.exit_code == 1
    assert "No space left" in result.stderr
    after = {path.name: path.read_bytes() for path in settings.account_dir.iterdir() if path.name != "lock"}
    assert after == before


@pytest.mark.parametrize("content", [b"", b"PK no zip", b"x" * 5_000])
def test_something_else_is_no_backup(settings: Settings, tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "other.zip"
    other.write_bytes(content)
    result = run("restore", other, "--data-dir", settings.data_dir)
    assert result.exit_code == 1
    assert "cannot be read as a backup" in result.stderr
    assert texts(settings.store_path) == ["one", "two"]


def rewritten(made: Path, **entries: bytes) -> Path:
    """A backup with other entries."""
    target = made.with_name("other.zip")
    with zipfile.ZipFile(made) as archive, zipfile.ZipFile(target, "w") as other:
        for name in archive.namelist():
            other.writestr(name, entries.pop(name.partition(".")[0], b"") or archive.read(name))
        for name, content in entries.items():
            other.writestr(name, content)
    return target


def test_a_damaged_database_is_not_put_back(settings: Settings, made: Path) -> None:
    result = run("restore", rewritten(made, messages=b"x" * 10_000), "--data-dir", settings.data_dir)
    assert result.exit_code == 1
    assert "messages.db in the backup is damaged" in result.stderr
    assert texts(settings.store_path) == ["one", "two"]


def test_a_bit_that_turned_is_noticed(settings: Settings, made: Path) -> None:
    content = bytearray(made.read_bytes())
    content[len(content) // 2] ^= 0xFF
    made.write_bytes(bytes(content))
    assert run("restore", made, "--data-dir", settings.data_dir).exit_code == 1
    assert texts(settings.store_path) == ["one", "two"]


def test_one_of_a_newer_version_says_so(settings: Settings, made: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.db"
    with zipfile.ZipFile(made) as archive:
        newer.write_bytes(archive.read("messages.db"))
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    result = run("restore", rewritten(made, messages=newer.read_bytes()), "--data-dir", settings.data_dir)
    assert result.exit_code == 1
    assert "newer version" in result.stderr
    assert "upgrade" in run("restore", rewritten(made, backup=b'{"format": 2}'), "--data-dir", settings.data_dir).stderr
    assert texts(settings.store_path) == ["one", "two"]


def test_only_what_belongs_there_is_taken_out(settings: Settings, made: Path) -> None:
    other = rewritten(made, **{"../evil": b"evil", "session.db": b"keys"})
    assert run("restore", other, "--data-dir", settings.data_dir).exit_code == 0
    assert not settings.session_db.exists()
    assert not list(settings.data_dir.rglob("evil"))


@pytest.mark.parametrize("same", [True, False])
def test_the_account_that_is_linked_gets_its_own_messages_alone(settings: Settings, made: Path, same: bool) -> None:
    link(settings, str(ME.with_device(7)) if same else "12025550199:7@s.whatsapp.net")
    result = run("restore", made, "--data-dir", settings.data_dir)
    assert (result.exit_code == 0) == same, result.output
    assert ("another WhatsApp account" in result.stderr) != same


def test_a_store_without_what_is_free(settings: Settings) -> None:
    store = Store(settings.store_path)
    store.apply([message(f"N{number}", number, "x" * 2_000) for number in range(100, 600)])
    store.close()
    with closing(sqlite3.connect(settings.store_path)) as connection, connection:
        connection.execute("DELETE FROM messages WHERE length(text) > 1000")
    size = settings.store_path.stat().st_size
    result = run("vacuum", "--data-dir", settings.data_dir)
    assert result.exit_code == 0, result.output
    assert "MB, now " in result.stdout
    assert settings.store_path.stat().st_size < size / 2
    assert texts(settings.store_path) == ["one", "two"]


def test_a_running_session_process_does_it(settings: Settings) -> None:
    with served(settings, answer=lambda _: (3_000_000, 1_000_000)) as process:
        result = run("vacuum", "--data-dir", settings.data_dir)
    assert result.exit_code == 0, result.output
    assert process.asked == [Vacuum()]
    assert result.stdout.startswith("3.0 MB, now 1.0 MB, in ")
    assert f"session process {PID} writes the store anew" in result.stderr


def test_without_room_it_is_left_as_it_is(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsapp_mcp.store.engine.sqlite.files.RESERVE", RESERVE + 10**18)
    result = run("vacuum", "--data-dir", settings.data_dir)
    assert result.exit_code == 1
    assert "cannot be written anew" in result.stderr
    assert texts(settings.store_path) == ["one", "two"]
