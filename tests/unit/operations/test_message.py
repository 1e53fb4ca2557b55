"""Acting on a stored message."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operations.bench import BadArguments, Bench
from tests.unit.operations.fakes import ANA, ANA_LID, BO, ME, NOW, TEAM, milliseconds
from whatsapp_mcp.errors import InvalidArgument, NotFound, SessionCrashed, WhatsAppMcpError
from whatsapp_mcp.models.changes import MessageRevoked
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.pipe.messages import EditMessage, MarkRead, MessageRef, React, RejectCall, Revoke

TARGET = MessageRef(chat=ANA, message_id="M1", author=ANA)
OWN = MessageRef(chat=ANA, message_id="S1", author=ME)


async def test_reaction(bench: Bench) -> None:
    bench.receive("M1")
    results = await bench.run("reactMessage", message_id="M1", phone="Ana", emoji="👍")
    assert bench.session.last(React) == React(target=TARGET, emoji="👍")
    assert (results["message_id"], results["chat_jid"]) == ("M1", str(ANA))


@pytest.mark.parametrize(
    "emoji", ["👍", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "❤️", "1️⃣", "ℹ️", "🇩🇪", "✊🏽", "🏳️‍🌈", "❤", "©️", "☑️", "#️⃣", "👩🏽‍🤝‍👨🏿"]
)
async def test_emoji(bench: Bench, emoji: str) -> None:
    bench.receive("M1")
    await bench.run("reactMessage", message_id="M1", phone="Ana", emoji=emoji)
    assert bench.session.last(React).emoji == emoji


async def test_taking_a_reaction_back(bench: Bench) -> None:
    bench.receive("M1")
    await bench.run("reactMessage", message_id="M1", phone="Ana", emoji="")
    assert bench.session.last(React).emoji == ""


@pytest.mark.parametrize(
    "emoji", ["ok", "👍 👍", "x" * 40, "👍" * 40, "👍👍", "🇩🇪🇫🇷", "1", "!", "é", "👍ok", ":)", "\u200d"]
)
async def test_no_emoji(bench: Bench, emoji: str) -> None:
    bench.receive("M1")
    await refused(bench, "reactMessage", "emoji", message_id="M1", phone="Ana", emoji=emoji)


async def test_revoke(bench: Bench) -> None:
    bench.send("S1")
    results = await bench.run("revokeMessage", message_id=" S1 ", phone="Ana")
    assert bench.session.last(Revoke).target == OWN
    assert results["message_id"] == "S1"


async def test_revoke_what_others_wrote(bench: Bench) -> None:
    bench.receive("M1")
    await refused(bench, "revokeMessage", "message_id", message_id="M1", phone="Ana")
    bench.receive("G1", chat=TEAM, sender=ANA_LID)
    await bench.run("revokeMessage", message_id="G1", phone="Team")
    assert bench.session.last(Revoke).target == MessageRef(chat=TEAM, message_id="G1", author=ANA), "an admin may"


async def test_edit(bench: Bench) -> None:
    bench.send("S1")
    results = await bench.run("updateMessage", message_id="S1", phone="Ana", message="new")
    assert bench.session.last(EditMessage) == EditMessage(target=OWN, text="new")
    assert results["message_id"] == "S1"


async def test_what_cannot_be_edited(bench: Bench) -> None:
    bench.receive("M1")
    bench.send("old", timestamp=milliseconds(NOW - timedelta(minutes=21)))
    bench.send("picture", content=Content(MessageKind.IMAGE, "look"))
    bench.send("gone")
    bench.learn(MessageRevoked(ANA, "gone", ME, milliseconds(NOW)))
    for message_id in ("M1", "old", "picture", "gone"):
        await refused(bench, "updateMessage", "message_id", message_id=message_id, phone="Ana", message="new")
    bench.send("S1")
    await refused(bench, "updateMessage", "message", message_id="S1", phone="Ana", message="  ")


async def test_read(bench: Bench) -> None:
    bench.receive("M1")
    results = await bench.run("readMessage", message_id="M1", phone="Ana")
    assert bench.session.last(MarkRead).targets[0] == TARGET
    assert (results["message_id"], results["chat_jid"]) == ("M1", str(ANA))


async def test_own_messages_are_not_marked_as_read(bench: Bench) -> None:
    bench.send("S1")
    await refused(bench, "readMessage", "message_id", message_id="S1", phone="Ana")


EXTRA: dict[str, dict[str, Any]] = {
    "reactMessage": {"emoji": "👍"},
    "revokeMessage": {},
    "updateMessage": {"message": "new"},
    "readMessage": {},
}


@pytest.mark.parametrize("operation", EXTRA)
async def test_the_chat_may_be_given_in_any_form(bench: Bench, operation: str) -> None:
    if operation in ("revokeMessage", "updateMessage"):
        bench.send("X1")
    else:
        bench.receive("X1")
    for phone in (str(ANA), str(ANA_LID), "+49 151 00000001", "ana"):
        await bench.run(operation, message_id="X1", phone=phone, **EXTRA[operation])
    assert len(bench.session.commands) == 4


@pytest.mark.parametrize("operation", EXTRA)
async def test_a_message_that_is_not_there(bench: Bench, operation: str) -> None:
    bench.receive("M1", chat=TEAM, sender=ANA)
    for message_id in ("nope", "M1"):
        with pytest.raises(NotFound) as caught:
            await bench.run(operation, message_id=message_id, phone="Ana", **EXTRA[operation])
        assert caught.value.details["field"] == "message_id"
    assert bench.session.commands == []


@pytest.mark.parametrize("operation", EXTRA)
@pytest.mark.parametrize("phone", ["nobody", "12", "1@2@lid"])
async def test_a_chat_that_is_not_there(bench: Bench, operation: str, phone: str) -> None:
    bench.receive("M1")
    with pytest.raises(WhatsAppMcpError) as caught:
        await bench.run(operation, message_id="M1", phone=phone, **EXTRA[operation])
    assert caught.value.details["field"] == "phone"


async def test_a_session_that_ends_under_way(bench: Bench) -> None:
    bench.receive("M1")
    bench.session.answers["react"] = SessionCrashed("gone")
    with pytest.raises(SessionCrashed):
        await bench.run("reactMessage", message_id="M1", phone="Ana", emoji="👍")


async def refused(bench: Bench, operation: str, field: str, **arguments: Any) -> None:
    before = list(bench.session.commands)
    with pytest.raises((InvalidArgument, BadArguments)) as caught:
        await bench.run(operation, **arguments)
    if isinstance(caught.value, BadArguments):
        assert caught.value.fields == [field]
    else:
        assert isinstance(caught.value, InvalidArgument)
        assert caught.value.details["field"] == field
    assert bench.session.commands == before


async def test_messages_of_several_people_are_read_in_one_go(bench: Bench) -> None:
    bench.receive("M1", chat=TEAM, sender=ANA)
    bench.receive("M2", chat=TEAM, sender=BO)
    bench.send("S1", chat=TEAM)
    results = await bench.run("readMessage", message_id=["M1", "S1", "M2", "M1"], phone="Team")
    assert [target.message_id for target in bench.session.last(MarkRead).targets] == ["M1", "M2"]
    assert results["message_ids"] == ["M1", "M2"]
    assert [(one.item, one.code) for one in bench.outcome.failed] == [("S1", "invalid_argument")]


@pytest.mark.parametrize(
    ("tool", "field", "more"),
    [
        ("reactMessage", "message_id", {"message_id": "M1", "emoji": "👍"}),
        ("forwardMessage", "message_id", {"message_id": "M1"}),
        ("sendMessage", "reply_message_id", {"reply_message_id": "M1", "message": "what was it?"}),
    ],
)
async def test_nothing_is_done_with_a_deleted_message(
    bench: Bench, tool: str, field: str, more: dict[str, str]
) -> None:
    bench.receive("M1")
    bench.learn(MessageRevoked(ANA, "M1", ANA, milliseconds(NOW), author=ANA))
    await refused(bench, tool, field, phone="Ana", **more)


async def test_what_may_be_looked_at_once_is_not_forwarded(bench: Bench) -> None:
    bench.receive("M1", content=Content(MessageKind.IMAGE, "look", view_once=True))
    await refused(bench, "forwardMessage", "message_id", message_id="M1", phone="Bo")


async def test_only_a_call_that_rings_is_rejected(bench: Bench) -> None:
    for call_id, facts in (("C1", {}), ("C2", {"outcome": "missed"})):
        bench.receive(call_id, content=Content(MessageKind.CALL, extra={"call_id": call_id, **facts}))
    bench.receive("M1")
    await bench.run("rejectCall", caller_jid=str(ANA_LID), call_id=" C1 ")
    assert bench.session.last(RejectCall) == RejectCall(caller=ANA, call_id="C1")
    await refused(bench, "rejectCall", "call_id", caller_jid=str(ANA), call_id="C2")
    for caller, call_id in ((ANA, "M1"), (ANA, "nowhere"), (BO, "C1")):
        with pytest.raises(NotFound, match="call_id"):
            await bench.run("rejectCall", caller_jid=str(caller), call_id=call_id)
