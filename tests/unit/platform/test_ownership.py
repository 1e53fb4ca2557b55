"""Whose a file is, and who else may use it. Modes on POSIX, access lists on Windows: the same questions and answers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.ownership import owned_by_another
from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.platform.ownership import (
    close_to_others,
    how_to_close,
    make_private_folder,
    new_private_file,
    not_ours_alone,
    open_private_file,
    others_may_change,
    others_may_read,
)


def open_to_all(path: Path) -> None:
    if sys.platform == "win32":
        subprocess.run(
            ["icacls", str(path), "/grant", "*S-1-1-0:F"], check=True, capture_output=True, timeout=CHILD_LIMIT
        )
    else:
        path.chmod(0o777)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "private"
    make_private_folder(path)
    return path


def test_a_private_folder(folder: Path) -> None:
    make_private_folder(folder)
    assert others_may_read(folder) is None
    assert others_may_change(folder) is None
    assert sys.platform == "win32" or stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("make", [new_private_file, open_private_file])
def test_a_private_file_in_a_folder_that_is_open_to_all(make: Callable[[Path], int], tmp_path: Path) -> None:
    open_to_all(tmp_path)
    descriptor = make(tmp_path / "file")
    try:
        assert not os.get_inheritable(descriptor)
        assert others_may_read(descriptor) is None
        assert others_may_read(tmp_path / "file") is None
        os.write(descriptor, b"line\n\x1a")
    finally:
        os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"line\n\x1a"
    with pytest.raises(FileExistsError):
        new_private_file(tmp_path / "file")
    again = open_private_file(tmp_path / "file")
    assert os.read(again, 100) == b"line\n\x1a"
    os.close(again)


def test_what_is_made_in_a_private_folder(folder: Path) -> None:
    for path in (folder / "file", folder / "below"):
        path.mkdir(mode=0o700) if path.name == "below" else path.touch(mode=0o600)
        assert others_may_read(path) is None


def test_no_folder_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "file")
    with pytest.raises(OSError):
        make_private_folder(tmp_path / "missing" / "folder")


def test_what_others_may_use_is_told_with_the_way_to_close_it(folder: Path) -> None:
    (folder / "file").touch()
    for path in (folder, folder / "file"):
        open_to_all(path)
        for found in (others_may_read(path), others_may_change(path)):
            assert found is not None
            assert ("Everyone" if sys.platform == "win32" else "mode 0777") in found
        with_hand = how_to_close(path)
        assert str(path) in with_hand
        subprocess.run(with_hand, shell=True, check=True, capture_output=True, timeout=CHILD_LIMIT)
        assert others_may_read(path) is None


def test_a_file_is_closed(folder: Path) -> None:
    (folder / "file").touch()
    open_to_all(folder / "file")
    close_to_others(folder / "file")
    assert others_may_read(folder / "file") is None


def test_a_second_name(folder: Path) -> None:
    (folder / "file").touch()
    assert not_ours_alone((folder / "file").stat()) is None
    assert not_ours_alone(folder.stat()) is None
    (folder / "second").hardlink_to(folder / "file")
    assert "2 names" in str(not_ours_alone((folder / "file").stat()))
    with (folder / "file").open("rb") as file:
        assert "2 names" in str(not_ours_alone(os.fstat(file.fileno())))


def test_what_is_not_there_cannot_be_judged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        others_may_read(tmp_path / "missing")


@pytest.mark.skipif(sys.platform == "win32", reason="an owner cannot be chosen there without a right of administrators")
def test_another_owner(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owned_by_another(folder, monkeypatch)
    assert "another user" in str(not_ours_alone(folder.stat()))
