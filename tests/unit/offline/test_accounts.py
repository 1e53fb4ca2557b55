"""`whatsapp-mcp accounts`, and that every command finds the account it is told."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.s3 import object_names
from tests.unit.offline.served import SERVER, served
from tests.unit.systems import needs_links

from whatsapp_mcp.cli import cli
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.received.opening import received_media
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.offline import accounts as accounts_module
from whatsapp_mcp.pipe.account_lock import AccountLock
from whatsapp_mcp.pipe.control import Restart
from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.settings import Settings

JID = "12025550100:7@s.whatsapp.net"
FILE = DownloadedFile(Jid("4915112345678", "s.whatsapp.net"), "M1", "image/jpeg", None, None)

Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("WHATSAPP_MCP_DATA_DIR", str(data))
    return lambda *arguments: CliRunner().invoke(cli, arguments)


def link(settings: Settings) -> None:
    """A session database with a linked device in it."""
    with closing(sqlite3.connect(settings.session_db)) as connection, connection:
        connection.execute("CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY, noise_key BLOB)")
        connection.execute("INSERT INTO whatsmeow_device VALUES (?, x'00')", (JID,))


def test_accounts_are_added_and_listed(run: Run, data: Path) -> None:
    added = run("accounts", "add", "Work")
    assert added.exit_code == 0, added.output
    assert "whatsapp-mcp stdio --account work" in added.output
    assert "/mcp/work" in added.output
    assert [others_may_read(folder) for folder in (data, data / "work")] == [None, None]
    (data / "work" / "x").touch()
    (data / "Not an account").mkdir()
    (data / "afile").touch()
    link(Settings(data_dir=data, account="work"))
    lock = AccountLock.acquire(Settings(data_dir=data, account="work").lock_path)
    assert lock is not None
    try:
        listed = run("accounts")
        assert listed.output.splitlines() == ["default  not linked", f"work     linked as {JID}, in use"]
        rows = json.loads(run("accounts", "--json").output)
        assert rows[0] == {
            "name": "default",
            "folder": str(data / "default"),
            "linked": False,
            "jid": None,
            "in_use": False,
            "problem": None,
        }
        assert (rows[1]["name"], rows[1]["jid"], rows[1]["in_use"]) == ("work", JID, True)
    finally:
        lock.release()
    assert not (data / "default").exists(), "to look makes nothing"


def test_the_folder_may_be_named_before_or_after_the_command(tmp_path: Path) -> None:
    for number, arguments in enumerate((["--data-dir", "{}", "add", "x"], ["add", "x", "--data-dir", "{}"])):
        place = tmp_path / str(number)
        done = CliRunner().invoke(cli, ["accounts", *(argument.format(place) for argument in arguments)])
        assert done.exit_code == 0, done.output
        assert (place / "x").is_dir()


@pytest.mark.parametrize(
    ("arguments", "said", "step"),
    [
        (("add", "a/b"), "letters a to z", "another name"),
        (("add", "nul"), "no account can be called nul", "another name"),
        (("add", "WORK"), "there is an account 'work' already", "rename or remove"),
        (("rename", "work", "shop"), "there is an account 'shop' already", "rename or remove"),
        (("rename", "wrok", "other"), "there is no account 'wrok'", "these: default, shop, work."),
        (("rename", "default", "other"), "has no data yet", "whatsapp-mcp accounts"),
        (("remove", "wrok", "--yes"), "there is no account 'wrok'", "whatsapp-mcp accounts add wrok"),
        (("remove", "..", "--yes"), "letters a to z", "another name"),
        (("remove", "work"), "nobody can be asked", "--yes"),
    ],
)
def test_what_cannot_be_done_says_why_and_what_to_do(
    run: Run, data: Path, arguments: tuple[str, ...], said: str, step: str
) -> None:
    for name in ("work", "shop"):
        (data / name).mkdir(parents=True)
        (data / name / "kept").touch()
    done = run("accounts", *arguments)
    assert done.exit_code == 1
    message, next_step = done.stderr.splitlines()[:2]
    assert said in message
    assert step in next_step
    assert sorted(entry.name for entry in data.iterdir()) == ["shop", "work"]
    assert (data / "work" / "kept").exists()


@needs_links
@pytest.mark.parametrize("arguments", [("rename", "linked", "other"), ("remove", "linked", "--yes")])
def test_a_link_to_a_folder_is_left_to_a_person(
    run: Run, data: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    data.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    (data / "linked").symlink_to(tmp_path / "elsewhere")
    done = run("accounts", *arguments)
    assert done.exit_code == 1
    assert "is a link to another folder" in done.stderr
    assert "by hand" in done.stderr
    assert (data / "linked" / "kept").exists()


def test_an_account_gets_another_name(run: Run, data: Path) -> None:
    run("accounts", "add", "work")
    (data / "work" / "messages.db").write_bytes(b"all")
    done = run("accounts", "rename", "work", "shop")
    assert done.exit_code == 0, done.output
    assert (data / "shop" / "messages.db").read_bytes() == b"all"
    assert not (data / "work").exists()


def keep(data: Path, account: str) -> None:
    """A file in the account's media."""
    settings = Settings(data_dir=data, account=account)
    draft = downloads.draft(settings.media_dir / downloads.TEMPORARY)
    draft.write_bytes(b"content")
    received_media(settings.received_media).keep(draft, FILE)


def test_media_in_a_bucket_follow_their_account(
    run: Run, data: Path, bucket: str, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSAPP_MCP_MEDIA", f"s3://{bucket}/all")
    for account in ("work", "home"):
        run("accounts", "add", account)
        keep(data, account)
    (file,) = {name.rpartition("/")[2] for name in object_names(s3_url, bucket)}
    done = run("accounts", "rename", "work", "shop")
    assert done.exit_code == 0, done.output
    assert object_names(s3_url, bucket) == [f"all/home/{file}", f"all/shop/{file}"]
    done = run("accounts", "remove", "shop", "--yes")
    assert done.exit_code == 0, done.output
    assert object_names(s3_url, bucket) == [f"all/home/{file}"]
    monkeypatch.setenv("WHATSAPP_MCP_MEDIA", "s3://not-there")
    refused = run("accounts", "remove", "home", "--yes")
    assert refused.exit_code != 0 and "no bucket 'not-there'" in refused.output
    assert (data / "home").exists(), "nothing is half removed"


def test_an_account_is_removed_and_the_phone_is_named(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("accounts", "add", "work")
    run("accounts", "add", "shop")
    link(Settings(data_dir=data, account="work"))
    monkeypatch.setattr(sys.modules["whatsapp_mcp.cli.asking"], "can_be_asked", lambda: True)
    refused = CliRunner().invoke(cli, ["accounts", "remove", "work"], input="n\n")
    assert (refused.exit_code, (data / "work").exists()) == (1, True)
    done = CliRunner().invoke(cli, ["accounts", "remove", "work"], input="y\n")
    assert done.exit_code == 0, done.output
    assert "with all messages and media?" in done.stderr
    assert f"still lists the device {JID}" in done.stdout
    assert [entry.name for entry in data.iterdir()] == ["shop"]


@pytest.mark.parametrize("arguments", [("remove", "work", "--yes"), ("rename", "work", "shop")])
def test_an_account_in_use_stays(
    run: Run, data: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_module, "END_LIMIT", 0.2)
    run("accounts", "add", "work")
    lock = AccountLock.acquire(Settings(data_dir=data, account="work").lock_path)
    assert lock is not None
    try:
        done = run("accounts", *arguments)
    finally:
        lock.release()
    assert done.exit_code == 3
    assert f"the account 'work' is in use by process {os.getpid()}" in done.stderr
    assert "Close the MCP hosts that use it" in done.stderr
    assert [entry.name for entry in data.iterdir()] == ["work"]
    assert run("accounts", *arguments).exit_code == 0


@pytest.mark.parametrize("arguments", [("remove", "work", "--yes"), ("rename", "work", "shop")])
def test_the_servers_that_use_an_account_are_named(run: Run, data: Path, arguments: tuple[str, ...]) -> None:
    run("accounts", "add", "work")
    settings = Settings(data_dir=data, account="work")
    with served(settings) as process:
        done = run("accounts", *arguments)
    assert done.exit_code == 3
    assert f"in use by process {SERVER.pid} (whatsapp-mcp stdio)" in done.stderr
    assert not any(isinstance(command, Restart) for command in process.asked), "it goes on"
    assert settings.account_dir.is_dir()


@pytest.mark.parametrize("arguments", [("remove", "work", "--yes"), ("rename", "work", "shop")])
def test_a_session_process_that_no_server_uses_is_no_obstacle(run: Run, data: Path, arguments: tuple[str, ...]) -> None:
    run("accounts", "add", "work")
    settings = Settings(data_dir=data, account="work")
    with served(settings, servers=()):
        done = run("accounts", *arguments)
    assert done.exit_code == 0, done.stderr
    assert not settings.account_dir.exists()


def test_what_cannot_be_deleted_is_named(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("accounts", "add", "work")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("shutil.rmtree", refuse)
    done = run("accounts", "remove", "work", "--yes")
    assert done.exit_code == 1
    (left,) = data.iterdir()
    assert left.name.startswith(".removed-work-")
    assert f"Delete {left} by hand" in done.stderr
    assert "work" not in run("accounts").output
    checks = [check for check in json.loads(run("doctor", "--json").output)["checks"] if check["name"] == "account"]
    assert [(check["verdict"], check["next_step"]) for check in checks] == [
        ("warning", f"Delete {left}."),
        ("ok", None),
    ]


@pytest.mark.parametrize("command", ["stdio", "serve", "token", "export", "reindex", "status"])
def test_a_misspelt_account_is_no_new_one(run: Run, data: Path, command: str) -> None:
    run("accounts", "add", "work")
    done = run(command, "--account", "wrok")
    assert done.exit_code == 1
    assert "there is no account 'wrok'" in done.stderr
    assert "name one of these: default, work." in done.stderr
    assert [entry.name for entry in data.iterdir()] == ["work"]


def test_commands_look_at_the_account_that_is_named(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("accounts", "add", "work")
    link(Settings(data_dir=data, account="work"))
    status = json.loads(run("status", "--account", "Work", "--json").output)
    assert (status["account"], status["session"]["jid"]) == ("work", JID)
    assert status["accounts"] == ["default", "work"]
    assert "other accounts: work" in run("status").output
    monkeypatch.setenv("WHATSAPP_MCP_ACCOUNT", "work")
    assert f"yes, as {JID}" in run("status").output
    assert str(data / "work") in run("reindex").stderr
    assert str(data / "work") in run("export").stderr
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json").output)["checks"]}
    assert checks["account"]["message"] == "work; others: default"
    assert checks["session"]["message"] == f"linked as {JID}"
    monkeypatch.setenv("WHATSAPP_MCP_ACCOUNT", "shop")
    found = run("doctor", "--json")
    assert found.exit_code == 1
    checks = {check["name"]: check for check in json.loads(found.output)["checks"]}
    assert checks["account"]["verdict"] == "problem"
    assert "whatsapp-mcp accounts add shop" in checks["account"]["next_step"]
    monkeypatch.setenv("WHATSAPP_MCP_ACCOUNT", "a/b")
    assert "setting account (WHATSAPP_MCP_ACCOUNT): an account's name has" in run("status").stderr
