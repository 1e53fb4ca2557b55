"""checkInbox and waitForMessage."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.operations.bench import BadArguments, Bench, message
from tests.unit.operations.fakes import ANA, BO, TEAM
from whatsapp_mcp.errors import InvalidArgument, NotLoggedIn
from whatsapp_mcp.jid import STATUS_BROADCAST

# ---- checkInbox -----------------------------------------------------------------------------------------------------


async def test_inbox(bench: Bench) -> None:
    bench.receive("M1", "one")
    bench.receive("B1", "two", chat=BO)
    bench.send("S1", "an answer")
    found = (await bench.run("checkInbox"))["data"]
    assert [(row["content"], row["chat_name"], row["chat_jid"]) for row in found] == [("two", "Bo", str(BO))], (
        "what was answered is read"
    )
    cursor = bench.outcome.next_cursor
    assert (await bench.run("checkInbox", cursor=cursor))["data"] == []
    assert bench.outcome.next_cursor == cursor
    for number in range(4):
        bench.receive(f"N{number}", f"new {number}")
        bench.send(f"T{number}", "mine")
    seen = []
    for _ in range(2):
        seen += (await bench.run("checkInbox", cursor=cursor, limit=3))["data"]
        cursor = bench.outcome.next_cursor
    assert [row["content"] for row in seen] == [f"new {number}" for number in range(4)]
    with pytest.raises(InvalidArgument, match="cursor"):
        await bench.run("checkInbox", cursor="abc")


# ---- waitForMessage -------------------------------------------------------------------------------------------------


async def started(bench: Bench, **arguments: Any) -> asyncio.Task[Any]:
    """A call that waits by now."""
    waits_before = bench.session.waits
    task = asyncio.create_task(bench.run("waitForMessage", **({"timeout": 40} | arguments)))
    async with asyncio.timeout(40):
        while bench.session.waits == waits_before:
            await asyncio.sleep(0.002)
    return task


async def test_wait(bench: Bench) -> None:
    bench.receive("M0", "before")
    waiting = await started(bench)
    bench.receive("M1", "now")
    results = await waiting
    assert results["message"]["message_id"] == "M1"
    assert results["message"]["chat_name"] == "Ana"
    assert results["timed_out"] is False
    assert bench.outcome.untrusted


async def test_nothing_is_missed_between_calls(bench: Bench) -> None:
    first = await bench.run("waitForMessage", timeout=0)
    assert first["timed_out"] is True
    assert "message" not in first
    for name in ("M1", "M2", "M3"):
        bench.receive(name)
    cursor, seen = first["cursor"], []
    for _ in range(3):
        results = await bench.run("waitForMessage", timeout=40, cursor=cursor)
        seen.append(results["message"]["message_id"])
        cursor = results["cursor"]
    assert seen == ["M1", "M2", "M3"]
    assert (await bench.run("waitForMessage", timeout=0, cursor=cursor))["timed_out"] is True


async def test_only_one_chat(bench: Bench) -> None:
    waiting = await started(bench, phone="Bo")
    bench.receive("M1")
    bench.receive("M2", chat=TEAM, sender=BO)
    bench.receive("M3", chat=BO, sender=BO)
    assert (await waiting)["message"]["message_id"] == "M3"


async def test_what_is_not_waited_for(bench: Bench) -> None:
    waiting = await started(bench, timeout=1)
    bench.send("S1")
    bench.receive("old", from_history=True)
    bench.receive("status", chat=STATUS_BROADCAST, sender=ANA)
    results = await waiting
    assert results["timed_out"] is True
    assert (await bench.run("waitForMessage", timeout=0, cursor=results["cursor"]))["timed_out"] is True


async def test_other_changes_do_not_end_the_wait(bench: Bench) -> None:
    waiting = await started(bench)
    for _ in range(5):
        bench.session.announce(bench.session.newest_arrival)
        await asyncio.sleep(0)
    assert not waiting.done()
    bench.receive("M1")
    assert (await waiting)["message"]["message_id"] == "M1"


async def test_a_message_of_before_the_server_started(bench: Bench) -> None:
    """The store has it; the session has announced nothing yet."""
    first = await bench.run("waitForMessage", timeout=0)
    bench.writer.apply([message("M1")])
    assert bench.session.newest_arrival == 0
    assert (await bench.run("waitForMessage", timeout=40, cursor=first["cursor"]))["message"]["message_id"] == "M1"


async def test_a_cursor_of_another_time(bench: Bench) -> None:
    """Arrival numbers start again with a new account."""
    bench.receive("M1")
    assert (await bench.run("waitForMessage", timeout=0, cursor="999999"))["message"]["message_id"] == "M1"


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", "9" * 30])
async def test_no_cursor(bench: Bench, cursor: str) -> None:
    with pytest.raises((InvalidArgument, BadArguments)) as caught:
        await bench.run("waitForMessage", timeout=0, cursor=cursor)
    assert "cursor" in str(caught.value)


async def test_no_wait_without_an_account(bench: Bench) -> None:
    bench.session.unlinked()
    with pytest.raises(NotLoggedIn):
        await bench.run("waitForMessage", timeout=40)


async def test_what_is_there_needs_no_connection(bench: Bench) -> None:
    bench.receive("M1")
    bench.session.unlinked()
    assert (await bench.run("waitForMessage", timeout=0, cursor="0"))["message"]["message_id"] == "M1"
