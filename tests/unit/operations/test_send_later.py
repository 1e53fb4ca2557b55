"""Scheduled messages, as tools make, list and cancel them."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, BO
from whatsapp_mcp.clock import from_ms, now_ms, time_text
from whatsapp_mcp.errors import ConfirmationNeeded, InvalidArgument, NotAllowed, NotFound, RateLimited
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.outgoing import SentMessage, TextOut
from whatsapp_mcp.operations.runner import OperationRunner
from whatsapp_mcp.pipe.messages import CancelSend, SendMessage
from whatsapp_mcp.policy.caller import Caller, Consent, Grant, Question
from whatsapp_mcp.policy.gate import Gate
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.store.records import NewDeferred

HELD: Final = "HELD0123456789ABCDEF01"
HOUR: Final = 3_600_000
ORDER: Final[dict[str, Any]] = {"phone": "Ana", "message": "two kilos", "at": "2h"}


def hold(bench: Bench, command: SendMessage | None = None, name: str = HELD, chat: Jid = ANA) -> SentMessage:
    """As the session process does."""
    due = command.schedule.due_at if command is not None and command.schedule is not None else now_ms() + 2 * HOUR
    answer = SentMessage(message_id=name, chat=chat, timestamp=due, held_until=due)
    text = command.model_dump_json() if command is not None else json.dumps({"message": {"text": "two kilos"}})
    new = NewDeferred(name, chat, due, name, HOUR, "", text, answer.model_dump_json(), late=HOUR, caller="{}")
    bench.writer.with_deferred(lambda held: held.hold(new))
    return answer


def policy(bench: Bench, toml: str, grant: Grant | None = None, ask: Any = None) -> None:
    write_private(bench.settings.policy_path, toml.encode())
    settings = bench.settings.model_copy(update={"policy": "careful"})
    bench.runner = OperationRunner(bench.services, Gate.of(settings))
    bench.caller = Caller(grant=grant or Grant(), **({"ask": ask} if ask else {}))


async def test_a_message_is_scheduled(bench: Bench) -> None:
    bench.session.answers["send_message"] = lambda command: hold(bench, command)
    before = now_ms()
    results = await bench.run("scheduleMessage", **ORDER)
    command = bench.session.last(SendMessage)
    assert command.schedule is not None
    assert before + 2 * HOUR <= command.schedule.due_at <= now_ms() + 2 * HOUR
    assert (command.schedule.late, command.hold, command.message) == (HOUR, 0, TextOut(text="two kilos"))
    assert json.loads(command.schedule.caller)["name"] == "local"
    assert (results["message_id"], results["status"]) == (HELD, "held")
    assert results["scheduled_for"] == time_text(from_ms(command.schedule.due_at))
    assert "cancelScheduled" in bench.outcome.message


@pytest.mark.parametrize(("field", "value"), [("at", "yesterday"), ("at", "2020-01-01T00:00")])
async def test_what_is_wrong_is_said_at_once(bench: Bench, field: str, value: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await bench.run("scheduleMessage", **(ORDER | {field: value}))
    assert caught.value.details["field"] == field
    assert bench.session.commands == []


async def test_the_question_says_when(bench: Bench) -> None:
    asked: list[Question] = []

    async def ask(question: Question) -> Consent:
        asked.append(question)
        return Consent.YES

    policy(bench, 'preset = "careful"\n', ask=ask)
    bench.receive("M1")
    bench.session.answers["send_message"] = lambda command: hold(bench, command)
    await bench.run("scheduleMessage", **ORDER)
    assert asked == [], "to schedule for whom one knows is like sending"
    bench.caller.conversation.has_read([BO])
    await bench.run("scheduleMessage", **(ORDER | {"at": "in 3h"}))
    (question,) = asked
    lines = question.text.splitlines()
    assert lines[0].startswith("Schedule a text message: +")
    assert lines[1].startswith("When: ")
    assert lines[1].endswith("(in 3h from when it is allowed)")
    assert "“two kilos”" in question.text


async def test_an_approval_holds_for_the_same_call(bench: Bench) -> None:
    policy(bench, 'preset = "careful"\n')
    bench.receive("M1")
    bench.caller.conversation.has_read([BO])
    codes = []
    for _ in range(2):
        with pytest.raises(ConfirmationNeeded) as caught:
            await bench.run("scheduleMessage", **ORDER)
        codes.append(caught.value.details["approval_code"])
    assert codes[0] == codes[1], "though two hours from now are another time each time"


async def test_scheduling_obeys_the_rules_and_counts_nothing(bench: Bench) -> None:
    bench.receive("M1")
    bench.session.answers["send_message"] = lambda command: hold(bench, command)
    policy(bench, "[limits]\nsends_per_minute = 1\n")
    for _ in range(2):
        await bench.run("scheduleMessage", **ORDER)
    policy(bench, f'[send]\ndeny = ["{ANA}"]\n')
    with pytest.raises(NotAllowed):
        await bench.run("scheduleMessage", **ORDER)
    policy(bench, 'preset = "read-only"\n')
    with pytest.raises(NotAllowed):
        await bench.run("scheduleMessage", **ORDER)


async def test_the_list_tells_what_waits_and_what_went_wrong(bench: Bench) -> None:
    hold(bench)
    hold(bench, name="HELD2", chat=BO)
    error = RateLimited("the limit is reached", limit="sends_per_day").to_wire()
    bench.writer.with_deferred(lambda held: held.give_up("HELD2", error))
    first, second = (await bench.run("listScheduled"))["data"]
    assert first == {
        "message_id": HELD,
        "status": "held",
        "chat_jid": str(ANA),
        "chat_name": "Ana",
        "message": "two kilos",
        "scheduled_for": first["scheduled_for"],
    }
    assert (second["status"], second["error"]["code"], "message" in second) == ("failed", "rate_limited", False)
    assert bench.outcome.message == "1 messages wait; 1 of the last 7 days did not leave, or may not have."


async def test_it_is_taken_back(bench: Bench) -> None:
    hold(bench)
    bench.session.answers["cancel_send"] = DeferredState.CANCELLED
    results = await bench.run("cancelScheduled", message_id=f" {HELD} ")
    assert bench.session.commands == [CancelSend(message_id=HELD)]
    assert (results["message_id"], results["status"]) == (HELD, "cancelled")


async def test_only_what_is_scheduled_and_may_be_seen_is_taken_back(bench: Bench) -> None:
    hold(bench)
    policy(bench, f'[read]\ndeny = ["{ANA}"]\n')
    for message_id in (HELD, "HELD9", "M1"):
        with pytest.raises(NotFound, match="no message is scheduled"):
            await bench.run("cancelScheduled", message_id=message_id)


async def test_its_status_is_told_like_that_of_a_message(bench: Bench) -> None:
    hold(bench)
    results = await bench.run("getMessageStatus", message_id=HELD, phone="Ana")
    assert (results["status"], "scheduled_for" in results, "held_until" in results) == ("held", True, False)


@pytest.mark.parametrize(("apart", "once"), [(5_000, True), (2 * HOUR, False)])
async def test_a_repeated_call_is_told_and_one_for_another_time_is_made(bench: Bench, apart: int, once: bool) -> None:
    async def schedule() -> str:
        return str((await bench.run("scheduleMessage", **ORDER))["message_id"])

    def answer(command: SendMessage) -> SentMessage:
        assert command.key is not None and command.schedule is not None
        name = f"HELD{len(bench.session.commands)}"
        due = command.schedule.due_at - apart
        held = SentMessage(message_id=name, chat=ANA, timestamp=due, held_until=due)
        key = command.key
        new = NewDeferred(
            name, ANA, due, key.key, key.kept, "", command.model_dump_json(), held.model_dump_json(), caller="{}"
        )
        bench.writer.with_deferred(lambda store: store.hold(new))
        return held

    bench.session.answers["send_message"] = answer
    settings = bench.settings.model_copy(update={"repeat_seconds": 60})
    bench.runner = OperationRunner(bench.services_with(settings), Gate.of(settings))
    first = await schedule()
    assert (await schedule() == first) is once


async def test_what_did_not_leave_is_told_with_the_news(bench: Bench) -> None:
    hold(bench)
    for operation in ("checkInbox", "catchUp"):
        assert "not_sent" not in await bench.run(operation)
    error = RateLimited("the limit is reached", limit="sends_per_day").to_wire()
    bench.writer.with_deferred(lambda held: held.give_up(HELD, error))
    for operation in ("checkInbox", "catchUp"):
        (row,) = (await bench.run(operation))["not_sent"]
        assert (row["status"], row["chat_name"], row["error"]["code"]) == ("failed", "Ana", "rate_limited")
