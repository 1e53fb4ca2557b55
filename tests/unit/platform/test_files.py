"""Replacing, removing, bytes at a place: the same on every system."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from whatsapp_mcp.platform.files import (
    REMOVABLE_WHILE_OPEN,
    is_deleted,
    open_shared,
    remove,
    replace,
    reserve,
    sync,
    write_at,
)
from whatsapp_mcp.platform.ownership import new_private_file, open_private_file, open_private_log, others_may_read


def test_bytes_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "file"
    descriptor = open_private_file(path)
    assert not os.get_inheritable(descriptor)
    write_at(descriptor, b"a\nb\r\nc\x1ad", 4)
    write_at(descriptor, b"zero", 0)
    sync(descriptor)
    os.close(descriptor)
    assert path.read_bytes() == b"zeroa\nb\r\nc\x1ad"
    again = open_private_file(path)
    assert os.read(again, 100) == b"zeroa\nb\r\nc\x1ad"
    os.close(again)


def test_room_that_is_taken_holds_zeros_behind_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    descriptor = open_private_file(path)
    write_at(descriptor, b"here", 0)
    reserve(descriptor, 10_000)
    assert path.read_bytes() == b"here" + bytes(9_996)
    reserve(descriptor, 100)
    write_at(descriptor, b"more", 9_998)
    os.close(descriptor)
    assert path.read_bytes() == b"here" + bytes(9_994) + b"more"


def test_replacing_and_removing(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_bytes(b"new")
    old.write_bytes(b"old")
    replace(new, old)
    assert (old.read_bytes(), new.exists()) == (b"new", False)
    remove(old)
    remove(old)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        replace(new, old)


def test_a_file_that_somebody_reads_is_replaced_and_removed(tmp_path: Path) -> None:
    """At once; on Windows when the reader has closed it."""
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_bytes(b"new")
    old.write_bytes(b"old")
    steps: list[Callable[[], None]] = [lambda: replace(new, old), lambda: remove(old)]
    for step in steps:
        with old.open("rb") as reader:
            closing = threading.Timer(0.0 if REMOVABLE_WHILE_OPEN else 0.3, reader.close)
            closing.start()
            step()
            closing.join()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(REMOVABLE_WHILE_OPEN, reason="a file that is open can be removed on this system")
def test_nobody_is_waited_for_in_vain(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with path.open("rb"), pytest.raises(PermissionError):
        remove(path)
    assert path.exists()


def test_a_file_system_that_cannot_reserve_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        reserve(descriptor, 10_000)
    finally:
        os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == b"x"


def test_which_system_this_is() -> None:
    assert (sys.platform != "win32") == REMOVABLE_WHILE_OPEN


def test_a_log_grows_at_its_end_and_can_be_renamed_meanwhile(tmp_path: Path) -> None:
    path, closed = tmp_path / "log", tmp_path / "closed"
    first, second = open_private_log(path), open_private_log(path)
    reading = open_shared(path)
    assert not any(map(os.get_inheritable, (first, second, reading)))
    os.write(first, b"a\r\n")
    os.write(second, b"b\x1a\n")
    replace(path, closed)
    os.write(first, b"c\n")
    third = open_private_log(path)
    os.write(third, b"d\n")
    assert os.read(reading, 100) == closed.read_bytes() == b"a\r\nb\x1a\nc\n"
    assert path.read_bytes() == b"d\n"
    assert others_may_read(path) is None
    for descriptor in (first, second, third, reading):
        os.close(descriptor)


def test_who_writes_a_new_file_sees_that_it_was_deleted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    descriptor = new_private_file(path)
    try:
        assert not is_deleted(descriptor)
        path.unlink()
        assert is_deleted(descriptor)
    finally:
        os.close(descriptor)
    assert not path.exists()


def test_a_new_file_can_be_deleted_by_others_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    descriptor = new_private_file(path)
    try:
        path.unlink()
    finally:
        os.close(descriptor)
    assert not path.exists()
