"""Files and folders of the owner alone."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from tests.unit.ownership import owned_by_another
from tests.unit.systems import needs_links
from whatsapp_mcp.platform.ownership import not_ours_alone, others_may_read
from whatsapp_mcp.private_files import ensure_private_folder, new_private_file, write_private


def is_private(path: Path) -> bool:
    """0700 or 0600; on Windows an access list that lets in nobody else."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return others_may_read(path) is None and (sys.platform == "win32" or mode == (0o700 if path.is_dir() else 0o600))


def test_a_folder_and_the_parents_that_are_missing(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = tmp_path / "data" / "account"
    ensure_private_folder(folder)
    assert is_private(folder)
    assert is_private(folder.parent)
    assert not is_private(tmp_path)
    ensure_private_folder(folder)


def test_no_folder_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError):
            ensure_private_folder(folder)


def test_a_new_file_takes_the_place_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with new_private_file(path) as file:
        assert Path(file.name) == path
        file.write(b"line\n")
    assert path.read_bytes() == b"line\n"
    assert is_private(path)
    with pytest.raises(FileExistsError):
        new_private_file(path)


@needs_links
def test_a_link_is_not_followed_where_a_new_file_is_made(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        new_private_file(link)
    assert not (tmp_path / "elsewhere").exists()


def test_writing_replaces_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("open to all")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert is_private(path)
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_stays_behind_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "folder", b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_what_is_the_users_alone(tmp_path: Path) -> None:
    (tmp_path / "folder" / "below").mkdir(parents=True)  # folders have many links by nature
    write_private(tmp_path / "file", b"x")
    for path in (tmp_path / "folder", tmp_path / "file"):
        assert not_ours_alone(path.stat()) is None


def test_a_file_with_a_second_name_is_not(tmp_path: Path) -> None:
    write_private(tmp_path / "file", b"x")
    (tmp_path / "second").hardlink_to(tmp_path / "file")
    assert "2 names" in str(not_ours_alone((tmp_path / "file").stat()))
    write_private(tmp_path / "file", b"x")  # makes a new file
    assert not_ours_alone((tmp_path / "file").stat()) is None


def test_what_another_user_owns_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by_another(tmp_path, monkeypatch)
    assert "another user" in str(not_ours_alone(tmp_path.stat()))
