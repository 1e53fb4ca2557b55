"""idempotency_key: what a repeated call is told, and what reaches the session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operations.bench import BadArguments, Bench, catalog
from tests.unit.operations.fakes import ANA, ME, NOW, milliseconds
from whatsapp_mcp.errors import (
    InvalidArgument,
    NotFound,
    NotLoggedIn,
    OutcomeUnknown,
    RateLimited,
    SessionCrashed,
    SessionTimeout,
    WhatsAppMcpError,
)
from whatsapp_mcp.models.changes import MessageRevoked, SendFinished
from whatsapp_mcp.models.outgoing import SentMessage
from whatsapp_mcp.models.session import HandedOver
from whatsapp_mcp.operations.idempotency import fingerprint
from whatsapp_mcp.operations.runner import OperationRunner
from whatsapp_mcp.operations.sending import ALREADY_SENT_BY_CALL
from whatsapp_mcp.pipe.messages import ConfirmSend, ForwardMessage, SendKey, SendMessage
from whatsapp_mcp.policy.gate import Gate
from whatsapp_mcp.policy.taint import Conversation

MESSAGE: dict[str, Any] = {"phone": "Ana", "message": "hello"}
KEYED: dict[str, Any] = MESSAGE | {"idempotency_key": "order 7"}
SENT = SentMessage(message_id="S1", chat=ANA, timestamp=milliseconds(NOW))
SENDS = {one.name for one in catalog().operations if "idempotency_key" in one.input_schema["properties"]}


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """As it is set by default."""
    return repeating(bench, 60)


def repeating(bench: Bench, seconds: int, **more: str) -> Bench:
    bench.settings = bench.settings.model_copy(update={"repeat_seconds": seconds, **more})
    bench.runner = OperationRunner(bench.services_with(bench.settings), Gate.of(bench.settings))
    return bench


def key_of(**arguments: Any) -> SendKey:
    rest = {name: value for name, value in arguments.items() if name != "idempotency_key"}
    return SendKey(key="order 7", fingerprint=fingerprint("sendMessage", rest))


def was_sent(bench: Bench) -> None:
    """As the session process leaves the store."""
    key = key_of(**KEYED)
    assert bench.writer.claim_send(key.key, key.fingerprint, b"") is None
    bench.learn(SendFinished(key.key, SENT.model_dump_json(exclude={"repeated"})))


def test_every_operation_that_sends_a_message_takes_a_key() -> None:
    assert {
        *("sendMessage", "sendImage", "sendAudio", "sendFile", "sendVideo", "sendContact", "sendLink"),
        *("sendLocation", "sendPoll", "sendSticker", "forwardMessage", "scheduleMessage"),
    } == SENDS


async def test_the_key_travels_with_the_message(bench: Bench) -> None:
    results = await bench.run("sendMessage", **KEYED)
    assert bench.session.last(SendMessage).key == key_of(**KEYED)
    assert "repeated" not in results
    await bench.run("sendMessage", **MESSAGE)
    key = bench.session.last(SendMessage).key
    assert key is not None
    assert key.is_of_call


async def test_so_it_does_when_forwarding(bench: Bench) -> None:
    bench.receive("M1")
    await bench.run("forwardMessage", message_id="M1", phone="Ana", idempotency_key="k")
    key = bench.session.last(ForwardMessage).key
    assert key is not None
    assert key.key == "k"


async def test_a_repetition_gets_the_first_result(bench: Bench) -> None:
    was_sent(bench)
    results = await bench.run("sendMessage", **KEYED)
    assert results == {
        "message_id": "S1",
        "status": "sent",
        "chat_jid": str(ANA),
        "to": {"name": "Ana", "name_source": "saved", "number": f"+{ANA.user}"},
        "timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "repeated": True,
    }
    assert bench.outcome.message == "Already sent under this idempotency_key; nothing was sent now."
    assert bench.session.commands == []


async def test_a_repetition_needs_no_connection(bench: Bench) -> None:
    was_sent(bench)
    bench.session.unlinked()
    assert (await bench.run("sendMessage", **KEYED))["repeated"]


async def test_a_repetition_that_only_the_session_knew_of(bench: Bench) -> None:
    bench.session.answers["send_message"] = SENT.model_copy(update={"repeated": True})
    assert (await bench.run("sendMessage", **KEYED))["repeated"]


@pytest.mark.parametrize("more", [{"message": "hallo"}, {"phone": "Bo"}, {"duration": 0}])
async def test_other_arguments_under_the_same_key(bench: Bench, more: dict[str, Any]) -> None:
    was_sent(bench)
    with pytest.raises(InvalidArgument, match="idempotency_key") as caught:
        await bench.run("sendMessage", **KEYED | more)
    assert caught.value.details["field"] == "idempotency_key"


async def test_another_tool_under_the_same_key(bench: Bench) -> None:
    was_sent(bench)
    with pytest.raises(InvalidArgument, match="idempotency_key"):
        await bench.run("sendLink", phone="Ana", link="https://example.com", idempotency_key="order 7")


async def test_an_unfinished_send_is_asked_for(bench: Bench) -> None:
    key = key_of(**KEYED)
    bench.writer.claim_send(key.key, key.fingerprint, b"message")
    bench.session.found = HandedOver("S1", ANA)
    bench.session.answers["confirm_send"] = SENT.model_copy(update={"repeated": True})
    assert (await bench.run("sendMessage", **KEYED))["message_id"] == "S1"
    assert bench.session.last(ConfirmSend) == ConfirmSend(key=key, handed_over=HandedOver("S1", ANA))


async def test_an_unfinished_send_that_sent_nothing_is_sent(bench: Bench) -> None:
    key = key_of(**KEYED)
    bench.writer.claim_send(key.key, key.fingerprint, b"")
    bench.session.answers["confirm_send"] = None
    assert "repeated" not in await bench.run("sendMessage", **KEYED)
    assert bench.session.last(SendMessage).key == key


@pytest.mark.parametrize("error", [OutcomeUnknown("lost"), SessionTimeout("slow"), NotLoggedIn("unlinked")])
async def test_an_unfinished_send_that_nobody_knows_of_is_not_sent(bench: Bench, error: WhatsAppMcpError) -> None:
    key = key_of(**KEYED)
    bench.writer.claim_send(key.key, key.fingerprint, b"")
    bench.session.answers["confirm_send"] = error
    with pytest.raises(OutcomeUnknown):
        await bench.run("sendMessage", **KEYED)
    assert [command.name for command in bench.session.commands] == ["confirm_send"]


@pytest.mark.parametrize("error", [SessionCrashed("gone"), SessionTimeout("slow")])
async def test_after_a_lost_answer_the_key_is_to_be_used_again(bench: Bench, error: WhatsAppMcpError) -> None:
    bench.session.answers["send_message"] = error
    with pytest.raises(type(error)) as caught:
        await bench.run("sendMessage", **KEYED)
    assert "same idempotency_key" in caught.value.next_step


async def test_what_is_refused_here_claims_nothing(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.run("sendMessage", **KEYED | {"phone": "Nobody"})
    assert bench.reader.send_under("order 7") is None


@pytest.mark.parametrize("key", ["x" * 201, True])
async def test_a_key_has_a_length(bench: Bench, key: object) -> None:
    with pytest.raises(BadArguments) as caught:
        await bench.run("sendMessage", **MESSAGE, idempotency_key=key)
    assert caught.value.fields == ["idempotency_key"]


def test_a_fingerprint_does_not_depend_on_the_order() -> None:
    assert fingerprint("a", {"x": 1, "y": ["ü", None]}) == fingerprint("a", {"y": ["ü", None], "x": 1})
    assert len({fingerprint("a", {"x": 1}), fingerprint("b", {"x": 1}), fingerprint("a", {"x": "1"})}) == 3


# ---- the same call again, without a key -----------------------------------------------------------------------------


async def key_sent(bench: Bench, tool: str = "sendMessage", **arguments: Any) -> SendKey:
    """The key under which the session is asked to send."""
    await bench.run(tool, **arguments or MESSAGE)
    key = bench.session.last(SendMessage).key
    assert key is not None
    return key


def leaves(bench: Bench, key: SendKey, message_id: str = "S1") -> None:
    """As the session process sends and stores it."""
    assert bench.writer.claim_send(key.key, key.fingerprint, b"", key.kept) is None
    sent = SENT.model_copy(update={"message_id": message_id})
    bench.send(message_id)
    bench.learn(SendFinished(key.key, sent.model_dump_json(exclude={"repeated"})))


async def test_the_same_call_gets_the_first_result_and_says_so(bench: Bench) -> None:
    leaves(bench, await key_sent(bench))
    bench.session.commands.clear()
    for recipient in ("Ana", f"+{ANA.user}", str(ANA)):
        results = await bench.run("sendMessage", phone=recipient, message="hello")
        assert (results["message_id"], results["repeated"]) == ("S1", True)
        assert (bench.outcome.message, results["status"]) == (ALREADY_SENT_BY_CALL, "sent")
        assert bench.outcome.note is not None
        assert "idempotency_key" in bench.outcome.note
    assert bench.session.commands == []


async def test_what_only_the_session_knew_of_says_so_too(bench: Bench) -> None:
    bench.session.answers["send_message"] = SENT.model_copy(update={"repeated": True})
    await bench.run("sendMessage", **MESSAGE)
    assert bench.outcome.message == ALREADY_SENT_BY_CALL
    assert bench.outcome.note is not None


async def test_with_a_key_it_is_sent_once_more(bench: Bench) -> None:
    leaves(bench, await key_sent(bench))
    assert "repeated" not in await bench.run("sendMessage", **KEYED)


@pytest.mark.parametrize("more", [{"message": "hallo"}, {"phone": "Bo"}, {"duration": 60}])
async def test_another_content_or_recipient_is_another_call(bench: Bench, more: dict[str, Any]) -> None:
    assert (await key_sent(bench)).key != (await key_sent(bench, **MESSAGE | more)).key


async def test_another_conversation_is_another_call(bench: Bench) -> None:
    bench.caller.conversation = Conversation(mark="one")
    first = await key_sent(bench)
    bench.caller.conversation = Conversation(mark="two")
    assert (await key_sent(bench)).key != first.key
    bench.caller.conversation = Conversation(number=9, mark="one")
    assert (await key_sent(bench)).key == first.key, "a server that was started again goes on with it"


async def test_what_a_file_holds_counts(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> None:
    outbox = tmp_path_factory.mktemp("outbox")
    (outbox / "a.txt").write_text("one")
    repeating(bench, 60, outbox=str(outbox))
    keys = []
    for content in ("one", "two", "one"):
        (outbox / "a.txt").write_text(content)
        keys.append((await key_sent(bench, "sendFile", phone="Ana", file="a.txt")).key)
    assert keys[0] == keys[2] != keys[1]


async def test_what_was_taken_back_may_be_sent_again(bench: Bench) -> None:
    first = await key_sent(bench)
    leaves(bench, first)
    bench.learn(MessageRevoked(ANA, "S1", revoked_by=ME, timestamp=milliseconds(NOW)))
    second = await key_sent(bench)
    assert second.key != first.key
    leaves(bench, second, "S2")
    assert (await bench.run("sendMessage", **MESSAGE))["message_id"] == "S2", "and that one counts"


async def test_it_can_be_switched_off(bench: Bench) -> None:
    repeating(bench, 0)
    await bench.run("sendMessage", **MESSAGE)
    assert bench.session.last(SendMessage).key is None


async def test_what_may_have_been_sent_is_not_sent_again(bench: Bench) -> None:
    key = await key_sent(bench)
    bench.writer.claim_send(key.key, key.fingerprint, b"", key.kept)
    bench.session.answers["confirm_send"] = SessionTimeout("slow")
    bench.session.commands.clear()
    with pytest.raises(OutcomeUnknown, match="by the same call"):
        await bench.run("sendMessage", **MESSAGE)
    assert [command.name for command in bench.session.commands] == ["confirm_send"]


async def test_a_repetition_counts_for_no_limit(bench: Bench) -> None:
    bench.settings.policy_path.write_text("[limits]\nsends_per_hour = 1\n")
    bench.settings.policy_path.chmod(0o600)
    leaves(bench, await key_sent(bench))
    assert (await bench.run("sendMessage", **MESSAGE))["repeated"]
    with pytest.raises(RateLimited):
        await bench.run("sendMessage", **MESSAGE | {"message": "something else"})
