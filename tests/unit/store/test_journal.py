"""What is noted stays known, in order, whatever happens to the process or to the end of the file."""

from __future__ import annotations

import os
import random
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.store.journal import SIZE, Journal, JournalEntry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "incoming"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path)
    yield journal
    journal.close()


def note(journal: Journal, *payloads: bytes) -> None:
    for payload in payloads:
        assert journal.append(17, payload) is not None


def entries(*payloads: bytes) -> list[JournalEntry]:
    return [JournalEntry(17, payload) for payload in payloads]


def pending(journal: Journal) -> list[JournalEntry]:
    return [JournalEntry(code, journal.read(number) or b"") for number, code in journal.waiting()]


def store(journal: Journal, count: int) -> None:
    """The first so many of those that wait."""
    journal.stored([number for number, _ in journal.waiting()[:count]])


def again(path: Path) -> Journal:
    """As the next process finds it; the one before closed nothing."""
    return Journal(path)


def test_a_new_one_is_empty_and_private(journal: Journal, path: Path) -> None:
    assert pending(journal) == list(journal.recent()) == []
    assert journal.last_written is None
    assert sys.platform == "win32" or others_may_read(path) is None  # there, its folder keeps it
    assert path.stat().st_size == SIZE, "its room is taken in advance"


def test_what_is_not_stored_is_pending_in_the_next_process(journal: Journal, path: Path) -> None:
    note(journal, b"a", b"b", b"c")
    store(journal, 2)
    after = again(path)
    assert pending(after) == entries(b"c")
    assert list(after.recent()) == entries(b"a", b"b", b"c")
    assert after.last_written == pytest.approx(path.stat().st_mtime * 1000, abs=5000)
    note(after, b"d")
    store(after, 1)
    assert pending(again(path)) == entries(b"d")


def test_an_entry_that_was_cut_off_ends_the_list_and_is_written_over(journal: Journal, path: Path) -> None:
    note(journal, b"first", b"second" * 10)
    end = path.read_bytes().rindex(b"second") + 3
    with path.open("r+b") as file:
        file.seek(end)
        file.write(bytes(3))
    after = again(path)
    assert pending(after) == entries(b"first")
    note(after, b"third")
    assert pending(again(path)) == entries(b"first", b"third")


def test_what_was_never_a_journal_is_begun_anew(path: Path) -> None:
    path.write_bytes(os.urandom(1000))
    journal = Journal(path)
    assert pending(journal) == []
    note(journal, b"a")
    assert pending(again(path)) == entries(b"a")


def test_it_does_not_grow_for_ever(journal: Journal, path: Path) -> None:
    big = [bytes([number]) * (SIZE // 3) for number in range(1, 10)]
    for payload in big:
        note(journal, payload)
        store(journal, 1)
    kept = list(again(path).recent())
    assert [entry.payload for entry in kept] == big[-len(kept) :]
    assert 0 < len(kept) < 8
    assert pending(again(path)) == []
    assert {child.name for child in path.parent.iterdir()} == {"incoming", "incoming-old"}


def test_nothing_that_is_not_stored_is_given_up_when_it_grows(journal: Journal, path: Path) -> None:
    big = [bytes([number]) * (SIZE // 2) for number in range(1, 7)]
    note(journal, *big)
    store(journal, 5)
    assert pending(again(path)) == entries(big[-1])


def test_it_does_not_grow_while_something_always_waits(journal: Journal, path: Path) -> None:
    """As under a load that never pauses."""
    payloads = [str(number).encode().rjust(SIZE // 50) for number in range(1000)]
    note(journal, payloads[0])
    for earlier, payload in pairwise(payloads):
        note(journal, payload)
        store(journal, 1)
        assert pending(journal) == entries(payload)
        assert path.stat().st_size < 2 * SIZE
        recent = [entry.payload for entry in journal.recent()]
        assert recent[-2:] == [earlier, payload], "each once"
        assert len(recent) == len(set(recent))


@pytest.mark.parametrize("moved", [False, True])
def test_an_end_while_a_new_one_is_begun_loses_nothing(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    note(journal, bytes(SIZE), b"waits")

    def ends(source: Path, target: Path) -> None:
        if moved and source == path:
            source.replace(target)
        raise OSError("the process ended here")

    with monkeypatch.context() as patched:
        patched.setattr("whatsapp_mcp.store.journal.replace", ends)
        store(journal, 1)
    after = again(path)
    assert pending(after) == entries(b"waits")
    note(after, b"later")
    assert pending(again(path)) == entries(b"waits", b"later")
    assert not path.with_name("incoming-new").exists()


def test_clear(journal: Journal, path: Path) -> None:
    note(journal, b"of another account")
    journal.clear()
    assert list(again(path).recent()) == []
    note(journal, b"mine")
    assert pending(again(path)) == entries(b"mine")


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files that could stand in for the disk")
def test_a_full_disk_leaves_the_room_taken_in_advance(journal: Journal, path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, before[1]))
    try:
        assert journal.append(13, bytes(SIZE)) is None
        note(journal, b"small")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert pending(again(path)) == entries(b"small")
    note(journal, b"later")
    assert pending(again(path)) == entries(b"small", b"later")


def test_a_folder_that_cannot_be_written_does_without(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "nowhere" / "incoming")
    assert journal.append(17, b"a") is None
    store(journal, 1)
    assert pending(journal) == []
    journal.close()


def test_what_is_stored_before_an_earlier_one_stays_stored(journal: Journal, path: Path) -> None:
    """As what happens while a history waits."""
    note(journal, b"history", b"a", b"b", b"c")
    numbers = [number for number, _ in journal.waiting()]
    journal.stored(numbers[1:3])
    assert pending(journal) == pending(again(path)) == entries(b"history", b"c")
    assert list(journal.recent()) == entries(b"a", b"b", b"history", b"c"), "what is stored first"
    assert [journal.waits(number) for number in numbers] == [True, False, False, True]
    journal.stored(numbers[:1])
    assert pending(journal) == pending(again(path)) == entries(b"c")
    assert list(journal.recent()) == entries(b"history", b"a", b"b", b"c")


def test_numbers_stay_when_a_new_file_is_begun_and_are_not_given_twice(journal: Journal) -> None:
    first, second = (journal.append(13, bytes([number]) * SIZE) for number in (1, 2))
    assert first is not None and second is not None
    journal.stored([first])
    assert journal.read(first) is None
    assert journal.read(second) == bytes([2]) * SIZE
    journal.clear()
    assert journal.read(second) is None
    assert not journal.waits(second)
    note(journal, b"mine")
    journal.stored([second])
    assert pending(journal) == entries(b"mine")


def test_no_more_than_one_entry_is_in_memory(path: Path) -> None:
    """A history that comes faster than it is stored is larger than all the rest of the process."""
    part, parts = 4 * SIZE, 12
    before = Journal(path)
    for number in range(parts):
        assert before.append(13, bytes([number]) * part) is not None
    before.close()
    tracemalloc.start()
    try:
        journal = Journal(path)
        for number, _ in journal.waiting():
            assert len(journal.read(number) or b"") == part
            journal.stored([number])
        assert sum(len(entry.payload) for entry in journal.recent()) >= part
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * part


def test_any_history_comes_back(path: Path) -> None:
    """Random notes, commits and new processes: pending is what was noted and not stored."""
    chance = random.Random(5)
    journal, waiting, number = Journal(path), list[bytes](), 0
    for _ in range(400):
        match chance.randrange(10):
            case 0:
                journal.close()  # as the end of a process does; nothing is written
                journal = again(path)
            case 1 | 2:
                count = chance.randint(0, len(waiting))
                store(journal, count)
                del waiting[:count]
            case 3:
                done = {place for place in range(len(waiting)) if chance.random() < 0.5}
                journal.stored([number for place, (number, _) in enumerate(journal.waiting()) if place in done])
                waiting = [payload for place, payload in enumerate(waiting) if place not in done]
            case _:
                number += 1
                payload = str(number).encode() * chance.randint(1, 5000)
                note(journal, payload)
                waiting.append(payload)
        assert pending(journal) == entries(*waiting)
    journal.close()


def test_of_what_was_cut_off_meanwhile_nothing_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "incoming")
    whole, cut = journal.append(1, b"whole"), journal.append(1, b"cut off")
    assert whole is not None
    assert cut is not None
    content = (tmp_path / "incoming").read_bytes()
    os.truncate(tmp_path / "incoming", content.index(b"cut off") + 3)
    assert (journal.read(whole), journal.read(cut)) == (b"whole", None)
    journal.close()
