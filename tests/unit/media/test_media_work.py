"""Work in threads, stopped by whoever does not want it any more."""

from __future__ import annotations

import threading

import anyio
import pytest

from tests.unit.waiting import WAIT
from whatsapp_mcp.media.work import Work, stoppable


async def test_cancelling_stops_the_thread_and_waits_for_it() -> None:
    began, ended = threading.Event(), threading.Event()

    async def job(cancelled: threading.Event) -> None:
        def work() -> None:
            began.set()
            try:
                while True:
                    Work(cancelled=cancelled).step(0.5)
            finally:
                ended.set()

        await anyio.to_thread.run_sync(work)

    with anyio.fail_after(WAIT):
        async with anyio.create_task_group() as group:
            group.start_soon(stoppable, job)
            await anyio.to_thread.run_sync(began.wait)
            group.cancel_scope.cancel()
    assert ended.is_set()


async def test_an_error_of_the_job_is_raised_as_it_is() -> None:
    async def job(_cancelled: threading.Event) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await stoppable(job)
