"""Signs of life of a call."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.waiting import WAIT
from whatsapp_mcp.server import heartbeat as room
from whatsapp_mcp.server.heartbeat import heartbeat
from whatsapp_mcp.waiting import waits_for

Told = tuple[float, float | None, str]


class Client:
    """Hears of the progress of one call."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self._news = asyncio.Event()

    async def report(self, progress: float, total: float | None, message: str) -> None:
        self.told.append((progress, total, message))
        self._news.set()

    async def hears(self, message: str) -> None:
        before = len(self.told)
        while not any(told[2] == message for told in self.told[before:]):
            self._news.clear()
            await self._news.wait()


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is further from the last than two ticks of Windows' clock, which asyncio takes for one moment."""
    monkeypatch.setattr(room, "LOOK", 0.04)
    monkeypatch.setattr(room, "BEAT", 0.05)


@pytest.mark.usefixtures("fast")
async def test_it_says_what_is_waited_for_and_goes_on_saying_it() -> None:
    client = Client()
    async with asyncio.timeout(WAIT):
        with heartbeat(client.report):
            await client.hears("working")
            with waits_for("the connection"):
                await client.hears("the connection")
                await client.hears("the connection")
            with waits_for("uploading", total=2_000_000) as wait:
                await client.hears("uploading: 0.0 of 2.0 MB")
                wait.done = 1_000_000
                await client.hears("uploading: 1.0 of 2.0 MB")
    values = [progress for progress, _, _ in client.told]
    assert values == sorted(set(values)), "progress has to increase with each notification"
    assert {total for _, total, _ in client.told} == {None}


async def test_a_short_call_tells_nothing() -> None:
    client = Client()
    with heartbeat(client.report), waits_for("nothing much"):
        await asyncio.sleep(0)
    assert client.told == []


@pytest.mark.usefixtures("fast")
async def test_nothing_is_told_after_the_call() -> None:
    client = Client()
    async with asyncio.timeout(WAIT):
        with heartbeat(client.report):
            await client.hears("working")
        told = len(client.told)
        await asyncio.sleep(3 * room.LOOK)
    assert len(client.told) == told


@pytest.mark.usefixtures("fast")
async def test_a_client_that_does_not_listen_stops_nothing() -> None:
    asked = asyncio.Event()

    async def report(_progress: float, _total: float | None, _message: str) -> None:
        asked.set()
        raise ConnectionError

    async with asyncio.timeout(WAIT):
        with heartbeat(report):
            await asked.wait()
            await asyncio.sleep(0)
