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
    MessageLabelled,
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


async def test_a_list_is_one_change_and_one_answer(bench: Bench) -> None:
    bench.receive("M1")
    bench.receive("M2", chat=TEAM)
    changes = await only(bench, "archiveChat", chat_jid=["Ana", "Team", str(ANA)], archived=True)
    assert [(one.chat, one.archived) for one in changes if isinstance(one, ChatChanged)] == [(ANA, True), (TEAM, True)]
    assert bench.outcome.results["chat_jids"] == [str(ANA), str(TEAM)]
    assert "chat_jid" not in bench.outcome.results
    assert bench.outcome.message == f"2 chats are archived. {PAUSE}"
    assert bench.outcome.failed == ()


async def test_what_is_wrong_with_an_item_is_named_beside_what_was_done(bench: Bench) -> None:
    bench.receive("M1")
    results = await bench.run("pinChat", chat_jid=["nobody", "Ana", "4915100000777"], pinned=True)
    assert results["chat_jid"] == str(ANA)
    assert bench.session.last(ChangeAppState).changes == (ChatChanged(ANA, pinned=True),)
    assert [(one.item, one.code) for one in bench.outcome.failed] == [
        ("nobody", "not_found"),
        ("4915100000777@s.whatsapp.net", "not_found"),
    ]
    await bench.run("starMessage", message_id=["M1", "M7"], phone="Ana")
    assert [one.item for one in bench.outcome.failed] == ["M7"]
    assert bench.session.last(ChangeAppState).changes == (MessageStarred(ANA, "M1", True, False),)


async def test_nothing_is_done_when_nobody_knows_any_item(bench: Bench) -> None:
    bench.receive("M1")
    with pytest.raises(NotFound, match="chat_jid"):
        await bench.run("muteChat", chat_jid=["4915100000777", "4915100000778"], muted=True)
    with pytest.raises(NotFound, match="message_id"):
        await bench.run("starMessage", message_id=["M7", "M8"], phone="Ana")
    assert bench.session.commands == []


async def test_a_label_keeps_its_colour(bench: Bench) -> None:
    bench.receive("M1")
    bench.learn(LabelChanged("7", "paid", 4, timestamp=1))
    label = {"label_id": "7", "label_name": "Paid", "labeled": True}
    changes = await only(bench, "labelMessage", message_id=["M1"], phone="Ana", **label)
    assert changes == (LabelChanged("7", "Paid", 4), MessageLabelled("7", ANA, "M1", True))


async def test_labels_with_what_they_are_on(bench: Bench) -> None:
    assert (await bench.run("listLabels"))["data"] == []
    assert "WhatsApp Business" in bench.outcome.message
    bench.receive("M1")
    bench.learn(
        LabelChanged("8", "new", 1, timestamp=1),
        LabelChanged("7", "paid", 4, timestamp=1),
        LabelChanged("9", "gone", 4, deleted=True, timestamp=1),
        ChatLabelled("7", ANA, labelled=True, timestamp=1),
        MessageLabelled("7", ANA, "M1", labelled=True, timestamp=1),
        MessageLabelled("8", ANA, "M1", labelled=True, timestamp=1),
        MessageLabelled("8", ANA, "M1", labelled=False, timestamp=2),
    )
    assert (await bench.run("listLabels"))["data"] == [
        {"label_id": "8", "name": "new", "color": 1},
        {
            "label_id": "7",
            "name": "paid",
            "color": 4,
            "chat_count": 1,
            "message_count": 1,
            "chats": [{"chat_jid": str(ANA), "name": "Ana"}],
        },
    ]
