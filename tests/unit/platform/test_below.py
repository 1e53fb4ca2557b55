"""Files below a folder, and nothing else. What only one system has is skipped elsewhere; the outbox's own tests
(``tests/unit/media/test_media_paths.py``) exchange folders and files in the worst moment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from whatsapp_mcp.platform.below import is_no_path, is_there, locate, open_below, remove_below
from whatsapp_mcp.platform.refused import ClosedPlace, SecondName

WINDOWS = sys.platform == "win32"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = Path(os.path.realpath(tmp_path)) / "outbox"
    (path / "a" / "b").mkdir(parents=True)
    (path / "a" / "b" / "x.txt").write_bytes(b"one\r\ntwo\x1a")
    return path


@pytest.fixture
def closed(folder: Path) -> Path:
    path = folder.parent / "data"
    path.mkdir()
    (path / "session.db").write_bytes(b"SECRET")
    return path


def read(folder: Path, given: str | Path, closed: Path) -> bytes | None:
    descriptor = open_below(folder, locate(folder, Path(given)), closed)
    if descriptor is None:
        return None
    try:
        return os.read(descriptor, 1000)
    finally:
        os.close(descriptor)


def test_the_bytes_of_a_file(folder: Path, closed: Path) -> None:
    for given in ("a/b/x.txt", "./a/../a/b/x.txt", folder / "a" / "b" / "x.txt"):
        assert read(folder, given, closed) == b"one\r\ntwo\x1a"
    assert is_there(locate(folder, Path("a/b/x.txt")))
    assert not is_there(locate(folder, Path("a/b/y.txt")))


def test_what_is_no_file(folder: Path, closed: Path) -> None:
    assert read(folder, "a/b", closed) is None
    with pytest.raises(OSError):
        read(folder, "a/missing.txt", closed)
    with pytest.raises(OSError):
        read(folder, "missing/x.txt", closed)


def test_a_path_that_leads_out_is_located_outside(folder: Path, closed: Path) -> None:
    for given in ("../data/session.db", "a/../../data/session.db", closed / "session.db"):
        place = locate(folder, Path(given))
        assert place == closed / "session.db"
        assert not place.is_relative_to(folder)


def test_the_closed_folder_does_not_open(folder: Path, closed: Path) -> None:
    with pytest.raises(ClosedPlace):
        read(folder.parent, "data/session.db", closed)


def test_a_second_name_does_not_open(folder: Path, closed: Path) -> None:
    (folder / "innocent.txt").hardlink_to(closed / "session.db")
    with pytest.raises(SecondName):
        read(folder, "innocent.txt", closed)


def test_a_folder_that_was_named_by_another_path(folder: Path, closed: Path) -> None:
    written = folder.parent / "a" / ".." / folder.name
    assert locate(written, Path("a/b/x.txt")) == folder / "a" / "b" / "x.txt"


@pytest.mark.parametrize("text", ["a\0b", "\ud800/x"])
def test_what_is_no_path_anywhere(text: str) -> None:
    assert is_no_path(text)


@pytest.mark.parametrize("text", ["\\\\host\\share\\x", "C:x", "x.txt:stream", "aux.txt", "x.txt.", "\\\\?\\C:\\x"])
def test_what_windows_must_not_even_look_for(text: str) -> None:
    assert is_no_path(text) == WINDOWS
    assert not is_no_path("outbox/Grüße 1.txt")


def test_a_plain_file_is_removed(folder: Path) -> None:
    assert remove_below(folder / "a", "b", "x.txt")
    assert not remove_below(folder / "a", "b", "x.txt")
    assert not remove_below(folder / "a", "c", "x.txt")
    assert not remove_below(folder, "a", "b"), "a folder"
    assert (folder / "a" / "b").is_dir()


def test_links_are_not_followed(folder: Path, closed: Path) -> None:
    try:
        (folder / "link.txt").symlink_to(closed / "session.db")
        (folder / "away").symlink_to(closed, target_is_directory=True)
    except OSError:
        pytest.skip("this user may not make links")
    if not (folder / "link.txt").is_symlink():
        pytest.skip("this system makes no links (wine)")
    for given in ("link.txt", "away/session.db"):
        place = locate(folder, Path(given))
        if place.is_relative_to(folder):
            with pytest.raises(OSError):
                open_below(folder, place, closed.parent / "nothing")
    with pytest.raises(OSError):
        remove_below(folder, "away", "session.db")
    assert not remove_below(folder.parent, folder.name, "link.txt")
    assert (closed / "session.db").read_bytes() == b"SECRET"
