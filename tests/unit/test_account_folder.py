"""The folder of an account: paths that neonize cannot use, and places where there can be none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.ownership import owned_by_another
from whatsapp_mcp.account_folder import check_files, check_path, make_folder
from whatsapp_mcp.errors import SetupError


@pytest.mark.parametrize("name", ["what?", "50%", "50%25", "#1"])
def test_a_path_that_neonize_cannot_use(name: str) -> None:
    with pytest.raises(SetupError, match="cannot handle") as caught:
        check_path(Path("/data", name, "session.db"))
    assert "--data-dir" in caught.value.next_step


def test_a_path_that_it_can() -> None:
    check_path(Path("/data/ümläut and space/a&b=c+d/session.db"))


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "account"):
        with pytest.raises(SetupError, match="cannot be created") as caught:
            make_folder(folder)
        assert "--data-dir" in caught.value.next_step


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    make_folder(folder)
    make_folder(folder)
    owned_by_another(folder, monkeypatch)
    with pytest.raises(SetupError, match="belongs to another user") as caught:
        make_folder(folder)
    assert "--data-dir" in caught.value.next_step


@pytest.mark.parametrize("name", ["session.db", "messages.db", "messages.db-wal", "messages.db-incoming", "lock"])
def test_a_file_with_a_second_name_is_refused(tmp_path: Path, name: str) -> None:
    make_folder(tmp_path / "account")
    (tmp_path / "account" / "media").mkdir()
    (tmp_path / "account" / name).write_bytes(b"x")
    check_files(tmp_path / "account")
    (tmp_path / "elsewhere").hardlink_to(tmp_path / "account" / name)
    with pytest.raises(SetupError, match=f"{name} has 2 names") as caught:
        check_files(tmp_path / "account")
    assert name in caught.value.next_step


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "session.db").write_bytes(b"x")
    owned_by_another(tmp_path / "session.db", monkeypatch)
    with pytest.raises(SetupError, match="belongs to another user"):
        check_files(tmp_path)


def test_a_link_that_leads_nowhere_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    check_files(tmp_path)
