"""Files and folders of the owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from whatsapp_mcp.private_files import ensure_private_folder, new_private_file, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_and_the_parents_that_are_missing(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = tmp_path / "data" / "account"
    ensure_private_folder(folder)
    assert (mode(folder), mode(folder.parent), mode(tmp_path)) == (0o700, 0o700, 0o755)
    ensure_private_folder(folder)


def test_no_folder_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError):
            ensure_private_folder(folder)


def test_a_new_file_takes_the_place_of_nothing(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    with new_private_file(path) as file:
        file.write(b"line\n")
    assert (path.read_bytes(), mode(path)) == (b"line\n", 0o600)
    for taken in (path, link):
        with pytest.raises(FileExistsError):
            new_private_file(taken)


def test_writing_replaces_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("open to all")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_stays_behind_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "folder", b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]
