"""The one thread that writes: order, batches, and what a failure of one thing does to the others."""

from __future__ import annotations

import queue
import threading
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.waiting import WAIT, wait_until
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import Change, Live
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.pipe.lines import Ended, Notice, StateChanged, Stored
from whatsapp_mcp.store.journal import Journal
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.worker import store_thread
from whatsapp_mcp.worker.open_store import OpenStore
from whatsapp_mcp.worker.store_thread import StoreThread

TEAM = Jid("120363000000000001", "g.us")
ME = Jid("4915100000009", "s.whatsapp.net")


def named(name: str) -> ChatChanged:
    return ChatChanged(TEAM, name=name)


def told_of(name: str) -> Change:
    if name == "poison":
        raise ValueError(name)
    return named(name)


def translate(code: int, payload: bytes) -> Iterable[Change | Notice]:
    """Event 0 means nothing, 666 cannot be read, 7 is the server's only, a part of a history says much, others name the
    chat."""
    match code:
        case EventCode.HISTORY_SYNC:
            return map(told_of, payload.decode().split())
        case 666:
            raise ValueError("poison")
        case 7:
            return [CONNECTED]
        case _:
            return [named(payload.decode())] if code else []


CONNECTED = StateChanged(state=SessionState.CONNECTED)


class FakeWriter:
    """Notes what is committed; can be stopped in a commit, and can fail."""

    def __init__(self) -> None:
        self.commits: list[list[str | None]] = []
        self.threads: set[int] = set()
        self.failing: Exception | None = None
        self.refused: str | None = None
        self.closed = False
        self.inside = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.owner: Jid | None = None

    def sealed_due(self) -> tuple[object, ...]:
        return ()

    def apply(self, changes: Sequence[Change]) -> int:
        assert not self.closed
        self.threads.add(threading.get_ident())
        self.inside.set()
        assert self.go_on.wait(WAIT)
        if self.failing is not None:
            raise self.failing
        plain = [change.change if isinstance(change, Live) else change for change in changes]
        names = [change.name for change in plain if isinstance(change, ChatChanged)]
        if self.refused in names:
            raise ValueError("cannot be stored")
        self.commits.append(names)
        return len(self.stored)

    def set_owner(self, number: Jid, lid: Jid | None) -> None:
        self.owner = number

    def close(self) -> None:
        self.closed = True

    @property
    def stored(self) -> list[str | None]:
        return [name for commit in self.commits for name in commit]


class Bench:
    """A store thread on a fake writer, with what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = FakeWriter()
        self.journal = Journal(folder / "incoming")
        self.announced: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.failures: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.states: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        self.store = OpenStore(folder / "messages.db", self.journal, self.tell, open_writer=lambda _: self.opened())
        self.thread = StoreThread(self.store, self.journal, translate, self.tell)

    def opened(self) -> StoreWriter:
        return cast(StoreWriter, self.writer)

    def tell(self, notice: Notice) -> None:
        match notice:
            case Stored():
                self.announced.put(notice.newest_arrival)
            case Ended():
                self.failures.put(notice.detail)
            case _:
                self.states.put(notice)

    def events(self, *names: str) -> None:
        for name in names:
            self.thread.put_event(1, name.encode())

    def hold(self) -> None:
        """Keep the thread busy in a commit, so that everything that comes now waits."""
        self.writer.go_on.clear()
        self.writer.inside.clear()
        self.events("held")
        assert self.writer.inside.wait(WAIT)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.thread.start()
    yield bench
    bench.writer.go_on.set()
    assert bench.thread.close(WAIT)


def result(future: Future[Any]) -> Any:
    return future.result(WAIT)


def test_events_are_committed_and_announced(bench: Bench) -> None:
    bench.events("a")
    assert bench.announced.get(timeout=WAIT) == 1
    assert bench.writer.commits == [["a"]]


def test_an_event_that_changes_nothing_is_not_committed(bench: Bench) -> None:
    bench.thread.put_event(0, b"")
    result(bench.thread.run(lambda _: None))
    assert bench.writer.commits == []
    assert bench.announced.empty()


def test_what_an_event_means_for_the_server_is_told(bench: Bench) -> None:
    bench.thread.put_event(7, b"", note=False)
    assert bench.states.get(timeout=WAIT) == CONNECTED
    assert bench.writer.commits == []


def test_what_waits_is_committed_together(bench: Bench) -> None:
    bench.hold()
    bench.events("a", "b", "c")
    bench.writer.go_on.set()
    wait_until(lambda: len(bench.writer.stored) == 4)
    assert bench.writer.commits == [["held"], ["a", "b", "c"]]


def test_changes_of_ours_are_committed_with_the_events_before_them(bench: Bench) -> None:
    bench.hold()
    bench.events("a", "b")
    applied = bench.thread.apply([named("ours")])
    bench.writer.go_on.set()
    result(applied)
    assert bench.writer.commits == [["held"], ["a", "b", "ours"]]


def test_who_waits_for_a_change_is_answered_before_it_is_announced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_thread, "NEWS_WAIT", 1e6)
    result(bench.thread.apply([named("ours")]))
    assert bench.announced.empty()
    result(bench.thread.apply([named("too")]))
    assert bench.announced.get(timeout=WAIT) == 1, "at the latest when something more is stored"


def test_what_somebody_waited_for_is_announced_by_itself(bench: Bench) -> None:
    result(bench.thread.apply([named("ours")]))
    assert bench.announced.get(timeout=WAIT) == 1


def test_what_is_recorded_waits_for_nothing_and_is_announced(bench: Bench) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold(_writer: StoreWriter) -> None:
        inside.set()
        assert go_on.wait(WAIT)

    busy = bench.thread.run(hold)
    assert inside.wait(WAIT)
    bench.thread.record(named("ours"))
    assert bench.writer.stored == ["ours"]
    go_on.set()
    result(busy)
    assert bench.announced.get(timeout=WAIT) == 1


def test_what_was_not_announced_is_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "NEWS_WAIT", 1e6)
    bench = Bench(tmp_path)
    bench.thread.start()
    result(bench.thread.apply([named("ours")]))
    assert bench.thread.close(WAIT)
    assert bench.announced.get_nowait() == 1


def test_changes_of_ours_that_cannot_be_stored_cost_the_events_before_them_nothing(bench: Bench) -> None:
    bench.hold()
    bench.events("a", "b")
    applied = bench.thread.apply([named("ours")])
    bench.writer.refused = "ours"
    bench.writer.go_on.set()
    with pytest.raises(ValueError, match="cannot be stored"):
        result(applied)
    assert bench.writer.stored == ["held", "a", "b"]
    assert bench.failures.empty()


def test_an_event_that_cannot_be_stored_costs_changes_of_ours_nothing(bench: Bench) -> None:
    bench.hold()
    bench.events("a", "b")
    applied = bench.thread.apply([named("ours")])
    bench.writer.refused = "a"
    bench.writer.go_on.set()
    result(applied)
    assert bench.writer.stored == ["held", "b", "ours"]
    assert bench.failures.empty()


def test_receipts_wait_for_more_of_them_and_nothing_waits_for_receipts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_thread, "RECEIPTS_WAIT", WAIT)
    for receipt in (b"a", b"b"):
        bench.thread.put_event(EventCode.RECEIPT, receipt)
    result(bench.thread.apply([named("ours")]))
    bench.thread.put_event(EventCode.RECEIPT, b"c")
    bench.events("d")
    wait_until(lambda: len(bench.writer.stored) == 5)
    assert bench.writer.commits == [["a", "b", "ours"], ["c", "d"]]


def test_receipts_do_not_wait_for_ever(bench: Bench) -> None:
    bench.thread.put_event(EventCode.RECEIPT, b"a")
    assert bench.announced.get(timeout=WAIT) == 1


def test_batches_have_an_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "MAX_BATCH", 3)
    bench.hold()
    bench.events(*"abcdefg")
    bench.writer.go_on.set()
    wait_until(lambda: len(bench.writer.stored) == 8)
    assert bench.writer.commits == [["held"], ["a", "b", "c"], ["d", "e", "f"], ["g"]]


def test_work_sees_the_events_before_it_and_none_after(bench: Bench) -> None:
    bench.hold()
    bench.events("a", "b")
    seen = bench.thread.run(lambda writer: list(cast(FakeWriter, writer).stored))
    bench.events("c")
    applied = bench.thread.apply([named("d")])
    bench.events("e")
    bench.writer.go_on.set()
    assert result(seen) == ["held", "a", "b"]
    result(applied)
    wait_until(lambda: len(bench.writer.stored) == 6)
    assert bench.writer.stored == ["held", "a", "b", "c", "d", "e"]


def test_everything_happens_on_one_thread(bench: Bench) -> None:
    bench.events("a")
    result(bench.thread.apply([named("b")]))
    ran_on = result(bench.thread.run(lambda _: threading.get_ident()))
    assert bench.writer.threads == {ran_on}
    assert ran_on != threading.get_ident()


def test_an_event_that_cannot_be_read_does_not_hold_up_the_others(bench: Bench) -> None:
    bench.hold()
    bench.events("a")
    bench.thread.put_event(666, b"")
    bench.events("b")
    bench.writer.go_on.set()
    wait_until(lambda: len(bench.writer.stored) == 3)
    assert bench.writer.stored == ["held", "a", "b"]
    assert bench.failures.empty()


def test_a_store_that_cannot_be_written_is_reported(bench: Bench) -> None:
    bench.writer.failing = full_disk()
    bench.events("a")
    assert "disk full" in bench.failures.get(timeout=WAIT)
    assert bench.announced.empty()


def test_the_caller_learns_that_its_change_was_not_stored(bench: Bench) -> None:
    bench.writer.failing = full_disk()
    with pytest.raises(StoreError, match="disk full"):
        result(bench.thread.apply([named("a")]))


def test_failing_work_is_its_callers_matter(bench: Bench) -> None:
    def fail(_writer: StoreWriter) -> None:
        raise LookupError("not there")

    with pytest.raises(LookupError):
        result(bench.thread.run(fail))
    bench.events("a")
    assert bench.announced.get(timeout=WAIT) == 1


def test_a_caller_that_gave_up_stops_nothing(bench: Bench) -> None:
    bench.hold()
    future = bench.thread.run(lambda _: "nobody waits")
    assert future.cancel()
    bench.writer.go_on.set()
    assert result(bench.thread.run(lambda _: "alive")) == "alive"


def test_close_commits_what_was_handed_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.thread.start()
    bench.hold()
    bench.events(*(str(number) for number in range(1200)))
    applied = bench.thread.apply([named("last")])
    threading.Timer(0.05, bench.writer.go_on.set).start()
    assert bench.thread.close(WAIT)
    assert bench.writer.stored == ["held", *(str(number) for number in range(1200)), "last"]
    assert bench.writer.closed
    assert applied.done()
    assert bench.thread.close(WAIT), "closing again changes nothing"


def test_close_does_not_wait_for_ever(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.thread.start()
    bench.hold()
    assert not bench.thread.close(0.05)
    bench.writer.go_on.set()
    assert bench.thread.close(WAIT)


def test_events_that_mean_much_are_not_all_committed_together(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "MOST_COLLECTED", 2)
    bench.hold()
    bench.events("a", "b", "c", "d", "e")
    bench.writer.go_on.set()
    result(bench.thread.run(lambda _: None))
    assert bench.writer.commits == [["held"], ["a", "b"], ["c", "d"], ["e"]]
    assert bench.journal.waiting() == []


def test_what_is_recovered_is_not_all_committed_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "MOST_COLLECTED", 2)
    killed = Bench(tmp_path)
    killed.events("a", "b", "c")
    after = next_process(killed)
    assert after.thread.recover() == 3
    assert after.writer.commits == [["a", "b"], ["c"]]
    assert next_process(after).thread.recover() == 0


# ---- histories ------------------------------------------------------------------------------------------------------


def test_a_history_waits_in_the_journal_and_not_in_memory(bench: Bench) -> None:
    """neonize hands over a million messages in the time in which some of them are stored."""
    part, parts = " ".join(["name"] * 200_000).encode(), 20
    bench.hold()
    tracemalloc.start()
    try:
        for _ in range(parts):
            bench.thread.put_event(EventCode.HISTORY_SYNC, part)
        waiting, _ = tracemalloc.get_traced_memory()
        assert bench.thread.waiting >= parts
    finally:
        tracemalloc.stop()
    assert waiting < len(part)
    assert [code for _, code in bench.journal.waiting()].count(EventCode.HISTORY_SYNC) == parts


def test_of_a_part_no_more_is_made_than_is_committed_together(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "MOST_COLLECTED", 2)
    made: list[str] = []

    def counted(name: str) -> Change:
        made.append(name)
        assert len(made) - len(bench.writer.stored) <= 2
        return named(name)

    monkeypatch.setitem(globals(), "told_of", counted)
    bench.thread.put_event(EventCode.HISTORY_SYNC, b"h1 h2 h3 h4 h5")
    wait_until(lambda: not bench.journal.waiting())
    assert bench.writer.commits == [["h1", "h2"], ["h3", "h4"], ["h5"]]


def test_what_happens_now_does_not_wait_for_a_history(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "MOST_COLLECTED", 2)
    bench.hold()
    for part in (b"h1 h2 h3 h4", b"h5"):
        bench.thread.put_event(EventCode.HISTORY_SYNC, part)
    bench.events("a")
    bench.writer.go_on.set()
    wait_until(lambda: not bench.journal.waiting())
    assert bench.writer.commits == [["held"], ["a"], ["h1", "h2"], ["h3", "h4"], ["h5"]]


def test_what_comes_in_the_middle_of_a_part_does_not_wait_for_its_end(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_thread, "MOST_COLLECTED", 2)
    bench.writer.go_on.clear()
    bench.thread.put_event(EventCode.HISTORY_SYNC, b"h1 h2 h3 h4 h5")
    assert bench.writer.inside.wait(WAIT)
    bench.events("a")
    applied = bench.thread.apply([named("ours")])
    bench.writer.go_on.set()
    result(applied)
    wait_until(lambda: not bench.journal.waiting())
    assert bench.writer.commits == [["h1", "h2"], ["a", "ours"], ["h3", "h4"], ["h5"]]


def test_the_end_does_not_wait_for_a_history_which_the_next_process_stores(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.thread.start()
    bench.hold()
    bench.thread.put_event(EventCode.HISTORY_SYNC, b"h1 h2")
    threading.Timer(0.05, bench.writer.go_on.set).start()
    assert bench.thread.close(WAIT)
    assert bench.writer.stored == ["held"]
    after = next_process(bench)
    assert after.thread.recover() == 0, "it connects first"
    assert after.writer.stored == []
    after.thread.start()
    wait_until(lambda: not after.journal.waiting())
    assert after.thread.close(WAIT)
    assert after.writer.stored == ["h1", "h2"]


def test_a_history_that_was_stored_in_part_when_the_process_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what happened meanwhile is not stored again."""
    monkeypatch.setattr(store_thread, "MOST_COLLECTED", 2)
    killed = Bench(tmp_path)
    killed.thread.start()
    killed.writer.go_on.clear()
    killed.thread.put_event(EventCode.HISTORY_SYNC, b"h1 h2 h3")
    assert killed.writer.inside.wait(WAIT)
    killed.events("a")
    inside, go_on = threading.Event(), threading.Event()

    def hold(_writer: StoreWriter) -> None:
        inside.set()
        assert go_on.wait(WAIT)

    killed.thread.run(hold)
    killed.writer.go_on.set()
    assert inside.wait(WAIT)
    assert killed.writer.commits == [["h1", "h2"], ["a"]]
    after = next_process(killed)
    assert after.thread.recover() == 0
    after.thread.start()
    wait_until(lambda: not after.journal.waiting())
    assert after.thread.close(WAIT)
    assert after.writer.stored == ["h1", "h2", "h3"]
    go_on.set()


def test_a_part_that_cannot_be_read_to_its_end(bench: Bench) -> None:
    bench.hold()
    for part in (b"h1 poison h2", b"\xff", b"h3"):
        bench.thread.put_event(EventCode.HISTORY_SYNC, part)
    bench.writer.go_on.set()
    wait_until(lambda: not bench.journal.waiting())
    assert bench.writer.stored == ["held", "h1", "h3"]


def test_a_history_that_cannot_be_written_stays(bench: Bench) -> None:
    bench.writer.failing = full_disk()
    for part in (b"h1", b"h2"):
        bench.thread.put_event(EventCode.HISTORY_SYNC, part)
    assert "disk full" in bench.failures.get(timeout=WAIT)
    result(bench.thread.run(lambda _: None))
    assert len(next_process(bench).journal.waiting()) == 2


def test_what_cannot_be_read_back_now_stays_for_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Journal(tmp_path / "incoming")
    for code, said in ((1, b"one"), (EventCode.HISTORY_SYNC, b"old"), (1, b"two")):
        first.append(code, said)
    first.close()
    bench = Bench(tmp_path)
    unreadable = {number for number, _ in bench.journal.waiting()[:2]}
    read = bench.journal.read
    monkeypatch.setattr(bench.journal, "read", lambda number: None if number in unreadable else read(number))
    bench.thread.recover()
    bench.thread.start()
    assert bench.thread.close(WAIT)
    assert bench.writer.stored == ["two"]
    assert {number for number, _ in bench.journal.waiting()} == unreadable
    bench.journal.close()
    after = Bench(tmp_path)
    after.thread.recover()
    after.thread.start()
    wait_until(lambda: after.writer.stored == ["one", "old"])
    assert after.thread.close(WAIT)
    after.journal.close()


def test_a_history_without_a_journal_is_stored_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.journal.close()
    bench.thread.start()
    bench.thread.put_event(EventCode.HISTORY_SYNC, b"h1 h2")
    assert bench.thread.close(WAIT)
    assert bench.writer.stored == ["h1", "h2"]


def test_a_history_of_another_account_is_forgotten(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_thread, "MOST_COLLECTED", 2)
    bench.writer.go_on.clear()
    bench.thread.put_event(EventCode.HISTORY_SYNC, b"h1 h2 h3")
    assert bench.writer.inside.wait(WAIT)
    other, first = FakeWriter(), bench.writer

    def replace(_writer: StoreWriter) -> None:
        bench.writer = other
        bench.store.begin_anew("before")

    done = bench.thread.run(replace)
    first.go_on.set()
    result(done)
    bench.thread.put_event(EventCode.HISTORY_SYNC, b"mine")
    wait_until(lambda: other.stored == ["mine"])
    assert first.stored == ["h1", "h2"]


def test_another_store(bench: Bench) -> None:
    other = FakeWriter()

    first = bench.writer

    def replace(_writer: StoreWriter) -> None:
        bench.store.set_owner(ME, None)
        assert bench.store.owner == ME
        bench.writer = other
        bench.store.begin_anew("before")

    bench.events("a")
    result(bench.thread.run(replace))
    bench.events("b")
    wait_until(lambda: other.stored == ["b"])
    assert first.stored == ["a"]
    assert first.closed
    assert first.owner == ME


def test_with_the_real_store(tmp_path: Path) -> None:
    told: queue.SimpleQueue[Notice] = queue.SimpleQueue()
    journal = Journal(tmp_path / "incoming")
    store = OpenStore(tmp_path / "messages.db", journal, told.put)
    thread = StoreThread(store, journal, translate, told.put)
    thread.start()
    thread.put_event(1, b"Team")
    assert told.get(timeout=WAIT) == Stored(newest_arrival=0)
    assert thread.close(WAIT)


# ---- what outlives the process --------------------------------------------------------------------------------------


def next_process(bench: Bench) -> Bench:
    """As if the process had been killed: nothing is closed."""
    return Bench(bench.folder)


def test_what_was_not_committed_is_recovered_in_order(tmp_path: Path) -> None:
    killed = Bench(tmp_path)  # never started: nothing is committed
    killed.events("a", "b")
    killed.thread.put_event(1, b"not for the store", note=False)
    killed.thread.put_event(666, b"")
    killed.events("c")
    after = next_process(killed)
    assert after.thread.recover() == 4
    assert after.writer.stored == ["a", "b", "c"]
    assert next_process(after).thread.recover() == 0


def test_what_was_committed_is_not_recovered(bench: Bench) -> None:
    bench.events("a", "b")
    wait_until(lambda: bench.writer.stored == ["a", "b"])
    result(bench.thread.run(lambda _: None))
    bench.hold()
    bench.events("c")
    after = next_process(bench)
    assert after.thread.recover() == 2
    assert after.writer.stored == ["held", "c"]


def test_a_store_that_fails_loses_nothing(bench: Bench) -> None:
    bench.writer.failing = full_disk()
    bench.events("a")
    assert "disk full" in bench.failures.get(timeout=WAIT)
    bench.events("b")
    result(bench.thread.run(lambda _: None))
    assert bench.failures.empty(), "told once"
    still_full = next_process(bench)
    still_full.writer.failing = full_disk()
    with pytest.raises(StoreError, match="disk full"):
        still_full.thread.recover()
    after = next_process(still_full)
    assert after.thread.recover() == 2
    assert after.writer.stored == ["a", "b"]


def test_the_end_tries_once_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.thread.start()
    bench.writer.failing = full_disk()
    bench.events("a")
    bench.failures.get(timeout=WAIT)
    bench.writer.failing = None
    assert bench.thread.close(WAIT)
    assert bench.writer.stored == ["a"]


def test_an_event_that_the_store_refuses_does_not_come_back_for_ever(tmp_path: Path) -> None:
    killed = Bench(tmp_path)
    killed.events("a", "poison", "b")
    after = next_process(killed)
    after.writer.refused = "poison"
    assert after.thread.recover() == 3
    assert after.writer.stored == ["a", "b"]
    assert next_process(after).thread.recover() == 0


def full_disk() -> StoreError:
    """As the store raises it."""
    error = StoreError("disk full")
    error.__cause__ = OSError("no space left on device")
    return error
