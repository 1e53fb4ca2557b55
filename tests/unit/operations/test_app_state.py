"""Changes of the app state: what goes into a side login, and what the caller is told of the pause that it costs."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, NOW, TEAM
from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import AppStateKeysMissing, NotConnected, NotFound
from whatsapp_mcp.models.app_state import (
    AppStateChange,
    ChatChanged,
    ChatLabelled,
    ChatMarkedRead,
    LabelChanged,
    LastMessage,
    MessageStarred,
)
from whatsapp_mcp.models.side_login import Answer
from whatsapp_mcp.pipe.side_login import ChangeAppState

PAUSE = "The session was re-connected for this (0.3 s)."


async def only(bench: Bench, operation: str, **arguments: object) -> tuple[AppStateChange, ...]:
    """What an operation changes, in one go."""
    await bench.run(operation, **arguments)
    (command,) = bench.session.commands
    assert isinstance(command, ChangeAppState)
    assert bench.outcome.message.endswith(PAUSE)
    return command.changes


async def test_a_message_in_a_group_is_named_with_its_author(bench: Bench) -> None:
    bench.receive("M1", chat=TEAM, sender=ANA)
    assert await only(bench, "starMessage", message_id="M1", phone="Team") == (
        MessageStarred(TEAM, "M1", True, False, ANA),
    )


async def test_a_chat_is_changed_up_to_its_newest_message(bench: Bench) -> None:
    bench.receive("M1")
    sent_ms = int((NOW - timedelta(minutes=1)).timestamp() * 1000)
    last = LastMessage("M1", False, sent_ms)
    assert await only(bench, "markChatRead", chat_jid="Ana", read=True) == (ChatMarkedRead(ANA, True, last=last),)


async def test_a_label_is_named_before_it_is_put_on(bench: Bench) -> None:
    bench.receive("M1")
    label = {"chat_jid": "Ana", "label_id": " 7 ", "label_name": " urgent "}
    assert await only(bench, "labelChat", **label, labeled=True) == (
        LabelChanged("7", "urgent", 0),
        ChatLabelled("7", ANA, True),
    )


async def test_a_label_is_taken_off(bench: Bench) -> None:
    bench.receive("M1")
    label = {"chat_jid": "Ana", "label_id": "7", "label_name": "urgent"}
    assert await only(bench, "labelChat", **label, labeled=False) == (ChatLabelled("7", ANA, False),)


async def test_an_unknown_chat_costs_no_pause(bench: Bench) -> None:
    with pytest.raises(NotFound, match="chat_jid"):
        await bench.run("pinChat", chat_jid="4915100000777", pinned=True)
    assert bench.session.commands == []


async def test_the_result_says_what_it_cost(bench: Bench) -> None:
    bench.receive("M1")
    assert await only(bench, "pinChat", chat_jid="Ana", pinned=True) == (ChatChanged(ANA, pinned=True),)
    assert bench.outcome.message == f"The chat is pinned. {PAUSE}"


async def test_the_keys_of_a_phone_linked_a_moment_ago_are_waited_for(bench: Bench) -> None:
    bench.receive("M1")
    bench.session.snapshot = bench.session.snapshot.model_copy(update={"since": now()})
    missing = [AppStateKeysMissing("not yet")] * 2

    def answer(_command: ChangeAppState) -> Answer[None]:
        if missing:
            raise missing.pop()
        return Answer(None, 0.3)

    bench.session.answers["change_app_state"] = answer
    await bench.run("pinChat", chat_jid="Ana", pinned=True)
    assert (len(bench.session.commands), bench.session.waits) == (3, 2)
    assert bench.outcome.message.endswith(PAUSE)


async def test_the_pause_is_over_when_the_session_is_connected_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.receive("M1")
    waits = [0.0, 0.2]

    async def ready() -> None:
        await asyncio.sleep(waits.pop(0))
        if not waits:
            raise NotConnected("not within the wait")

    monkeypatch.setattr(bench.session, "ready", ready)
    await bench.run("pinChat", chat_jid="Ana", pinned=True)
    assert bench.outcome.message == "The chat is pinned. The session was re-connected for this (0.5 s)."
