"""An account in PostgreSQL that is renamed, removed, or to be copied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from whatsapp_mcp.cluster.lease import Claim, take
from whatsapp_mcp.documents import read_document, write_document
from whatsapp_mcp.errors import DataDirectoryInUse, SetupError
from whatsapp_mcp.offline.accounts import add_account, remove_account, rename_account
from whatsapp_mcp.offline.backup import back_up
from whatsapp_mcp.offline.restore import restore
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.whereabouts import StoredDocument


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


def test_what_is_in_the_database_gets_the_new_name(data_dir: Path) -> None:
    write(data_dir, "work")
    rename_account(data_dir, "work", "shop")
    assert policy(data_dir, "shop") == b"work"
    assert policy(data_dir, "work") is None


def test_nothing_is_left_of_a_removed_account(data_dir: Path) -> None:
    write(data_dir, "work")
    remove_account(data_dir, "work")
    add_account(data_dir, "work")
    assert policy(data_dir, "work") is None


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
