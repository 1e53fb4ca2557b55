"""The pause before a start grows with the failures in a row."""

from __future__ import annotations

from whatsapp_mcp.supervisor.back_off import PATIENCE, STABLE_AFTER, BackOff


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_it_grows_up_to_the_last() -> None:
    back_off = BackOff((0.1, 0.5, 2.0), clock=Clock())
    assert [back_off.failed() for _ in range(5)] == [0.1, 0.5, 2.0, 2.0, 2.0]


def test_a_request_begins_anew() -> None:
    back_off = BackOff((0.1, 0.5))
    back_off.failed()
    back_off.start_again()
    assert back_off.failed() == 0.1


def test_so_does_a_session_that_was_stable() -> None:
    clock = Clock()
    back_off = BackOff((0.1, 0.5, 2.0), clock=clock)
    back_off.failed()
    back_off.connected()
    clock.now += STABLE_AFTER + 1
    assert back_off.failed() == 0.1
    clock.now += STABLE_AFTER + 1
    assert back_off.failed() == 0.1, "the first that did not connect"
    assert back_off.failed() == 0.5


def test_what_ends_a_connected_session_does_not_keep_the_account_away() -> None:
    clock = Clock()
    back_off = BackOff((0.1, 0.5, 2.0), clock=clock)

    def short_life() -> float:
        back_off.connected()
        clock.now += 3
        return back_off.failed()

    assert [short_life() for _ in range(PATIENCE + 1)] == [0.1] * (PATIENCE + 1)
    assert [short_life() for _ in range(3)] == [0.5, 2.0, 2.0], "but not all day"
    back_off.connected()
    clock.now += STABLE_AFTER + 1
    assert back_off.failed() == 0.1
    assert short_life() == 0.1
