"""waitForEvent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.operations.bench import BadArguments, Bench, message
from tests.unit.operations.fakes import ANA, ANA_LID, BO, ME
from whatsapp_mcp.errors import InvalidArgument, NotLoggedIn
from whatsapp_mcp.models.changes import Change, Live, ReactionChanged
from whatsapp_mcp.operations.runner import OperationRunner
from whatsapp_mcp.pipe.lines import TypingSeen
from whatsapp_mcp.policy.gate import Gate
from whatsapp_mcp.store.write import event_log


def reaction(message_id: str, emoji: str, at: int = 1, **more: Any) -> ReactionChanged:
    return ReactionChanged(ANA, message_id, ANA, emoji, at * 1_000, author=ANA, **more)


def happen(bench: Bench, *changes: Change) -> None:
    bench.learn(*map(Live, changes))


async def started(bench: Bench, **arguments: Any) -> asyncio.Task[Any]:
    """A call that waits by now."""
    waits_before = bench.session.waits
    task = asyncio.create_task(bench.run("waitForEvent", **({"timeout": 40} | arguments)))
    async with asyncio.timeout(40):
        while bench.session.waits == waits_before:
            await asyncio.sleep(0.002)
    return task


async def test_it_waits_for_what_happens_from_now_on(bench: Bench) -> None:
    happen(bench, message("M1", "soup?"))
    waiting = await started(bench, kinds=["reaction"])
    happen(bench, message("M2", "not what is waited for"))
    happen(bench, reaction("M1", "👍"))
    results = await waiting
    (row,) = results["data"]
    assert (row["kind"], row["emoji"], row["about"], row["sender_name"]) == ("reaction", "👍", "soup?", "Ana")
    assert (row["chat_jid"], row["message_id"], results["timed_out"]) == (str(ANA), "M1", False)
    assert bench.outcome.untrusted
    assert bench.outcome.heard == {ANA}


async def test_nothing_is_missed_between_calls_and_both_tools_share_the_cursor(bench: Bench) -> None:
    cursor = (await bench.run("waitForMessage", timeout=0))["cursor"]
    for number in range(3):
        happen(bench, message(f"M{number}"), reaction(f"M{number}", "👍", number))
    happen(bench, message("S1", from_me=True, sender=ME))
    seen = []
    for _ in range(4):
        seen += [
            (row["kind"], row["message_id"])
            for row in (await bench.run("waitForEvent", cursor=cursor, limit=2))["data"]
        ]
        cursor = bench.outcome.next_cursor
    assert seen == [(kind, f"M{n}") for n in range(3) for kind in ("message", "reaction")] + [("own_message", "S1")]
    assert await bench.run("waitForEvent", cursor=cursor, timeout=0) == {"data": [], "timed_out": True}
    assert bench.outcome.next_cursor == cursor
    happen(bench, message("M9"))
    assert (await bench.run("waitForMessage", cursor=cursor, timeout=0))["message"]["message_id"] == "M9"


async def test_only_one_chat(bench: Bench) -> None:
    waiting = await started(bench, phone=str(BO))
    happen(bench, message("M1"))
    happen(bench, message("B1", chat=BO))
    assert [row["message_id"] for row in (await waiting)["data"]] == ["B1"]


async def test_who_comes_too_late_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "KEPT", 2)
    monkeypatch.setattr(event_log, "PRUNED_AFTER", 1)
    happen(bench, message("M1"))
    for number in range(9):
        happen(bench, reaction("M1", "👍" if number % 2 else "👎", number))
    found = await bench.run("waitForEvent", cursor="0", kinds=["reaction"])
    assert found["missed"] is True
    assert "kept no longer" in bench.outcome.message
    late = await bench.run("waitForEvent", cursor="0", kinds=["pin"])
    assert late == {"data": [], "timed_out": False, "missed": True}, "at once"
    after = await bench.run("waitForEvent", cursor=bench.outcome.next_cursor, kinds=["pin"], timeout=0)
    assert after == {"data": [], "timed_out": True}, "once"


async def test_what_is_here_is_told_without_a_connection(bench: Bench) -> None:
    happen(bench, message("M1"))
    bench.session.unlinked()
    assert len((await bench.run("waitForEvent", cursor="0"))["data"]) == 1
    with pytest.raises(NotLoggedIn):
        await bench.run("waitForEvent")


async def test_bad_arguments(bench: Bench) -> None:
    with pytest.raises(InvalidArgument, match="cursor"):
        await bench.run("waitForEvent", cursor="abc")
    for wrong in ({"kinds": ["nonsense"]}, {"timeout": 60}, {"limit": 0}):
        with pytest.raises(BadArguments):
            await bench.run("waitForEvent", **wrong)


async def test_typing_is_told_to_who_waits_while_it_happens(bench: Bench) -> None:
    with pytest.raises(InvalidArgument, match="typing"):
        await bench.run("waitForEvent", kinds=["typing"])
    bench.services = replace(bench.services, settings=bench.settings.model_copy(update={"typing_events": True}))
    bench.runner = OperationRunner(bench.services, Gate.of(bench.settings))
    happen(bench, message("M1"))
    bench.session.type(TypingSeen(chat=ANA, sender=ANA, state="composing"))
    cursor = (await bench.run("waitForMessage", timeout=0))["cursor"]
    waiting = await started(bench, kinds=["typing", "message"], cursor=cursor, phone=str(ANA))
    bench.session.type(TypingSeen(chat=BO, sender=BO, state="composing"))
    bench.session.type(TypingSeen(chat=ANA_LID, sender=ANA_LID, state="recording"))
    (row,) = (await waiting)["data"]
    assert (row["kind"], row["status"], row["chat_jid"], row["sender_name"]) == ("typing", "recording", str(ANA), "Ana")
    assert bench.outcome.next_cursor == cursor, "it has no number"
    assert (await bench.run("waitForEvent", kinds=["typing"], timeout=0))["timed_out"], "of the moment"


async def test_typing_in_chats_that_may_not_be_read_is_not_told(bench: Bench) -> None:
    bench.settings.policy_path.write_text(f'[read]\ndeny = ["+{ANA.user}"]\n')
    bench.settings.policy_path.chmod(0o600)
    bench.services = replace(bench.services, settings=bench.settings.model_copy(update={"typing_events": True}))
    bench.runner = OperationRunner(bench.services, Gate.of(bench.settings))
    waiting = await started(bench, kinds=["typing"])
    for one in (ANA, ANA_LID, BO):
        bench.session.type(TypingSeen(chat=one, sender=one, state="composing"))
    assert [row["chat_jid"] for row in (await waiting)["data"]] == [str(BO)]
