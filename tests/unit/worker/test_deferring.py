"""Held messages in the session process: they leave once, when they are due, or not at all."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.waiting import WAIT, soon, wait_until
from tests.unit.whatsapp.received import ANA, ANA_LID, TEAM
from tests.unit.worker.test_handlers import Session, from_ana
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import InvalidArgument, NotFound, StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media.received.folder import FolderFile
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.outgoing import DocumentOut, SendOptions, SentMessage, TextOut
from whatsapp_mcp.pipe.codec import Moving
from whatsapp_mcp.pipe.messages import (
    CancelSend,
    ConfirmSend,
    ForwardMessage,
    MessageRef,
    NoteNotPrepared,
    NotePreparing,
    SendKey,
    SendMessage,
)
from whatsapp_mcp.store.deferred import LATE, PENDING_LATE, DeferredSends
from whatsapp_mcp.store.records import DeferredSend
from whatsapp_mcp.waiting import noted
from whatsapp_mcp.wire.protos import e2e, neonize_pb2
from whatsapp_mcp.worker.deferring import HELD_FILES
from whatsapp_mcp.worker.departures import Departures
from whatsapp_mcp.worker.sleep import LOOK

KEY = SendKey(key="order 7", fingerprint="f")
OF_CALL = SendKey(key="call 0123", fingerprint="", seconds=60)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(tmp_path)
    session.will_send("S1", ANA_LID)
    yield session
    assert session.thread.close(WAIT)


def hold(session: Session, text: str = "hello", *, chat: Jid = ANA, key: SendKey | None = None) -> SentMessage:
    return session.run(SendMessage(chat=chat, message=TextOut(text=text), key=key, hold=60))


def make_due(session: Session, *, late: int = 0) -> None:
    """All that is held was to leave ``late`` milliseconds ago."""
    sql = "UPDATE deferred_sends SET due_at = ?"
    session.thread.run_now(lambda writer: writer._connection.execute(sql, (now_ms() - late,)))


def known(session: Session, held: SentMessage) -> DeferredSend:
    found = session.reader.deferred(held.message_id)
    assert found is not None
    return found


def state(session: Session, held: SentMessage) -> DeferredState:
    return known(session, held).state


def will_fail(session: Session, text: str) -> None:
    answer = neonize_pb2.SendMessageReturnFunction(Error=text)
    session.client.answers["SendMessage"] = answer.SerializeToString()


def how_often(session: Session) -> int:
    return session.client.functions.count("SendMessage")


def leave(session: Session, held: SentMessage) -> bool:
    return session.messages.deferring.leave(held.message_id)


def text_of(payload: bytes | int) -> str:
    assert isinstance(payload, bytes)
    return e2e.Message.FromString(payload).extendedTextMessage.text


def while_sending(session: Session, do: Callable[[], None]) -> None:
    call = session.client.call

    def watched(function: str, *arguments: bytes | int) -> bytes:
        if function == "SendMessage":
            do()
        return call(function, *arguments)

    session.client.call = watched  # type: ignore[method-assign]


# ---- held, and what becomes of it -----------------------------------------------------------------------------------


def test_nothing_leaves_before_it_is_due(session: Session) -> None:
    before = now_ms()
    held = hold(session)
    assert held.held_until is not None
    assert before + 60_000 <= held.held_until <= now_ms() + 60_000
    assert (held.chat, state(session, held), how_often(session)) == (ANA, DeferredState.HELD, 0)
    assert leave(session, held)
    assert session.sent()[1].extendedTextMessage.text == "hello"
    assert (known(session, held).state, known(session, held).sent_id) == (DeferredState.SENT, "S1")
    assert session.message(held.message_id).id == session.message("S1").id
    assert leave(session, held)
    assert how_often(session) == 1


def test_what_is_stopped_never_leaves(session: Session) -> None:
    held = hold(session)
    for _ in range(2):
        assert session.run(CancelSend(message_id=held.message_id)) is DeferredState.CANCELLED
    assert leave(session, held)
    assert how_often(session) == 0
    assert session.run(CancelSend(message_id="HELD9")) is None


def test_stopping_waits_for_what_is_leaving(session: Session) -> None:
    held = hold(session)
    inside, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        inside.set()
        assert go_on.wait(WAIT)

    while_sending(session, pause)
    with ThreadPoolExecutor() as pool:
        leaving = pool.submit(leave, session, held)
        assert inside.wait(WAIT)
        stopping = pool.submit(session.run, CancelSend(message_id=held.message_id))
        wait_until(stopping.running)
        assert not stopping.done()
        go_on.set()
        assert leaving.result(WAIT)
        assert stopping.result(WAIT) is DeferredState.SENT, "then it is revoked like any other"


def test_stopped_while_its_file_is_uploaded(session: Session, tmp_path: Path) -> None:
    held = hold_file(session, tmp_path)
    call = session.client.call

    def watched(function: str, *arguments: bytes | int) -> bytes:
        if function == "Upload":
            assert session.run(CancelSend(message_id=held.message_id)) is DeferredState.CANCELLED
        return call(function, *arguments)

    session.client.call = watched  # type: ignore[method-assign]
    assert leave(session, held)
    assert how_often(session) == 0


def hold_file(session: Session, folder: Path) -> SentMessage:
    source = folder / "source"
    source.write_bytes(b"content")
    document = DocumentOut(path=source, mimetype="text/plain", file_name="a.txt")
    held = session.run(SendMessage(chat=ANA, message=document, hold=60))
    source.unlink()  # as the server does when it has its answer
    return held


def test_its_file_is_kept_until_it_left(session: Session, tmp_path: Path) -> None:
    held = hold_file(session, tmp_path)
    kept = tmp_path / "media" / HELD_FILES / held.message_id
    assert kept.read_bytes() == b"content"
    uploads(session)
    assert leave(session, held)
    assert state(session, held) is DeferredState.SENT
    assert next(arguments[0] for name, arguments in session.client.calls if name == "Upload") == b"content"
    assert not kept.exists()


# ---- when another machine goes on with the account -------------------------------------------------------------------


class SharedFolder:
    """As a bucket that every machine reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def hold(self, name: str, file: Path) -> None:
        (self.folder / name).write_bytes(file.read_bytes())

    def held(self, name: str) -> FolderFile | None:
        return FolderFile(self.folder / name) if (self.folder / name).exists() else None

    def held_names(self) -> list[str]:
        return [file.name for file in self.folder.iterdir()]

    def let_go(self, names: Iterable[str]) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[SharedFolder, Session]]:
    shared = SharedFolder(tmp_path / "shared")
    session = Session(tmp_path, shared=shared)
    session.will_send("S1", ANA_LID)
    yield shared, session
    assert session.thread.close(WAIT)


def moves_to_another_machine(session: Session, folder: Path) -> None:
    """Which has what is in the database, and no file."""
    shutil.rmtree(folder / "media" / HELD_FILES)
    session.messages.deferring.recover()


def test_another_machine_sends_the_file_of_the_bucket(shared: tuple[SharedFolder, Session], tmp_path: Path) -> None:
    bucket, session = shared
    held = hold_file(session, tmp_path)
    assert bucket.held_names() == [held.message_id]
    moves_to_another_machine(session, tmp_path)
    uploads(session)
    assert leave(session, held)
    assert state(session, held) is DeferredState.SENT
    assert next(arguments[0] for name, arguments in session.client.calls if name == "Upload") == b"content"
    assert bucket.held_names() == []
    assert list((tmp_path / "media" / HELD_FILES).iterdir()) == []


def test_what_nobody_sends_any_more_is_not_in_the_bucket(shared: tuple[SharedFolder, Session], tmp_path: Path) -> None:
    bucket, session = shared
    held, stopped = hold_file(session, tmp_path), hold_file(session, tmp_path)
    session.run(CancelSend(message_id=stopped.message_id))
    (bucket.folder / "HELDnobody").write_bytes(b"of a process that was killed")
    session.messages.deferring.recover()
    assert bucket.held_names() == [held.message_id]


def test_a_file_that_cannot_be_put_into_the_bucket_is_not_held(
    shared: tuple[SharedFolder, Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, session = shared

    def away(name: str, file: Path) -> None:
        raise StoreError("the bucket cannot be reached")

    monkeypatch.setattr(bucket, "hold", away)
    with pytest.raises(StoreError, match="cannot be reached"):
        hold_file(session, tmp_path)
    assert session.messages.deferring._with_held(DeferredSends.waiting) == ()
    assert list((tmp_path / "media" / HELD_FILES).iterdir()) == []


def test_without_a_bucket_another_machine_says_that_the_file_is_not_there(session: Session, tmp_path: Path) -> None:
    held = hold_file(session, tmp_path)
    moves_to_another_machine(session, tmp_path)
    uploads(session)
    assert leave(session, held), "it does not wait for what never comes"
    found = known(session, held)
    assert (found.state, how_often(session)) == (DeferredState.FAILED, 0)
    assert found.error is not None
    assert found.error["code"] == "not_found"
    assert "stayed on the machine that held the account" in found.error["message"]
    assert "WHATSAPP_MCP_MEDIA" in found.error["next_step"]


def uploads(session: Session) -> None:
    answer = neonize_pb2.UploadReturnFunction(
        UploadResponse=neonize_pb2.UploadResponse(
            url="u",
            DirectPath="/d",
            Handle="",
            MediaKey=b"k",
            FileEncSHA256=b"e",
            FileSHA256=b"s",
            FileLength=7,
        )
    )
    session.client.answers["Upload"] = answer.SerializeToString()


def test_its_file_goes_when_it_is_stopped(session: Session, tmp_path: Path) -> None:
    held = hold_file(session, tmp_path)
    session.run(CancelSend(message_id=held.message_id))
    assert list((tmp_path / "media" / HELD_FILES).iterdir()) == []


def test_what_is_wrong_now_is_said_now(session: Session) -> None:
    options = SendOptions(reply_to_id="nope")
    with pytest.raises(NotFound):
        session.run(SendMessage(chat=ANA, message=TextOut(text="hello"), options=options, hold=60))
    with pytest.raises(NotFound):
        session.run(ForwardMessage(target=MessageRef(chat=ANA, message_id="nope"), chat=ANA, hold=60))


def test_forwarding_is_held_too(session: Session) -> None:
    session.receive(from_ana())
    held = session.run(ForwardMessage(target=MessageRef(chat=ANA, message_id="A1"), chat=ANA, hold=60))
    assert how_often(session) == 0
    assert leave(session, held)
    assert session.sent()[1].extendedTextMessage.contextInfo.isForwarded


# ---- keys -----------------------------------------------------------------------------------------------------------


def test_a_repeated_call_gets_the_same_answer(session: Session) -> None:
    held = hold(session, key=KEY)
    again = held.model_copy(update={"repeated": True})
    assert hold(session, key=KEY) == again
    assert session.run(ConfirmSend(key=KEY, handed_over=None)) == again
    with pytest.raises(InvalidArgument):
        hold(session, key=KEY.model_copy(update={"fingerprint": "g"}))
    assert leave(session, held)
    assert hold(session, key=KEY).message_id == "S1"
    assert how_often(session) == 1


# ---- what can go wrong ----------------------------------------------------------------------------------------------


def test_without_a_connection_it_stays_held(session: Session) -> None:
    held = hold(session, key=KEY)
    will_fail(session, "failed to send message node: websocket not connected")
    assert not leave(session, held)
    assert state(session, held) is DeferredState.HELD
    assert hold(session, key=KEY).message_id == held.message_id
    session.will_send("S1", ANA_LID)
    assert leave(session, held)
    assert state(session, held) is DeferredState.SENT


def test_a_refusal_is_final(session: Session) -> None:
    held = hold(session)
    will_fail(session, "server returned error 463")
    assert leave(session, held)
    found = known(session, held)
    assert found.state is DeferredState.FAILED
    assert found.error is not None
    assert found.error["code"] == "reachout_timelock"
    assert session.run(CancelSend(message_id=held.message_id)) is DeferredState.FAILED


@pytest.mark.parametrize("failure", ["timed out waiting for message send response", None])
def test_what_may_have_been_sent_is_not_sent_again(session: Session, failure: str | None) -> None:
    held = hold(session)
    if failure:
        will_fail(session, failure)
    else:
        session.client.answers["SendMessage"] = b"\xff"
    assert leave(session, held)
    assert state(session, held) is DeferredState.UNKNOWN
    assert leave(session, held)
    assert how_often(session) == 1
    assert session.run(CancelSend(message_id=held.message_id)) is DeferredState.UNKNOWN


def test_after_a_process_that_was_killed(session: Session, tmp_path: Path) -> None:
    leaving, held = hold(session), hold_file(session, tmp_path)
    session.thread.run_now(lambda writer: writer.with_deferred(lambda d: d.leave(leaving.message_id, b"")))
    nobodys = tmp_path / "media" / HELD_FILES / "HELDnobody"
    nobodys.write_bytes(b"")
    session.messages.deferring.recover()
    assert state(session, leaving) is DeferredState.UNKNOWN
    assert state(session, held) is DeferredState.HELD
    assert [file.name for file in nobodys.parent.iterdir()] == [held.message_id]


def test_an_account_that_is_unlinked_sends_nothing(session: Session, tmp_path: Path) -> None:
    held, file = hold(session), hold_file(session, tmp_path)
    session.messages.deferring.forget()
    for one in (held, file):
        found = known(session, one)
        assert found.state is DeferredState.FAILED
        assert found.error is not None
        assert found.error["code"] == "not_logged_in"
        assert leave(session, one)
    assert how_often(session) == 0
    assert list((tmp_path / "media" / HELD_FILES).iterdir()) == []


# ---- when they leave ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def running(session: Session) -> AsyncIterator[Departures]:
    async def briefly(_seconds: float) -> None:
        await asyncio.sleep(0.01)

    departures = Departures(session.messages.deferring, session.thread, ThreadPoolExecutor(4), pause=briefly)
    task = asyncio.create_task(departures.run())
    yield departures
    await departures.ended()
    async with asyncio.timeout(WAIT):
        await task


async def test_what_is_due_leaves_when_there_is_a_connection(session: Session) -> None:
    async with running(session) as departures:
        held = hold(session)
        departures.look()
        assert departures.are_expected
        make_due(session)
        departures.look()
        await soon(lambda: departures._known)
        assert (how_often(session), departures.are_expected) == (0, True)
        departures.connection_is(up=True)
        await soon(lambda: state(session, held) is DeferredState.SENT)
        await soon(lambda: not departures.are_expected)
    assert how_often(session) == 1


async def test_it_leaves_by_the_clock(session: Session) -> None:
    async with running(session) as departures:
        departures.connection_is(up=True)
        held = session.run(SendMessage(chat=ANA, message=TextOut(text="soon"), hold=1))
        departures.look()
        await soon(lambda: state(session, held) is DeferredState.SENT)
        assert held.held_until is not None
        assert now_ms() >= held.held_until


async def test_after_sleep_nothing_leaves_by_a_connection_that_may_be_dead(session: Session) -> None:
    clock, slept = [now_ms()], list[float]()

    async def pause(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.Event().wait()

    threads = ThreadPoolExecutor(4)
    departures = Departures(session.messages.deferring, session.thread, threads, now=lambda: clock[0], pause=pause)
    task = asyncio.create_task(departures.run())
    held = hold(session)
    departures.connection_is(up=True)
    await soon(lambda: departures._known)
    clock[0] += 120_000
    departures.look()
    await soon(lambda: bool(slept))
    task.cancel()
    assert slept == [2 * LOOK], "meanwhile the process ends, for the next to connect"
    assert (state(session, held), how_often(session)) == (DeferredState.HELD, 0)


async def test_a_chat_gets_its_messages_in_order(session: Session) -> None:
    async with running(session) as departures:
        will_fail(session, "failed to send message node: websocket not connected")
        held = [hold(session, text) for text in ("one", "two", "three")]
        other = hold(session, "elsewhere", chat=TEAM)
        make_due(session)
        session.thread.run_now(
            lambda writer: writer._connection.executemany(
                "UPDATE deferred_sends SET due_at = due_at - ? WHERE id = ?",
                [(10 - number, one.message_id) for number, one in enumerate(held)],
            )
        )
        departures.connection_is(up=True)
        await soon(lambda: how_often(session) > 4, "it is tried again")
        session.will_send("S1", ANA_LID)
        await soon(lambda: all(state(session, one) is DeferredState.SENT for one in (*held, other)))
    sent = [text_of(arguments[2]) for name, arguments in session.client.calls if name == "SendMessage"]
    assert [text for text in sent if text != "elsewhere"][-3:] == ["one", "two", "three"]
    assert "elsewhere" in sent


@pytest.mark.parametrize("up", [True, False])
async def test_what_is_too_late_does_not_leave(session: Session, up: bool) -> None:
    held = hold(session)
    make_due(session, late=LATE + 1)
    async with running(session) as departures:
        departures.connection_is(up=up)
        await soon(lambda: departures._known and not departures.are_expected)
    row = session.thread.run_now(lambda writer: writer.with_deferred(lambda d: d.cancel(held.message_id)))
    assert row is not None
    assert row[0] is DeferredState.EXPIRED
    assert how_often(session) == 0


async def test_the_end_waits_for_what_is_leaving(session: Session) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        inside.set()
        assert go_on.wait(WAIT)

    while_sending(session, pause)
    held, later = hold(session), hold(session)
    make_due(session)
    async with running(session) as departures:
        departures.connection_is(up=True)
        await soon(inside.is_set)
        ending = asyncio.create_task(departures.ended())
        departures.stop()
        go_on.set()
        async with asyncio.timeout(WAIT):
            await ending
    assert sorted((state(session, held), state(session, later))) == ["held", "sent"], "the next process goes on"


# ---- what is pending: it leaves as soon as it can, whoever waits for it ----------------------------------------------


def take(session: Session, folder: Path, key: SendKey | None = None) -> SentMessage:
    source = folder / "source"
    source.write_bytes(b"content")
    document = DocumentOut(path=source, mimetype="text/plain", file_name="a.txt")
    taken = session.run(SendMessage(chat=ANA, message=document, key=key, pending=True))
    source.unlink()
    return taken


def hang_in(session: Session, function: str, go_on: threading.Event) -> threading.Event:
    """Let neonize wait in a function until it may go on; says when it is there."""
    there, call = threading.Event(), session.client.call

    def watched(called: str, *arguments: bytes | int) -> bytes:
        if called == function:
            there.set()
            assert go_on.wait(WAIT)
        return call(called, *arguments)

    session.client.call = watched  # type: ignore[method-assign, assignment]
    return there


async def test_what_is_pending_is_answered_at_once_and_sent(session: Session, tmp_path: Path) -> None:
    uploads(session)
    go_on = threading.Event()
    there = hang_in(session, "Upload", go_on)
    async with running(session) as departures:
        departures.connection_is(up=True)
        taken = take(session, tmp_path, OF_CALL)
        assert (taken.pending, taken.held_until, known(session, taken).status) == (True, None, "pending")
        departures.look()
        await soon(there.is_set)
        with noted() as waits:
            waiting = asyncio.create_task(departures.settled(taken.message_id))
            await soon(lambda: waits.now is not None and waits.now.what == "uploading the file")
        again = take(session, tmp_path, OF_CALL)
        assert again == taken.model_copy(update={"repeated": True}), "a repetition gets the same id, and sends nothing"
        assert known(session, taken).status == "pending"
        go_on.set()
        async with asyncio.timeout(WAIT):
            await waiting
        found = known(session, taken)
        assert (found.state, found.sent_id) == (DeferredState.SENT, "S1")
    assert how_often(session) == 1
    done = session.run(ConfirmSend(key=OF_CALL, handed_over=None))
    assert done is not None
    assert (done.message_id, done.pending) == ("S1", False)


async def test_a_pending_key_counts_however_long_it_takes(session: Session, tmp_path: Path) -> None:
    taken = take(session, tmp_path, OF_CALL)
    long_ago = (now_ms() - 3_600_000,)
    session.thread.run_now(lambda writer: writer._connection.execute("UPDATE sends SET started_at = ?", long_ago))
    assert take(session, tmp_path, OF_CALL).message_id == taken.message_id


async def test_what_is_pending_waits_for_nothing_else_in_its_chat(session: Session, tmp_path: Path) -> None:
    uploads(session)
    go_on = threading.Event()
    there = hang_in(session, "Upload", go_on)
    async with running(session) as departures:
        departures.connection_is(up=True)
        take(session, tmp_path)
        departures.look()
        await soon(there.is_set)
        held = hold(session)
        make_due(session)
        departures.look()
        await soon(lambda: state(session, held) is DeferredState.SENT)
        go_on.set()


async def test_the_next_process_goes_on_with_what_was_being_uploaded(session: Session, tmp_path: Path) -> None:
    uploads(session)
    go_on = threading.Event()
    there = hang_in(session, "Upload", go_on)
    departures = Departures(session.messages.deferring, session.thread, ThreadPoolExecutor(4))
    task = asyncio.create_task(departures.run())
    departures.connection_is(up=True)
    taken = take(session, tmp_path)
    departures.look()
    await soon(there.is_set)
    waiting = asyncio.create_task(departures.settled(taken.message_id))
    await asyncio.sleep(0)
    departures.stop()
    with pytest.raises(Moving):
        await waiting
    await task
    assert (state(session, taken), how_often(session)) == (DeferredState.HELD, 0)
    go_on.set()
    await departures.ended()


@pytest.mark.parametrize(("late", "state_then"), [(LATE + 1, DeferredState.HELD), (PENDING_LATE + 1, "expired")])
def test_what_is_pending_may_be_uploaded_for_long(session: Session, tmp_path: Path, late: int, state_then: str) -> None:
    taken = take(session, tmp_path)
    make_due(session, late=late)
    session.messages.deferring.expire()
    assert state(session, taken) == state_then


def test_what_is_pending_can_be_stopped(session: Session, tmp_path: Path) -> None:
    taken = take(session, tmp_path)
    assert session.run(CancelSend(message_id=taken.message_id)) is DeferredState.CANCELLED
    assert leave(session, taken)
    assert how_often(session) == 0


# ---- what a server still converts -----------------------------------------------------------------------------------

PREPARED = "SEND0123456789ABCDEF01"


def prepared(session: Session, folder: Path) -> SentMessage:
    """As the server hands over what it has converted."""
    file = folder / "file.bin"
    file.write_bytes(b"content")
    document = DocumentOut(path=file, mimetype="application/octet-stream", file_name="file.bin")
    return session.run(SendMessage(chat=ANA, message=document, pending=True, pending_id=PREPARED))


def test_what_was_noted_becomes_the_message(session: Session, tmp_path: Path) -> None:
    session.run(NotePreparing(message_id=PREPARED, chat=ANA, server=7))
    found = session.reader.deferred(PREPARED)
    assert found is not None
    assert (found.state, found.status, found.server) == (DeferredState.PREPARING, "pending", 7)
    assert session.thread.run_now(lambda writer: writer.with_deferred(lambda held: held.waiting())) == ()
    sent = prepared(session, tmp_path)
    assert (sent.message_id, state(session, sent)) == (PREPARED, DeferredState.HELD)
    session.run(NotePreparing(message_id=PREPARED, chat=ANA, server=7))
    session.run(NoteNotPrepared(message_id=PREPARED, error={}))
    assert state(session, sent) is DeferredState.HELD, "a note that comes late says nothing"


def test_what_was_stopped_meanwhile_is_not_taken(session: Session, tmp_path: Path) -> None:
    session.run(NotePreparing(message_id=PREPARED, chat=ANA, server=7))
    assert session.run(CancelSend(message_id=PREPARED)) is DeferredState.CANCELLED
    sent = prepared(session, tmp_path)
    assert state(session, sent) is DeferredState.CANCELLED
    assert leave(session, sent)
    assert how_often(session) == 0
    assert not list((tmp_path / "media" / HELD_FILES).iterdir()), "its file is not kept"


def test_what_could_not_be_converted(session: Session) -> None:
    session.run(NotePreparing(message_id=PREPARED, chat=ANA, server=7))
    session.run(NoteNotPrepared(message_id=PREPARED, error=InvalidArgument("damaged", field="file").to_wire()))
    found = session.reader.deferred(PREPARED)
    assert found is not None
    assert found.state is DeferredState.FAILED
    assert found.error is not None
    assert found.error["message"] == "damaged"
