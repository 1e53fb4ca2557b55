"""What a call waits for, wherever it waits."""

from __future__ import annotations

import asyncio

import anyio.to_thread
import pytest

from tests.unit.waiting import WAIT
from whatsapp_mcp.waiting import Wait, noted, waits_for


def test_the_innermost_is_told() -> None:
    with noted() as waits:
        assert waits.now is None
        with waits_for("outer"):
            with waits_for("inner") as inner:
                assert waits.now is inner
            assert waits.now is not None
            assert waits.now.what == "outer"
        assert waits.now is None


def test_outside_a_call_nobody_listens() -> None:
    with waits_for("something") as wait:
        wait.done = 1


async def test_threads_and_tasks_of_a_call_say_it_too() -> None:
    def in_thread() -> str:
        with waits_for("thread"):
            assert waits.now is not None
            return waits.now.what

    async def in_task() -> str:
        with waits_for("task"):
            await asyncio.sleep(0)
            assert waits.now is not None
            return waits.now.what

    with noted() as waits:
        assert await anyio.to_thread.run_sync(in_thread) == "thread"
        assert await asyncio.create_task(in_task()) == "task"


async def test_calls_do_not_hear_of_each_other() -> None:
    async def call(what: str, both: asyncio.Barrier) -> str:
        with noted() as waits, waits_for(what):
            await both.wait()
            assert waits.now is not None
            return waits.now.what

    both = asyncio.Barrier(2)
    async with asyncio.timeout(WAIT):
        assert tuple(await asyncio.gather(call("one", both), call("two", both))) == ("one", "two")


@pytest.mark.parametrize(
    ("wait", "text"),
    [
        (Wait("messages"), "messages"),
        (Wait("converting", 1.0, 0.4), "converting: 40 %"),
        (Wait("writing", 3_400, 1_200, unit="messages"), "writing: 1,200 of 3,400"),
        (Wait("writing", 1, 1, unit="messages"), "writing: 1 of 1"),
        (Wait("uploading", 12_000_000, 3_200_000), "uploading: 3.2 of 12.0 MB"),
        (Wait("uploading", 12_000_000, measure=lambda: 13_000_000), "uploading: 12.0 of 12.0 MB"),
    ],
)
def test_in_words(wait: Wait, text: str) -> None:
    assert wait.text() == text


def test_what_was_measured_does_not_go_back() -> None:
    measured = iter((5.0, 3.0))
    wait = Wait("uploading", 10, measure=lambda: next(measured))
    assert [wait.so_far(), wait.so_far()] == [5.0, 5.0]
