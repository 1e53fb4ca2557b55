"""Requests have their turn one after the other, and everybody who waits gets an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.waiting import WAIT
from whatsapp_mcp.errors import NotConnected, NotLoggedIn
from whatsapp_mcp.supervisor.requests import RequestQueue

CLOSING = NotConnected("closing")


class Served:
    """A queue and the task that serves it."""

    def __init__(self) -> None:
        self.queue = RequestQueue()
        self.task = asyncio.create_task(self.queue.serve(lambda: CLOSING))
        self.hold = asyncio.Event()
        self.done: list[str] = []

    async def slow(self) -> str:
        self.done.append("slow begins")
        await self.hold.wait()
        self.done.append("slow ends")
        return "slow"

    async def quick(self) -> str:
        self.done.append("quick")
        return "quick"

    async def refused(self) -> str:
        raise NotLoggedIn("no")

    async def begun(self) -> None:
        async with asyncio.timeout(WAIT):
            while not self.done:
                await asyncio.sleep(0)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    yield served
    served.task.cancel()
    await asyncio.wait({served.task})


async def test_one_after_the_other(served: Served) -> None:
    slow = asyncio.create_task(served.queue.ask(served.slow))
    quick = asyncio.create_task(served.queue.ask(served.quick))
    await served.begun()
    assert served.done == ["slow begins"]
    served.hold.set()
    async with asyncio.timeout(WAIT):
        assert tuple(await asyncio.gather(slow, quick)) == ("slow", "quick")
    assert served.done == ["slow begins", "slow ends", "quick"]


async def test_an_error_is_the_askers(served: Served) -> None:
    with pytest.raises(NotLoggedIn):
        await served.queue.ask(served.refused)
    assert await served.queue.ask(served.quick) == "quick"


async def test_an_error_that_is_nobodys_ends_the_serving(served: Served) -> None:
    served.queue.put(served.refused)
    async with asyncio.timeout(WAIT):
        with pytest.raises(NotLoggedIn):
            await served.task


async def test_who_gives_up_before_its_turn_withdraws_the_request(served: Served) -> None:
    slow = asyncio.create_task(served.queue.ask(served.slow))
    quick = asyncio.create_task(served.queue.ask(served.quick))
    await served.begun()
    quick.cancel()
    served.hold.set()
    assert await slow == "slow"
    assert await served.queue.ask(served.quick) == "quick"
    assert served.done.count("quick") == 1


async def test_what_has_begun_is_finished(served: Served) -> None:
    slow = asyncio.create_task(served.queue.ask(served.slow))
    await served.begun()
    slow.cancel()
    served.hold.set()
    assert await served.queue.ask(served.quick) == "quick"
    assert "slow ends" in served.done


async def test_an_error_that_nobody_waits_for_harms_nobody(served: Served) -> None:
    async def fail() -> None:
        await served.slow()
        raise NotLoggedIn("no")

    failing = asyncio.create_task(served.queue.ask(fail))
    await served.begun()
    failing.cancel()
    served.hold.set()
    assert await served.queue.ask(served.quick) == "quick"


async def test_an_early_answer(served: Served) -> None:
    async def early(answer: asyncio.Future[str]) -> str:
        answer.set_result("early")
        return await served.slow()

    async with asyncio.timeout(WAIT):
        assert await served.queue.ask_early(early) == "early"
    quick = asyncio.create_task(served.queue.ask(served.quick))
    await served.begun()
    assert not quick.done(), "its turn is not over"
    served.hold.set()
    assert await quick == "quick"


async def test_the_end_tells_everybody(served: Served) -> None:
    slow = asyncio.create_task(served.queue.ask(served.slow))
    quick = asyncio.create_task(served.queue.ask(served.quick))
    await served.begun()
    served.task.cancel()
    with pytest.raises(NotConnected):
        await slow
    served.queue.refuse(lambda: CLOSING)
    with pytest.raises(NotConnected):
        await quick
