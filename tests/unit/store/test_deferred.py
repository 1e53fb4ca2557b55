"""Messages that leave later: held, claimed once, stopped once, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest

from tests.unit.store.build import ANA, GROUP, NOW, Store, message
from whatsapp_mcp.errors import RateLimited
from whatsapp_mcp.models.changes import SendFinished
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.store.deferred import KEPT, LATE, MOST, DeferredSends, Leaving
from whatsapp_mcp.store.records import DeferredSend, KeyedSend, NewDeferred
from whatsapp_mcp.store.sends import KEPT as KEPT_KEY

T = TypeVar("T")
DUE = NOW + 30_000
ERROR = {"code": "whatsapp_refused", "message": "no", "next_step": "none", "details": {}}


def ask(store: Store, work: Callable[[DeferredSends], T]) -> T:
    return store.writer.with_deferred(work)


def hold(store: Store, name: str = "HELD1", *, key: str = "", due_at: int = DUE, **more: Any) -> KeyedSend | None:
    new = NewDeferred(
        id=name,
        chat=more.get("chat", ANA),
        due_at=due_at,
        key=key or name,
        kept=KEPT_KEY,
        fingerprint=more.get("fingerprint", "f"),
        command='{"what": "to send"}',
        answer=f'{{"message_id":"{name}"}}',
        late=more.get("late", LATE),
        caller=more.get("caller"),
    )
    return ask(store, lambda held: held.hold(new))


def known(store: Store, name: str = "HELD1") -> DeferredSend:
    """As the process that writes sees it: the reader goes by the clock of the machine."""
    found = store.reader.deferred(name)
    assert found is not None
    return found


def state(store: Store, name: str = "HELD1") -> str:
    sql = "SELECT state FROM deferred_sends WHERE id = ?"
    found: str = store.writer._connection.execute(sql, (name,)).fetchone()[0]
    return found


def content(store: Store, name: str = "HELD1") -> str | None:
    sql = "SELECT command FROM deferred_sends WHERE id = ?"
    found: str | None = store.writer._connection.execute(sql, (name,)).fetchone()[0]
    return found


def test_what_is_held_waits_in_order_of_time(store: Store) -> None:
    hold(store, "HELD1", due_at=DUE + 5)
    hold(store, "HELD2", due_at=DUE, chat=GROUP)
    assert [(one.id, one.chat) for one in ask(store, DeferredSends.waiting)] == [
        ("HELD2", str(GROUP)),
        ("HELD1", str(ANA)),
    ]
    assert ask(store, lambda held: held.command("HELD1")) == Leaving('{"what": "to send"}', "HELD1", None)
    assert known(store) == DeferredSend("HELD1", ANA, DeferredState.HELD, DUE + 5, "HELD1")


def test_a_key_that_is_taken_holds_nothing(store: Store) -> None:
    assert hold(store, key="k") is None
    stood = hold(store, "HELD2", key="k")
    assert stood == KeyedSend("f", '{"message_id":"HELD1"}', None, DUE), "a day from when it is due"
    assert [one.id for one in ask(store, DeferredSends.waiting)] == ["HELD1"]


def test_it_leaves_once(store: Store) -> None:
    hold(store, key="k")
    assert ask(store, lambda held: held.leave("HELD1", b"raw"))
    assert not ask(store, lambda held: held.leave("HELD1", b"raw"))
    assert store.writer.find_send("k") == KeyedSend("f", None, b"raw", NOW), "a claim like any other"
    assert ask(store, DeferredSends.waiting) == ()
    assert ask(store, lambda held: held.cancel("HELD1")) == (DeferredState.LEAVING, "k")


def test_what_was_sent_is_found_under_both_ids(store: Store) -> None:
    hold(store, key="k")
    ask(store, lambda held: held.leave("HELD1", b"raw"))
    store.apply([message("3EB0", 1, "hello", from_me=True), SendFinished("k", '{"message_id":"3EB0"}')])
    found = store.reader.message("HELD1", ANA)
    assert found is not None
    assert (found.id, found.text) == ("3EB0", "hello")
    assert store.reader.message("HELD1") == found
    assert store.reader.message("HELD1", GROUP) is None
    assert (known(store).state, known(store).sent_id) == (DeferredState.SENT, "3EB0")
    assert content(store) is None


def test_stopped_before_it_leaves(store: Store) -> None:
    hold(store, key="k")
    assert ask(store, lambda held: held.cancel("HELD1")) == (DeferredState.CANCELLED, "k")
    assert ask(store, lambda held: held.cancel("HELD1")) == (DeferredState.CANCELLED, "k")
    assert not ask(store, lambda held: held.leave("HELD1", b"raw"))
    assert content(store) is None, "nothing of what it said stays"
    assert hold(store, "HELD2", key="k") is not None, "repeating the call does not send what was stopped"
    assert ask(store, lambda held: held.cancel("HELD9")) is None


def test_what_could_not_leave_is_held_as_before(store: Store) -> None:
    hold(store, key="k")
    ask(store, lambda held: held.leave("HELD1", b"raw"))
    ask(store, lambda held: held.stay("HELD1"))
    assert [one.id for one in ask(store, DeferredSends.waiting)] == ["HELD1"]
    assert store.writer.find_send("k") == KeyedSend("f", '{"message_id":"HELD1"}', None, DUE)


def test_too_late_is_never(store: Store) -> None:
    hold(store, "HELD1", key="k")
    hold(store, "HELD2", due_at=DUE + 1)
    store.now = DUE + LATE
    assert ask(store, DeferredSends.expire) == ()
    store.now += 1
    assert ask(store, DeferredSends.expire) == ("HELD1",)
    assert (state(store, "HELD1"), state(store, "HELD2")) == ("expired", "held")
    assert hold(store, "HELD3", key="k", due_at=store.now) is None, "its key is free"


def test_who_reads_sees_that_it_is_too_late_without_a_process_that_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(store)
    for now, expected in ((DUE + LATE, DeferredState.HELD), (DUE + LATE + 1, DeferredState.EXPIRED)):
        monkeypatch.setattr("whatsapp_mcp.store.read.reader.now_ms", lambda now=now: now)
        assert known(store).state is expected
    assert state(store) == "held"


def test_a_failure_says_why(store: Store) -> None:
    hold(store, key="k")
    ask(store, lambda held: held.give_up("HELD1", ERROR))
    assert (known(store).state, known(store).error) == (DeferredState.FAILED, ERROR)
    assert store.writer.find_send("k") is None
    assert content(store) is None


def test_of_what_was_leaving_nobody_knows(store: Store) -> None:
    for name in ("HELD1", "HELD2", "HELD3"):
        hold(store, name)
    for name in ("HELD1", "HELD2"):
        ask(store, partial(DeferredSends.leave, message_id=name, message=b"raw"))
    ask(store, lambda held: held.give_up("HELD1", ERROR))
    assert [state(store, name) for name in ("HELD1", "HELD2", "HELD3")] == ["unknown", "leaving", "held"]
    ask(store, DeferredSends.doubt)
    assert [state(store, name) for name in ("HELD1", "HELD2", "HELD3")] == ["unknown", "unknown", "held"]
    assert store.writer.find_send("HELD1") is not None, "the claim stays, so that a receipt can prove it"
    store.apply([SendFinished("HELD1", '{"message_id":"3EB0"}')])
    assert state(store, "HELD1") == "sent"


def test_an_unlinked_account_sends_nothing(store: Store) -> None:
    hold(store, "HELD1")
    hold(store, "HELD2")
    assert set(ask(store, lambda held: held.give_all_up(ERROR))) == {"HELD1", "HELD2"}
    assert ask(store, DeferredSends.waiting) == ()


def test_after_a_month_nobody_asks_any_more(store: Store) -> None:
    hold(store, "HELD1")
    hold(store, "HELD2", due_at=DUE + KEPT)
    ask(store, lambda held: held.cancel("HELD1"))
    store.now += KEPT
    hold(store, "HELD3", due_at=store.now)
    assert store.reader.deferred("HELD1") is None
    assert state(store, "HELD2") == "held"


# ---- scheduled ---------------------------------------------------------------------------------------------------


def test_what_is_scheduled_may_be_as_late_as_it_says(store: Store) -> None:
    hold(store, "HELD1", due_at=NOW - 50_000, late=40_000, caller="{}")
    hold(store, "HELD2", due_at=NOW - 50_000, late=60_000, caller="{}")
    assert ask(store, DeferredSends.expire) == ("HELD1",)
    assert (state(store, "HELD1"), state(store, "HELD2")) == ("expired", "held")


def test_why_it_waited_is_told_when_it_expires(store: Store) -> None:
    hold(store, due_at=NOW - 50_000, caller="{}")
    ask(store, lambda held: held.delay("HELD1", ERROR))
    assert known(store).error == ERROR
    store.writer._connection.execute("UPDATE deferred_sends SET late = 1")
    ask(store, DeferredSends.expire)
    assert (known(store).state, known(store).error) == (DeferredState.EXPIRED, ERROR)


def test_why_it_waited_is_forgotten_when_it_left(store: Store) -> None:
    hold(store, caller="{}")
    ask(store, lambda held: held.delay("HELD1", ERROR))
    ask(store, lambda held: held.leave("HELD1", b"raw"))
    store.apply([SendFinished("HELD1", '{"message_id":"S1"}')])
    assert (known(store).state, known(store).error) == (DeferredState.SENT, None)


def test_what_is_scheduled_is_listed_and_what_is_held_back_is_not(store: Store) -> None:
    hold(store, "HELD1")
    hold(store, "HELD2", due_at=DUE + 9, caller="{}")
    hold(store, "HELD3", due_at=DUE, chat=GROUP, caller="{}")
    ask(store, lambda held: held.cancel("HELD3"))
    assert [(one.id, one.scheduled) for one in store.reader.scheduled(0)] == [("HELD3", True), ("HELD2", True)]
    assert [one.id for one in store.reader.scheduled(NOW + 1)] == ["HELD2"], "the other settled before"


def test_there_is_an_end_to_what_can_be_scheduled(store: Store) -> None:
    for number in range(MOST):
        hold(store, f"HELD{number}", caller="{}")
    with pytest.raises(RateLimited, match="wait already"):
        hold(store, "HELD-more", caller="{}")
    assert hold(store, "HELD-back") is None
