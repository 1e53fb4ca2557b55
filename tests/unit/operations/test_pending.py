"""Sends that take longer than their client waits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, NOW, milliseconds
from tests.unit.systems import SLOWNESS
from tests.unit.waiting import WAIT, soon
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import (
    InvalidArgument,
    InvalidMedia,
    NotConnected,
    OutcomeUnknown,
    SessionCrashed,
    SessionTimeout,
    WhatsAppMcpError,
    WhatsAppRefused,
)
from whatsapp_mcp.media.prepare import MediaSource
from whatsapp_mcp.models.changes import SendFinished
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.outgoing import DocumentOut, SentMessage
from whatsapp_mcp.operations import runner
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.runner import OperationRunner
from whatsapp_mcp.operations.sending import FOLLOW
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.lines import AttachedClient
from whatsapp_mcp.pipe.messages import AwaitSend, CancelSend, NoteNotPrepared, NotePreparing, SendMessage
from whatsapp_mcp.policy.caller import Patience
from whatsapp_mcp.policy.gate import Gate
from whatsapp_mcp.store.deferred import PENDING_LATE, DeferredSends
from whatsapp_mcp.store.records import NewDeferred
from whatsapp_mcp.store.sends import KEPT
from whatsapp_mcp.waiting import noted

ID = "SEND0123456789ABCDEF01"
BRIEF = Patience(answer_within=SLOWNESS - 1)
"""The session has taken a message by then, and not sent it."""


@pytest.fixture
def bench(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    outbox = tmp_path_factory.mktemp("outbox")
    (outbox / "a.bin").write_bytes(b"content")
    bench.settings = bench.settings.model_copy(update={"outbox": str(outbox)})
    bench.runner = OperationRunner(bench.services_with(bench.settings), Gate.of(bench.settings))
    bench.session.answers["send_message"] = lambda _command: taken(bench)
    bench.caller.patience = Patience(answer_within=20)
    return bench


def taken(bench: Bench, *, age: int = 0) -> SentMessage:
    """As the session process takes a message."""
    at = now_ms() - age
    answer = SentMessage(message_id=ID, chat=ANA, timestamp=at, pending=True)
    new = NewDeferred(ID, ANA, at, ID, KEPT, "", "{}", answer.model_dump_json(exclude={"repeated"}))
    bench.writer.with_deferred(lambda held: held.hold(new))
    return answer


def sent(bench: Bench) -> None:
    bench.writer.with_deferred(lambda held: held.leave(ID, b"raw"))
    bench.send("S1")
    result = SentMessage(message_id="S1", chat=ANA, timestamp=milliseconds(NOW))
    bench.learn(SendFinished(ID, result.model_dump_json(exclude={"repeated"})))


async def send(bench: Bench) -> Any:
    return await bench.run("sendFile", phone="Ana", file="a.bin")


async def test_a_file_is_taken_by_the_session_and_followed(bench: Bench) -> None:
    bench.session.answers["await_send"] = lambda _command: sent(bench)
    results = await send(bench)
    assert (results["message_id"], results["status"]) == ("S1", "sent")
    command, waited = bench.session.commands
    assert isinstance(command, SendMessage)
    assert command.pending
    assert waited == AwaitSend(message_id=ID)


async def test_what_is_still_converted_goes_on_and_is_joined(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def converts(_source: MediaSource, **_: Any) -> AsyncIterator[DocumentOut]:
        begun.set()
        await go_on.wait()
        yield DocumentOut(path=Path("x"), mimetype="text/plain", file_name="x.txt")

    monkeypatch.setattr(MediaSource, "as_document", converts)
    bench.settings = bench.settings.model_copy(update={"repeat_seconds": 60})
    bench.runner = OperationRunner(bench.services_with(bench.settings), Gate.of(bench.settings))
    gave_up = asyncio.create_task(send(bench))
    await begun.wait()
    gave_up.cancel()
    await asyncio.wait([gave_up])
    bench.caller.patience = Patience(answer_within=0.05)
    told = await send(bench)
    assert told["status"] == "pending"
    status = await bench.run("getMessageStatus", message_id=told["message_id"], phone="Ana")
    assert status["status"] == "pending"
    (note,) = bench.session.commands
    assert note == NotePreparing(message_id=told["message_id"], chat=ANA, server=os.getpid())
    bench.session.answers["send_message"] = SentMessage(message_id="S1", chat=ANA, timestamp=milliseconds(NOW))
    bench.caller.patience = Patience()
    with noted() as waits:
        again = asyncio.create_task(send(bench))
        await soon(lambda: waits.now is not None and "an earlier call" in waits.now.what)
    go_on.set()
    assert (await again)["message_id"] == "S1"
    command = bench.session.commands[-1]
    assert isinstance(command, SendMessage)
    assert command.pending_id == told["message_id"]


async def test_what_cannot_be_converted_after_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()

    @asynccontextmanager
    async def converts(_source: MediaSource, **_: Any) -> AsyncIterator[DocumentOut]:
        await go_on.wait()
        raise InvalidMedia("file: it is damaged", field="file")
        yield

    def not_prepared(command: NoteNotPrepared) -> None:
        bench.writer.with_deferred(lambda held: held.not_prepared(command.message_id, command.error))

    monkeypatch.setattr(MediaSource, "as_document", converts)
    bench.session.answers |= {"note_preparing": lambda note: noted_as(bench, note), "note_not_prepared": not_prepared}
    bench.caller.patience = Patience(answer_within=0.05)
    told = (await send(bench))["message_id"]
    assert (await bench.run("getMessageStatus", message_id=told, phone="Ana"))["status"] == "pending"
    go_on.set()
    await soon(lambda: bench.session.commands[-1].name == "note_not_prepared")
    status = await bench.run("getMessageStatus", message_id=told, phone="Ana")
    assert (status["status"], status["error"]["code"]) == ("failed", "invalid_media")
    assert not any(isinstance(command, SendMessage) for command in bench.session.commands)


def noted_as(bench: Bench, note: NotePreparing) -> None:
    bench.writer.with_deferred(lambda held: held.prepare(note.message_id, note.chat, note.server))


def client(pid: int) -> AttachedClient:
    return AttachedClient(kind="stdio", pid=pid, command="whatsapp-mcp", since=NOW, version="1")


async def test_a_server_that_ends_while_it_converts_is_told_of(bench: Bench) -> None:
    noted_as(bench, NotePreparing(message_id=ID, chat=ANA, server=4_000_001))
    bench.session.answers["get_clients"] = (client(4_000_000), client(4_000_001))
    assert (await bench.run("getMessageStatus", message_id=ID, phone="Ana"))["status"] == "pending"
    bench.session.answers["get_clients"] = (client(4_000_000),)
    status = await bench.run("getMessageStatus", message_id=ID, phone="Ana")
    assert status["status"] == "failed"
    assert status["error"]["code"] == "session_error"
    assert "Send it again" in status["error"]["next_step"]
    bench.session.answers["get_clients"] = SessionCrashed("gone")
    assert (await bench.run("getMessageStatus", message_id=ID, phone="Ana"))["status"] == "pending", "nobody knows"


async def test_what_this_server_does_not_convert_any_more_has_failed(bench: Bench) -> None:
    noted_as(bench, NotePreparing(message_id=ID, chat=ANA, server=os.getpid()))
    assert (await bench.run("getMessageStatus", message_id=ID, phone="Ana"))["status"] == "failed"


async def test_what_is_still_converted_can_be_stopped(bench: Bench) -> None:
    noted_as(bench, NotePreparing(message_id=ID, chat=ANA, server=4_000_001))

    def cancel(command: CancelSend) -> DeferredState | None:
        found = bench.writer.with_deferred(lambda held: held.cancel(command.message_id))
        return found[0] if found is not None else None

    bench.session.answers["cancel_send"] = cancel
    results = await bench.run("revokeMessage", message_id=ID, phone="Ana")
    assert results["status"] == "cancelled"
    assert (await bench.run("getMessageStatus", message_id=ID, phone="Ana"))["status"] == "cancelled"


async def test_a_text_is_not(bench: Bench) -> None:
    bench.session.answers.clear()
    await bench.run("sendMessage", phone="Ana", message="hello")
    assert not bench.session.last(SendMessage).pending


async def test_what_takes_longer_than_the_client_waits_is_pending(bench: Bench) -> None:
    bench.caller.patience = BRIEF
    results = await send(bench)
    assert (results["message_id"], results["status"]) == (ID, "pending")
    assert bench.outcome.note == FOLLOW
    status = await bench.run("getMessageStatus", message_id=ID, phone="Ana")
    assert status == {"message_id": ID, "status": "pending", "chat_jid": str(ANA)}
    with pytest.raises(InvalidArgument, match="status pending"):
        await bench.run("reactMessage", message_id=ID, phone="Ana", emoji="👍")
    sent(bench)
    assert (await bench.run("getMessageStatus", message_id=ID, phone="Ana"))["message_id"] == "S1"


async def test_a_pending_one_can_be_stopped(bench: Bench) -> None:
    bench.caller.patience = BRIEF
    await send(bench)
    bench.writer.with_deferred(lambda held: held.cancel(ID))
    results = await bench.run("revokeMessage", message_id=ID, phone="Ana")
    assert results["status"] == "cancelled"
    assert not any(isinstance(command, CancelSend) for command in bench.session.commands)


async def test_the_session_may_begin_anew_meanwhile(bench: Bench) -> None:
    asked: list[AwaitSend] = []

    def answer(command: AwaitSend) -> None:
        asked.append(command)
        bench.session.announce(len(asked))
        if len(asked) < 3:
            raise SessionCrashed("gone")
        sent(bench)

    bench.session.answers["await_send"] = answer
    assert (await send(bench))["message_id"] == "S1"


@pytest.mark.parametrize(
    ("becomes", "error"),
    [
        (lambda held: held.give_up(ID, WhatsAppRefused("too large").to_wire()), WhatsAppRefused),
        (lambda held: (held.leave(ID, b"raw"), held.doubt()), OutcomeUnknown),
        (lambda held: held.cancel(ID), WhatsAppMcpError),
    ],
)
async def test_why_it_was_not_sent(bench: Bench, becomes: Any, error: type[WhatsAppMcpError]) -> None:
    def settle(held: DeferredSends) -> None:
        becomes(held)

    bench.session.answers["await_send"] = lambda _command: bench.writer.with_deferred(settle)
    with pytest.raises(error):
        await send(bench)


async def test_without_a_connection_for_an_hour_it_is_not_sent(bench: Bench) -> None:
    bench.session.answers["send_message"] = lambda _command: taken(bench, age=PENDING_LATE + 1_000)
    with pytest.raises(NotConnected):
        await send(bench)


# ---- every other call -----------------------------------------------------------------------------------------------


async def test_no_call_outlasts_its_client(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_services: Services, _arguments: Any) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(runner, "GRACE", 0.01)
    monkeypatch.setattr(runner, "_handler", AsyncMock(return_value=hang))
    bench.caller.patience = Patience(answer_within=0.01)
    with pytest.raises(SessionTimeout, match="as long as this client waits"):
        await bench.run("userInfo", phone="Ana")


async def test_a_wait_for_news_is_as_long_as_the_client_waits(bench: Bench) -> None:
    bench.caller.patience = Patience(waiting=0.01)
    for tool in ("waitForMessage", "waitForEvent"):
        assert (await bench.run(tool))["timed_out"] is True


@pytest.mark.parametrize("stops", [True, False])
async def test_what_a_person_gives_up_is_stopped_and_what_a_host_gives_up_goes_on(bench: Bench, stops: bool) -> None:
    waits = asyncio.Event()

    bench.session.answers["await_send"] = lambda _command: waits.set()
    bench.caller.patience = Patience(stops=stops)
    task = asyncio.create_task(send(bench))
    async with asyncio.timeout(WAIT):
        await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    handed, *asked = [one for one in bench.session.commands if isinstance(one, SendMessage | CancelSend)]
    assert isinstance(handed, SendMessage)
    assert asked == ([CancelSend(message_id=handed.pending_id)] if stops else [])
