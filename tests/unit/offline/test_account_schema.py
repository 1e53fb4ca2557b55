"""An account in PostgreSQL that is renamed, removed, or to be copied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from whatsapp_mcp.cluster import tables
from whatsapp_mcp.cluster.lease import Claim, take
from whatsapp_mcp.cluster.tables import forget_account
from whatsapp_mcp.documents import read_document, write_document
from whatsapp_mcp.errors import DataDirectoryInUse, SetupError, StoreError
from whatsapp_mcp.offline.accounts import add_account, remove_account, rename_account
from whatsapp_mcp.offline.backup import back_up
from whatsapp_mcp.offline.restore import restore
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.whereabouts import PostgresSchema, StoredDocument


@pytest.fixture
def data_dir(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("WHATSAPP_MCP_DATABASE", postgres_url)
    yield tmp_path
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for schema in ("wa_work", "wa_shop"):
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def settings(data_dir: Path, account: str) -> Settings:
    return Settings(data_dir=data_dir, account=account)


def policy(data_dir: Path, account: str) -> bytes | None:
    place = settings(data_dir, account).policy_place
    assert isinstance(place, StoredDocument)
    return read_document(place)


def write(data_dir: Path, account: str) -> None:
    add_account(data_dir, account)
    place = settings(data_dir, account).policy_place
    assert isinstance(place, StoredDocument)
    write_document(place, account.encode())


def database(here: Settings) -> str:
    assert isinstance(here.store, PostgresSchema)
    return here.store.url


def holders(here: Settings) -> list[str]:
    """Accounts that somebody has held, of this name."""
    with psycopg.connect(database(here)) as connection:
        statement = "SELECT account FROM whatsapp_mcp.holders WHERE account = %s"
        return [account for (account,) in connection.execute(statement, (here.account,))]


def test_what_is_in_the_database_gets_the_new_name(data_dir: Path) -> None:
    write(data_dir, "work")
    rename_account(data_dir, "work", "shop")
    assert policy(data_dir, "shop") == b"work"
    assert policy(data_dir, "work") is None
    assert holders(settings(data_dir, "work")) == []


def test_nothing_is_left_of_a_removed_account(data_dir: Path) -> None:
    write(data_dir, "work")
    here = settings(data_dir, "work")
    take(database(here), Claim(account="work", node="berlin-1")).release()
    assert holders(here) == ["work"]
    remove_account(data_dir, "work")
    assert holders(here) == []
    add_account(data_dir, "work")
    assert policy(data_dir, "work") is None


def test_a_holder_that_was_stopped_while_its_account_was_removed_and_made_again_is_none(
    data_dir: Path, postgres_url: str
) -> None:
    write(data_dir, "work")
    first = take(postgres_url, Claim(account="work", node="berlin-1"))
    with psycopg.connect(postgres_url) as connection:
        forget_account(connection, "work")
    second = take(postgres_url, Claim(account="work", node="berlin-2"))
    assert (first.epoch, second.epoch) == (1, 1)
    with psycopg.connect(postgres_url) as connection:
        assert [connection.execute(lease.guard.encode()).fetchone() for lease in (first, second)] == [None, (1,)]
    assert (first.confirm(), second.confirm()) == (False, True)
    first.release()
    assert second.confirm()
    second.release()


def test_what_fails_leaves_the_holder_too(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(data_dir, "work")
    here = settings(data_dir, "work")
    take(database(here), Claim(account="work", node="berlin-1")).release()

    def fails(_connection: object, _account: str) -> None:
        raise psycopg.errors.AdminShutdown

    monkeypatch.setattr(tables, "forget_account", fails)
    with pytest.raises(StoreError):
        remove_account(data_dir, "work")
    assert policy(data_dir, "work") == b"work"
    assert holders(here) == ["work"]


def test_an_account_without_anything_in_the_database_is_renamed_too(data_dir: Path) -> None:
    add_account(data_dir, "work")
    assert rename_account(data_dir, "work", "shop").is_dir()


def test_an_account_that_another_node_holds_stays(data_dir: Path, postgres_url: str) -> None:
    write(data_dir, "work")
    lease = take(postgres_url, Claim(account="work", node="berlin-1"))
    lease.keep(lambda _: None)
    try:
        for change in (lambda: remove_account(data_dir, "work"), lambda: rename_account(data_dir, "work", "shop")):
            with pytest.raises(DataDirectoryInUse, match="berlin-1"):
                change()
    finally:
        lease.release()
    assert policy(data_dir, "work") == b"work"
    assert settings(data_dir, "work").account_dir.is_dir()


def test_a_backup_is_made_with_the_means_of_the_database(data_dir: Path, tmp_path: Path) -> None:
    write(data_dir, "work")
    for copy in (
        lambda: back_up(settings(data_dir, "work"), tmp_path / "copy.zip", replace=False),
        lambda: restore(settings(data_dir, "work"), tmp_path / "copy.zip"),
    ):
        with pytest.raises(SetupError, match="no copy") as refused:
            copy()
        assert "docs/postgres.md" in refused.value.next_step
    assert not (tmp_path / "copy.zip").exists()
