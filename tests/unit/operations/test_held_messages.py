"""Messages that are held back, as tools show and stop them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, BO, NOW, milliseconds
from whatsapp_mcp.clock import from_ms, now_ms, time_text
from whatsapp_mcp.errors import ConfirmationNeeded, InvalidArgument, NotFound, OutcomeUnknown, WhatsAppRefused
from whatsapp_mcp.models.changes import SendFinished
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.outgoing import SentMessage
from whatsapp_mcp.operations.idempotency import fingerprint
from whatsapp_mcp.pipe.messages import CancelSend, ConfirmSend, ForwardMessage, React, Revoke, SendMessage
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.store.deferred import DeferredSends
from whatsapp_mcp.store.records import NewDeferred
from whatsapp_mcp.store.sends import KEPT

HELD = "HELD0123456789ABCDEF01"
DUE = now_ms() + 86_400_000


def hold(bench: Bench, key: str = HELD, digest: str = "") -> SentMessage:
    """As the session process does."""
    answer = SentMessage(message_id=HELD, chat=ANA, timestamp=DUE, held_until=DUE)
    new = NewDeferred(HELD, ANA, DUE, key, KEPT, digest, "{}", answer.model_dump_json(exclude={"repeated"}))
    bench.writer.with_deferred(lambda held: held.hold(new))
    return answer


def became(bench: Bench, state: DeferredState) -> None:
    def change(held: DeferredSends) -> None:
        if state in (DeferredState.SENT, DeferredState.LEAVING, DeferredState.UNKNOWN):
            held.leave(HELD, b"raw")
        if state is DeferredState.UNKNOWN:
            held.doubt()
        if state is DeferredState.CANCELLED:
            held.cancel(HELD)
        if state is DeferredState.FAILED:
            held.give_up(HELD, WhatsAppRefused("WhatsApp did not send the message", whatsapp_said="evil").to_wire())

    bench.writer.with_deferred(change)
    if state is DeferredState.SENT:
        bench.send("S1")
        bench.learn(SendFinished(HELD, '{"message_id":"S1"}'))


def left(bench: Bench) -> DeferredState:
    became(bench, DeferredState.SENT)
    return DeferredState.SENT


def holding(bench: Bench, seconds: int = 60) -> None:
    write_private(bench.settings.account_dir / "policy.toml", f"hold_seconds = {seconds}\n".encode())


ORDER: dict[str, Any] = {"phone": "Ana", "message": "two kilos"}


async def test_what_is_sent_is_held_when_a_policy_says_so(bench: Bench) -> None:
    await bench.run("sendMessage", **ORDER)
    assert bench.session.last(SendMessage).hold == 0
    holding(bench)
    bench.session.answers["send_message"] = lambda _: hold(bench)
    results = await bench.run("sendMessage", **ORDER)
    assert bench.session.last(SendMessage).hold == 60
    assert results == {
        "message_id": HELD,
        "status": "held",
        "chat_jid": str(ANA),
        "to": results["to"],
        "held_until": time_text(from_ms(DUE)),
    }
    assert "revokeMessage" in bench.outcome.message


async def test_forwarding_is_held_and_reacting_is_not(bench: Bench) -> None:
    holding(bench)
    bench.receive("M1")
    await bench.run("forwardMessage", message_id="M1", phone="Ana")
    assert bench.session.last(ForwardMessage).hold == 60
    await bench.run("reactMessage", message_id="M1", phone="Ana", emoji="👍")
    assert isinstance(bench.session.commands[-1], React)


@pytest.mark.parametrize("state", [DeferredState.HELD, DeferredState.CANCELLED])
async def test_a_repeated_call_tells_how_it_stands(bench: Bench, state: DeferredState) -> None:
    hold(bench, "order 7", fingerprint("sendMessage", ORDER))
    became(bench, state)
    results = await bench.run("sendMessage", **ORDER, idempotency_key="order 7")
    assert (results["message_id"], results["status"], results["repeated"]) == (HELD, state, True)
    assert bench.session.commands == []


async def test_it_is_stopped(bench: Bench) -> None:
    hold(bench)
    bench.session.answers["cancel_send"] = DeferredState.CANCELLED
    results = await bench.run("revokeMessage", message_id=HELD, phone="Ana")
    assert bench.session.commands == [CancelSend(message_id=HELD)]
    assert (results["message_id"], results["status"]) == (HELD, "cancelled")
    assert "nobody got it" in bench.outcome.message


async def test_stopping_needs_no_leave_and_deleting_does(bench: Bench) -> None:
    write_private(bench.settings.account_dir / "policy.toml", b"preset = 'careful'\n")
    bench.send("S1")
    hold(bench)
    bench.session.answers["cancel_send"] = DeferredState.CANCELLED
    bench.caller.conversation.has_read([BO])
    with pytest.raises(ConfirmationNeeded):
        await bench.run("revokeMessage", message_id="S1", phone="Ana")
    assert (await bench.run("revokeMessage", message_id=HELD, phone="Ana"))["status"] == "cancelled"


async def test_it_is_revoked_when_it_had_left(bench: Bench) -> None:
    hold(bench)
    bench.session.answers["cancel_send"] = lambda _: left(bench)
    await bench.run("revokeMessage", message_id=HELD, phone="Ana")
    assert bench.session.last(Revoke).target.message_id == "S1"


@pytest.mark.parametrize("state", [DeferredState.CANCELLED, DeferredState.FAILED])
async def test_what_never_left_needs_no_connection_to_be_stopped(bench: Bench, state: DeferredState) -> None:
    hold(bench)
    became(bench, state)
    bench.session.unlinked()
    assert (await bench.run("revokeMessage", message_id=HELD, phone="Ana"))["status"] == state


async def test_what_may_have_left_cannot_be_stopped(bench: Bench) -> None:
    hold(bench)
    became(bench, DeferredState.UNKNOWN)
    bench.session.answers["confirm_send"] = OutcomeUnknown("not known")
    with pytest.raises(OutcomeUnknown):
        await bench.run("revokeMessage", message_id=HELD, phone="Ana")


@pytest.mark.parametrize("operation", ["revokeMessage", "getMessageStatus"])
async def test_only_in_its_chat(bench: Bench, operation: str) -> None:
    hold(bench)
    with pytest.raises(NotFound):
        await bench.run(operation, message_id=HELD, phone="Bo")
    assert bench.session.commands == []


SETTLED = [state for state in DeferredState if state not in (DeferredState.EXPIRED, DeferredState.PREPARING)]


@pytest.mark.parametrize("state", SETTLED)
async def test_how_it_stands(bench: Bench, state: DeferredState) -> None:
    hold(bench)
    became(bench, state)
    if state is DeferredState.UNKNOWN:
        bench.session.answers["confirm_send"] = OutcomeUnknown("not known")
    results = await bench.run("getMessageStatus", message_id=f" {HELD} ", phone="Ana")
    if state is DeferredState.SENT:
        assert (results["message_id"], results["status"]) == ("S1", "sent")
        return
    assert (results["message_id"], results["status"], results["chat_jid"]) == (HELD, state, str(ANA))
    assert results["held_until"] == time_text(from_ms(DUE))
    if state is DeferredState.FAILED:
        assert results["error"]["code"] == "whatsapp_refused"
        assert "evil" not in str(results)


async def test_too_late(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(bench)
    monkeypatch.setattr("whatsapp_mcp.store.read.reader.now_ms", lambda: DUE + 600_000)
    assert (await bench.run("getMessageStatus", message_id=HELD, phone="Ana"))["status"] == "expired"


async def test_a_receipt_proves_that_it_was_sent(bench: Bench) -> None:
    hold(bench)
    became(bench, DeferredState.UNKNOWN)

    def confirm(command: ConfirmSend) -> SentMessage:
        assert (command.key.key, command.key.fingerprint) == (HELD, "")
        bench.send("S1")
        bench.learn(SendFinished(HELD, '{"message_id":"S1"}'))
        return SentMessage(message_id="S1", chat=ANA, timestamp=milliseconds(NOW), repeated=True)

    bench.session.answers["confirm_send"] = confirm
    assert (await bench.run("getMessageStatus", message_id=HELD, phone="Ana"))["message_id"] == "S1"


async def test_nothing_else_can_be_done_with_it_before_it_left(bench: Bench) -> None:
    hold(bench)
    calls: dict[str, dict[str, Any]] = {
        "updateMessage": {"message": "three kilos"},
        "reactMessage": {"emoji": "👍"},
        "forwardMessage": {},
        "starMessage": {},
    }
    for operation, arguments in calls.items():
        with pytest.raises(InvalidArgument, match=re.escape("has not left (status held)")) as caught:
            await bench.run(operation, message_id=HELD, phone="Ana", **arguments)
        assert "revokeMessage" in caught.value.next_step
    assert bench.session.commands == []
    became(bench, DeferredState.SENT)
    await bench.run("reactMessage", message_id=HELD, phone="Ana", emoji="👍")
    assert bench.session.last(React).target.message_id == "S1"
