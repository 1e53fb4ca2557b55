"""The session process from hello to its last line, in this process: real pipe and store, Python in place of Go."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.unit.systems import CHILD_LIMIT
from tests.unit.waiting import WAIT, soon
from tests.unit.whatsapp.fake_client import DEVICE
from tests.unit.whatsapp.fake_library import FakeGo, fake_library
from tests.unit.whatsapp.received import ANA, ME, ME_LID, SECOND, jid, message_event, source, text
from whatsapp_mcp import __version__
from whatsapp_mcp.clock import now, now_ms
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import NotConnected, SetupError, StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.views import Device, Message
from whatsapp_mcp.pipe.account import GetDevice, SetPresence
from whatsapp_mcp.pipe.codec import decode_hello, encode_call, encode_given_up
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.control import GetClients, GetQueue, Logout, PairPhone, Ping, Reindex, Restart, Vacuum
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.pipe.lines import Ended, Logged
from whatsapp_mcp.pipe.pieces import MAX_LINE
from whatsapp_mcp.pipe.side_login import RemoveGroupPicture
from whatsapp_mcp.platform.endpoint import connect
from whatsapp_mcp.qr_picture import qr_picture
from whatsapp_mcp.store.engine.sqlite import files
from whatsapp_mcp.store.engine.sqlite.files import journal_path
from whatsapp_mcp.store.journal import Journal
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import Pauses
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.library import Library
from whatsapp_mcp.wire.protos import neonize_pb2
from whatsapp_mcp.worker import clients as clients_module
from whatsapp_mcp.worker import connection as connection_module
from whatsapp_mcp.worker import intake
from whatsapp_mcp.worker import process as process_module
from whatsapp_mcp.worker.process import SessionProcess
from whatsapp_mcp.worker.translation import REPEATED


class Connected(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def hang_up(self) -> None:
        if not self.writer.is_closing():
            with suppress(OSError):
                self.writer.write_eof()


class Running:
    """A session process as a server sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.go = FakeGo()
        self.go.answers["GetMe"] = DEVICE.SerializeToString()
        self.task: asyncio.Task[int]
        self.welcome: dict[str, Any] = {}
        self.client: Connected
        self._all: list[Connected] = []
        """A writer that nobody knows any more closes its connection."""
        self._calls = 0

    @property
    def store_path(self) -> Path:
        return self.folder / "messages.db"

    @property
    def ledger(self) -> Ledger:
        return Ledger.read(self.folder / "session.json")

    async def start(self, **hello: Any) -> None:
        fields: dict[str, Any] = {
            "keys": str(self.folder / "session.db"),
            "store": str(self.store_path),
            "media_dir": str(self.folder / "media"),
            "ledger_path": str(self.folder / "session.json"),
            "log_path": str(self.folder / "session.log"),
            "retention_days": None,
            "decrypted": (),
            "endpoint": None,
            "require_endpoint": False,
            "side_login_distance": 0,
            "side_login_per_day": 0,
            "log_level": "WARNING",
        }
        listens = asyncio.Event()
        process = SessionProcess(self.folder, decode_hello(json.dumps(fields | hello).encode()))
        self.task = asyncio.create_task(process.run(listens.set))
        self.process = process
        await listens.wait()
        if listening := await connect(self.folder, limit=2**20):
            listening[1].close()
            await self.attach()
            self.standing = await self.line("state")

    async def opened(self) -> Connected:
        streams = await connect(self.folder, limit=2**20)
        assert streams is not None
        self._all.append(Connected(*streams))
        return self._all[-1]

    async def attach(self, *, noise_root: str | None = None, **client: Any) -> dict[str, Any]:
        """As a further client; the one before goes on unheard."""
        self.client = await self.opened()
        fields = {"kind": "stdio", "pid": 1, "command": "test", "since": "2026-01-01T00:00:00Z", "version": __version__}
        self.write(json.dumps({"client": fields | client, "noise_root": noise_root}))
        answer: dict[str, Any] = json.loads(await self.client.reader.readline())
        return answer

    def write(self, line: str) -> None:
        self.client.writer.write(line.encode() + b"\n")

    def call(self, command: Command[Any], *, timeout: float = WAIT) -> int:
        self._calls += 1
        self.write(encode_call(self._calls, command, timeout).decode().rstrip())
        return self._calls

    def hang_up(self) -> None:
        self.client.hang_up()

    async def line(self, kind: str) -> dict[str, Any]:
        """The next line of this type; lines before it are passed over."""
        async with asyncio.timeout(WAIT):
            while True:
                raw = await self.client.reader.readline()
                assert raw, f"the pipe was closed before a line of type {kind}"
                line: dict[str, Any] = json.loads(raw)
                if line["type"] == kind:
                    return line

    async def reply(self, call_id: int) -> dict[str, Any]:
        line = await self.line("reply")
        assert line["id"] == call_id
        return line

    async def connected(self, **hello: Any) -> None:
        await self.start(**hello)
        self.go.event(EventCode.DEVICE)
        self.go.event(EventCode.CONNECTED)
        state = await self.line("state")
        while state["state"] != "connected":
            state = await self.line("state")

    async def ended(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT):
            self.code = await self.task
        ended = self.ledger.ended
        assert ended is not None
        return ended.model_dump()


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    running = Running(tmp_path)

    def load(endpoint: Endpoint | None, *, require_endpoint: bool) -> Library:
        if require_endpoint and endpoint is None:
            raise SetupError("an endpoint is required")
        return fake_library(running.go)

    monkeypatch.setattr(connection_module, "load", load)
    monkeypatch.setattr(connection_module, "_drop_prints", lambda: None)  # it would silence pytest
    monkeypatch.setattr(process_module, "_end_at_the_latest", lambda: None)  # it would end pytest
    monkeypatch.setattr(connection_module, "CONTACT_SYNCS", ())
    monkeypatch.setattr(connection_module, "ASKED_AT", ())
    yield running
    running.process._finish(Ended(reason="stopped"))
    async with asyncio.timeout(WAIT):
        await running.task
    running.go.end()
    for thread in threading.enumerate():
        if thread.name == "neonize":  # it calls back once more, which needs the loop
            await asyncio.to_thread(thread.join, WAIT)


async def test_connected(running: Running) -> None:
    await running.start()
    running.go.event(EventCode.DEVICE)
    running.go.event(EventCode.CONNECTED)
    assert await running.line("state") == {
        "type": "state",
        "state": "connected",
        "detail": "",
        "own_jid": str(replace(ME, device=7)),
        "own_lid": str(replace(ME_LID, device=7)),
        "push_name": "Me",
        "platform": "android",
    }
    assert running.go.started.get(timeout=WAIT).database.startswith(str(running.folder / "session.db"))


async def test_the_last_client_to_leave_is_an_orderly_end(running: Running) -> None:
    await running.connected()
    running.hang_up()
    assert (await running.ended())["reason"] == "unused"
    assert running.code == 0
    assert running.go.disconnected.is_set()


async def test_what_arrives_is_stored_before_it_is_announced(running: Running) -> None:
    await running.connected()
    running.go.event(EventCode.MESSAGE, message_event(text("hello"), source(ANA, ANA), message_id="A1"))
    assert (await running.line("stored"))["newest_arrival"] == 1
    message = StoreReader(running.store_path).message("A1")
    assert message is not None
    assert message.text == "hello"


async def test_what_arrives_while_it_stops_is_stored(running: Running) -> None:
    """whatsmeow has decrypted it, so it never comes again."""
    await running.connected()
    running.go.answers["GetMe"] = DEVICE.SerializeToString()
    running.hang_up()
    await soon(running.go.disconnected.is_set)
    running.go.event(EventCode.MESSAGE, message_event(text("late"), source(ANA, ANA), message_id="A1"))
    await running.ended()
    assert StoreReader(running.store_path).message("A1") is not None


async def test_an_event_that_cannot_be_read_is_passed_over(running: Running) -> None:
    await running.connected()
    running.go.event(EventCode.MESSAGE, b"\xff\xff\xff")
    running.go.event(EventCode.MESSAGE, message_event(text("hello"), source(ANA, ANA), message_id="A1"))
    assert (await running.line("stored"))["newest_arrival"] == 1


# ---- calls ----------------------------------------------------------------------------------------------------------


async def test_a_call(running: Running) -> None:
    await running.connected()
    reply = await running.reply(running.call(GetDevice()))
    assert Device.model_validate(reply["result"]).jid == replace(ME, device=7)


async def test_calls_that_fail(running: Running) -> None:
    await running.connected()
    running.go.answers["SendPresence"] = b"websocket not connected"
    reply = await running.reply(running.call(SetPresence(available=True)))
    assert reply["error"]["code"] == "not_connected"
    running.write('{"id": 7, "command": "set_presence", "arguments": {"available": "perhaps"}, "timeout": 5}')
    assert (await running.reply(7))["error"]["code"] == "invalid_argument"
    running.write('{"id": 8, "command": "no such thing", "arguments": {}, "timeout": 5}')
    assert (await running.reply(8))["error"]["code"] == "internal_error"
    running.write("no JSON at all")
    running.write("{}")
    assert "result" in await running.reply(running.call(GetDevice()))


async def test_an_unexpected_failure_tells_nothing_internal(running: Running) -> None:
    def fail(*_: object) -> bytes:
        raise RuntimeError("password=hunter2")

    await running.connected()
    running.go.answers["SendPresence"] = fail
    reply = await running.reply(running.call(SetPresence(available=True)))
    assert reply["error"]["code"] == "internal_error"
    assert "hunter2" not in json.dumps(reply)


async def test_a_call_has_a_deadline_and_blocks_nobody(running: Running) -> None:
    go_on = threading.Event()

    def hang(*_: object) -> bytes:
        assert go_on.wait(WAIT)
        return b""

    await running.connected()
    running.go.answers["SendPresence"] = hang
    try:
        slow = running.call(SetPresence(available=True), timeout=0.2)
        quick = running.call(GetDevice())
        assert "result" in await running.reply(quick)
        assert (await running.reply(slow))["error"]["code"] == "session_timeout"
    finally:
        go_on.set()


async def test_what_a_long_call_waits_for_is_told(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients_module, "TELL_EACH", 0.01)
    writer, now = StoreWriter(running.store_path), now_ms()
    writer.keep_pauses(Pauses((now,), now))
    writer.close()
    await running.connected(side_login_distance=600)
    call_id = running.call(RemoveGroupPicture(group=Jid("1", "g.us")))
    told = await running.line("waits")
    assert (told["id"], told["total"]) == (call_id, 0)
    assert "side login" in told["what"]


async def test_no_call_before_it_is_up(running: Running) -> None:
    await running.start()
    reply = await running.reply(running.call(GetDevice()))
    assert reply["error"]["code"] == "not_connected"


async def test_a_line_that_is_too_long_ends_that_connection(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "MAX_LINE", 2000)
    await running.connected()
    first = running.client
    await running.attach()
    running.write("x" * 10_000)
    await running.client.reader.read()
    running.client = first
    assert "result" in await running.reply(running.call(GetDevice()))


# ---- clients --------------------------------------------------------------------------------------------------------


async def test_a_newcomer_learns_how_things_stand(running: Running) -> None:
    await running.start(pairing=True)
    assert running.standing["state"] == "pairing"
    running.go.qr("first")
    await running.line("qr")
    assert (await running.attach())["type"] == "welcome"
    assert (await running.line("state"))["state"] == "pairing"
    shown = await running.line("qr")
    assert shown["text"] == "first"
    assert 0 < shown["seconds"] <= 60
    running.go.event(EventCode.DEVICE)
    running.go.event(EventCode.CONNECTED)
    await running.line("state")
    running.go.event(EventCode.MESSAGE, message_event(text("hello"), source(ANA, ANA), message_id="A1"))
    await running.line("stored")
    await running.attach()
    assert (await running.line("state"))["state"] == "connected"
    assert (await running.line("stored"))["newest_arrival"] == 1


async def test_who_is_attached(running: Running) -> None:
    await running.connected()
    await running.attach(kind="command", pid=7)
    reply = await running.reply(running.call(GetClients()))
    assert [(client["kind"], client["pid"]) for client in reply["result"]] == [("stdio", 1), ("command", 7)]


async def test_a_client_that_leaves_takes_nobody_with_it(running: Running) -> None:
    await running.connected()
    leaving = running.client
    await running.attach()
    leaving.hang_up()
    await leaving.reader.read()
    assert "result" in await running.reply(running.call(GetDevice()))


async def test_a_command_keeps_nothing_alive(running: Running) -> None:
    await running.connected()
    server = running.client
    await running.attach(kind="command")
    server.hang_up()
    assert (await running.ended())["reason"] == "unused"


async def test_commands_that_come_and_go_do_not_prolong_it(running: Running) -> None:
    await running.connected(linger=3600)
    running.hang_up()
    await running.client.reader.read()
    waiting = running.process._unused
    assert waiting is not None
    await running.attach(kind="command")
    assert running.process._unused is waiting
    running.hang_up()
    await running.client.reader.read()
    assert running.process._unused is waiting


async def test_a_command_of_a_newer_version_ends_nothing(running: Running) -> None:
    await running.connected()
    server = running.client
    refused = await running.attach(kind="command", version="99.0")
    assert (refused["type"], refused["why"], refused["version"]) == ("refused", "newer", __version__)
    running.client = server
    assert "result" in await running.reply(running.call(GetDevice()))


async def test_it_goes_on_for_a_while_after_its_last_client(running: Running) -> None:
    await running.connected(linger=3600)
    running.hang_up()
    await running.client.reader.read()
    assert (await running.attach())["type"] == "welcome"
    running.call(Restart())
    assert (await running.ended())["reason"] == "restart"


@pytest.mark.parametrize(
    ("version", "why", "ends"),
    [("99.0", "retired", True), ("0.0.1", "newer", False), (__version__ + "a", "retired", True)],
)
async def test_clients_of_another_version(running: Running, version: str, why: str, ends: bool) -> None:
    await running.connected()
    first = running.client
    refused = await running.attach(version=version)
    assert (refused["type"], refused["why"], refused["version"]) == ("refused", why, __version__)
    running.client = first
    if ends:
        assert (await running.ended())["reason"] == "retired"
    else:
        assert "result" in await running.reply(running.call(GetDevice()))


async def test_a_client_with_another_whatsapp_in_mind(running: Running) -> None:
    await running.connected()
    assert (await running.attach(noise_root="ab" * 32))["why"] == "endpoint"


@pytest.mark.parametrize(
    "line", ["", "{}", "no JSON", '{"id": 1, "command": "get_device", "arguments": {}, "timeout": 1}']
)
async def test_nobody_is_answered_who_does_not_say_who_it_is(running: Running, line: str) -> None:
    await running.connected()
    first = running.client
    running.client = await running.opened()
    running.write(line)
    assert await running.client.reader.read() == b""
    running.client = first


async def test_who_takes_too_long_to_say_who_it_is_or_never_ends_is_let_go(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.connected()
    monkeypatch.setattr(clients_module, "ATTACH_LIMIT", 0.2)
    served = running.client
    slow = await running.opened()
    slow.writer.write(b'{"client": ')
    endless = await running.opened()
    endless.writer.write(b"x" * (2 * MAX_LINE))
    for each in (slow, endless):
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(each.reader.read(), WAIT) == b"", "nothing is answered"
    assert len(tuple(running.process._clients)) == 1
    running.client = served
    await running.reply(running.call(Ping()))


async def test_a_client_that_does_not_read_is_let_go(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients_module, "MOST_UNREAD", 100_000)
    await running.connected()
    reading = running.client
    await running.attach()
    running.client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    for _ in range(3000):
        running.process._clients.tell(Logged(level=10, logger="x", text="x" * 1000))
        await asyncio.sleep(0)
        reading.reader._buffer.clear()  # type: ignore[attr-defined]
    running.client = reading
    await running.reply(running.call(Ping()))
    assert len(tuple(running.process._clients)) == 1


# ---- asked to end, or to pause --------------------------------------------------------------------------------------


async def test_calls_under_way_are_finished_before_a_restart(running: Running) -> None:
    go_on = threading.Event()

    def slow(*_: object) -> bytes:
        assert go_on.wait(WAIT)
        return b""

    await running.connected()
    running.go.answers["SendPresence"] = slow
    under_way = running.call(SetPresence(available=True))
    await running.reply(running.call(Restart()))
    late = running.call(GetDevice())
    assert (await running.reply(late))["moving"]
    assert not running.go.disconnected.is_set()
    go_on.set()
    assert (await running.reply(under_way)).get("error") is None
    assert (await running.ended())["reason"] == "restart"
    ended = running.ledger.ended
    assert ended is not None
    assert ended.reason == "restart"


async def test_what_waits_for_a_pause_can_be_given_up_and_moves_to_the_next_process(running: Running) -> None:
    writer, now = StoreWriter(running.store_path), now_ms()
    writer.keep_pauses(Pauses((now,), now))
    writer.close()
    await running.connected(side_login_distance=600)
    given_up, moves = [running.call(RemoveGroupPicture(group=Jid(str(number), "g.us"))) for number in (1, 2)]
    running.write(encode_given_up(given_up).decode().rstrip())
    restarts = running.call(Restart())
    replies = {}
    for _ in range(2):
        reply = await running.line("reply")
        replies[reply["id"]] = reply.get("moving", False)
    assert replies == {restarts: False, moves: True}
    assert (await running.ended())["reason"] == "restart"


async def test_what_the_end_of_the_process_prevented_is_for_the_next(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def fail(*_: object) -> bytes:
        assert go_on.wait(WAIT)
        return b"websocket not connected"

    await running.connected()
    running.go.answers["SendPresence"] = fail
    monkeypatch.setattr(SetPresence, "all_or_nothing", True)
    under_way = running.call(SetPresence(available=True))
    await running.reply(running.call(Restart()))
    go_on.set()
    assert (await running.reply(under_way))["moving"]
    await running.ended()


async def test_all_calls_that_were_begun_are_answered_before_the_end(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def hang(*_: object) -> bytes:
        assert go_on.wait(WAIT)
        return b""

    for limit in ("CALLS_DRAIN", "ANSWERS_LIMIT"):
        monkeypatch.setattr(process_module, limit, 0.05)
    await running.connected()
    running.go.answers["SendPresence"] = hang
    try:
        hanging = running.call(SetPresence(available=True))
        await running.reply(running.call(Restart()))
        assert (await running.reply(hanging))["error"]["code"] == "session_crashed"
        assert (await running.line("ended"))["reason"] == "restart"
    finally:
        go_on.set()
    await running.ended()


async def test_a_pause(running: Running) -> None:
    await running.connected()
    async with running.process.paused("for a test"):
        state = await running.line("state")
        assert (state["state"], state["detail"]) == ("reconnecting", "for a test")
        assert running.go.disconnected.is_set()
        assert (await running.reply(running.call(GetDevice())))["moving"]
        assert "result" in await running.reply(running.call(GetClients()))
        running.process._connection.store.apply_now()  # type: ignore[union-attr]
    assert (await running.ended())["reason"] == "restart"


async def test_no_pause_without_a_connection(running: Running) -> None:
    await running.start()
    with pytest.raises(NotConnected):
        async with running.process.paused("for a test"):
            raise AssertionError
    running.hang_up()
    await running.ended()


async def test_a_new_search_index(running: Running) -> None:
    await running.connected()
    running.go.event(EventCode.MESSAGE, message_event(text("find me"), source(ANA, ANA), message_id="A1"))
    await running.line("stored")
    call = running.call(Reindex())
    state = await running.line("state")
    assert (state["state"], state["detail"]) == ("reconnecting", "the search index is made anew")
    assert (await running.reply(call))["result"] == 1
    assert (await running.ended())["reason"] == "restart"


async def test_a_new_search_index_without_a_connection(running: Running) -> None:
    await running.start()
    assert (await running.reply(running.call(Reindex())))["result"] == 0
    assert (await running.ended())["reason"] == "restart"


async def test_a_store_is_written_anew(running: Running) -> None:
    await running.connected()
    running.go.event(EventCode.MESSAGE, message_event(text("find me"), source(ANA, ANA), message_id="A1"))
    await running.line("stored")
    assert (await running.reply(running.call(GetQueue())))["result"] == 0
    call = running.call(Vacuum())
    state = await running.line("state")
    assert (state["state"], state["detail"]) == ("reconnecting", "the message store is written anew")
    before, after = (await running.reply(call))["result"]
    assert after > 0
    assert before > 0
    assert (await running.ended())["reason"] == "restart"


async def test_a_new_search_index_waits_for_the_next_process_in_a_pause(running: Running) -> None:
    await running.connected()
    async with running.process.paused("for a test"):
        assert (await running.reply(running.call(Reindex())))["moving"]
    await running.ended()


@pytest.mark.parametrize(("answer", "confirmed"), [(b"", True), (b"websocket not connected", False)])
async def test_a_logout(running: Running, answer: bytes, confirmed: bool) -> None:
    await running.connected()
    running.go.answers["Logout"] = answer
    assert (await running.reply(running.call(Logout(erase_messages=confirmed))))["result"] is confirmed
    assert (await running.ended())["reason"] == "logged_out_here"
    assert running.ledger.erase, "by whoever holds the lock next"
    assert running.ledger.erase_messages is confirmed


async def test_the_ledger(running: Running) -> None:
    await running.connected()
    assert running.ledger.is_open
    assert running.ledger.connected_at is not None
    running.go.event(EventCode.STREAM_REPLACED)
    await running.ended()
    assert not running.ledger.is_open
    assert (running.ledger.restarts, running.ledger.short_lives) == (1, 1)


# ---- pairing --------------------------------------------------------------------------------------------------------


async def test_codes(running: Running) -> None:
    picture = running.folder / "login-qr.png"
    picture.write_bytes(b"of a process that was killed")
    await running.start()
    assert not picture.exists()
    running.go.qr("first")
    assert await running.line("qr") == {"type": "qr", "text": "first", "seconds": 60.0}
    assert picture.read_bytes() == qr_picture("first"), "before anybody is told"
    running.go.qr("second")
    assert await running.line("qr") == {"type": "qr", "text": "second", "seconds": 20.0}
    assert picture.read_bytes() == qr_picture("second")
    code = neonize_pb2.PairPhoneReturnFunction(Code="ABCD-1234")
    running.go.answers["PairPhone"] = code.SerializeToString()
    reply = await running.reply(running.call(PairPhone(digits="4915100000009")))
    assert reply["result"] == "ABCD-1234"


async def test_paired(running: Running) -> None:
    await running.start()
    running.go.qr("first")
    running.go.login_status("success")
    assert (await running.line("state"))["state"] == "connecting"
    assert not (running.folder / "login-qr.png").exists()
    running.go.event(EventCode.DEVICE)
    running.go.event(EventCode.CONNECTED)
    assert (await running.line("state"))["state"] == "connected"


async def test_a_code_that_nobody_scanned_leaves_no_picture(running: Running) -> None:
    await running.start()
    running.go.qr("first")
    await running.line("qr")
    running.go.login_status("timeout")
    assert (await running.ended())["reason"] == "qr_timeout"
    assert not (running.folder / "login-qr.png").exists()


async def test_paired_and_left_alone(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "RECONNECT_CHECK", 0.02)
    running.go.connected = False
    await running.start()
    running.go.qr("first")
    running.go.login_status("success")
    assert (await running.ended())["reason"] == "connect_failed"


# ---- ends -----------------------------------------------------------------------------------------------------------

ENDS: dict[str, tuple[Callable[[FakeGo], None], str]] = {
    "logged out": (lambda go: go.event(EventCode.LOGGED_OUT), "logged_out"),
    "replaced": (lambda go: go.event(EventCode.STREAM_REPLACED), "replaced"),
    "outdated": (lambda go: go.event(EventCode.CLIENT_OUTDATED), "outdated"),
    "pump dead": (lambda go: go.end(b"proto: required field not set"), "pump_died"),
    "main call returns": (lambda go: go.end(), "pump_died"),
    "banned": (
        lambda go: go.log(
            "WARN", "Client", 'Temporary ban connect failure: <failure code="101" expire="60" reason="402"/>'
        ),
        "banned",
    ),
}


@pytest.mark.parametrize("name", ENDS)
async def test_ends_when_connected(running: Running, name: str) -> None:
    happens, reason = ENDS[name]
    await running.connected()
    happens(running.go)
    assert (await running.ended())["reason"] == reason
    assert running.code == 0


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (lambda go: go.login_status("timeout"), "qr_timeout"),
        (lambda go: go.login_status("error"), "pairing_failed"),
        (lambda go: go.end(b"dial tcp: connection refused"), "connect_failed"),
        (lambda go: go.event(EventCode.CLIENT_OUTDATED), "outdated"),
    ],
)
async def test_ends_before_it_is_connected(running: Running, happens: Callable[[FakeGo], None], reason: str) -> None:
    await running.start()
    happens(running.go)
    assert (await running.ended())["reason"] == reason


async def test_a_ban_says_until_when(running: Running) -> None:
    await running.connected()
    ENDS["banned"][0](running.go)
    ended = await running.ended()
    until: datetime = ended["until"]
    assert timedelta(0) < until - now() <= timedelta(seconds=60)
    assert f"until {until:%Y-%m-%d %H:%M} UTC (code 101)" in ended["detail"]
    assert "<failure" not in str(ended)


async def test_without_the_internet_the_end_is_a_sentence(running: Running) -> None:
    await running.start()
    running.go.end(b"failed to dial: dial tcp: lookup web.whatsapp.com: no such host")
    ended = await running.ended()
    assert ended["detail"].startswith("web.whatsapp.com is not found")
    assert ended.get("whatsapp_said") is None


async def test_a_drop_is_no_end(running: Running) -> None:
    await running.connected()
    running.go.event(EventCode.DISCONNECTED)
    assert (await running.line("state"))["state"] == "reconnecting"
    running.go.event(EventCode.CONNECTED)
    assert (await running.line("state"))["state"] == "connected"


async def test_silence_shows_until_something_is_heard(running: Running) -> None:
    await running.connected()
    running.go.event(EventCode.KEEP_ALIVE_TIMEOUT)
    assert (await running.line("state"))["state"] == "reconnecting"
    running.go.event(5)
    assert (await running.line("state"))["state"] == "connected"


async def test_a_missing_endpoint(running: Running) -> None:
    await running.start(require_endpoint=True)
    ended = await running.ended()
    assert (ended["reason"], running.code) == ("setup_error", 1)
    assert "endpoint is required" in ended["detail"]


async def test_a_path_that_neonize_cannot_use(running: Running) -> None:
    await running.start(keys=str(running.folder / "a#b" / "session.db"))
    assert (await running.ended())["reason"] == "setup_error"


async def test_a_damaged_store(running: Running) -> None:
    running.store_path.write_bytes(b"no database" * 1000)
    await running.start()
    ended = await running.ended()
    assert ended["reason"] == "store_unusable", "nothing tries it again by itself"
    assert str(running.store_path) in ended["detail"]
    assert "back-up" in ended["detail"]
    assert running.store_path.exists()


def test_a_person_who_starts_it_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "whatsapp_mcp.worker.process"], capture_output=True, timeout=CHILD_LIMIT
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"started by the server, not by hand" in done.stderr


def test_a_start_loads_nothing_that_few_starts_need(tmp_path: Path) -> None:
    """Each of them is a tenth of what a start costs; when a node dies, there are many at once."""
    StoreWriter(tmp_path / "messages.db").close()
    program = f"""
import sys
from pathlib import Path
from whatsapp_mcp.store.write.writer import StoreWriter
import whatsapp_mcp.worker.process
StoreWriter(Path({str(tmp_path)!r}) / "messages.db").close()
print(*{{"sqlite_utils", "click", "whatsapp_mcp.wire.shape_record", "psycopg", "httpx2", "PIL"}} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=CHILD_LIMIT)
    assert (done.stdout.strip(), done.stderr) == ("", "")


async def test_a_server_that_leaves_at_once(running: Running) -> None:
    await running.start()
    running.hang_up()
    assert (await running.ended())["reason"] == "unused"


async def test_an_unforeseen_error_is_answered_and_logged_without_what_was_said(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await running.connected()

    def fail(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(running.process._connection, "run", fail)
    reply = await running.reply(running.call(PairPhone(digits="4915100000001")))
    assert reply["error"]["code"] == "internal_error"
    assert "PairPhone failed" in caplog.messages
    assert "4915100000001" not in caplog.text


# ---- crashes and full disks ------------------------------------------------------------------------------------------


def event_of(message_id: str, words: str) -> bytes:
    return message_event(text(words), source(ANA, ANA), message_id=message_id)


def leave(running: Running, *events: tuple[int, bytes]) -> None:
    """What a process that was killed had taken and not stored."""
    journal = Journal(journal_path(running.store_path))
    for code, payload in events:
        assert journal.append(code, payload) is not None


def repetition(message_id: str, sender: Jid = ANA) -> str:
    why = "failed to decrypt normal message: received message with old counter (index: 7, count: 3)"
    return f"Ignoring message {message_id} from {sender}: {why}"


def stored(running: Running, message_id: str) -> Message | None:
    return StoreReader(running.store_path).message(message_id)


async def test_what_a_killed_process_left_is_stored_before_connecting(running: Running) -> None:
    leave(running, (EventCode.MESSAGE, event_of("A1", "left behind")))
    await running.start()
    assert (await running.line("stored"))["newest_arrival"] == 1
    message = stored(running, "A1")
    assert message is not None
    assert message.text == "left behind"


async def test_it_does_not_connect_while_the_store_cannot_be_written(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(running, (EventCode.MESSAGE, event_of("A1", "left behind")))

    def fail(*_: object) -> None:
        raise StoreError("the disk is full") from OSError("no space left on device")

    with monkeypatch.context() as full:
        full.setattr(StoreWriter, "apply", fail)
        await running.start()
        ended = await running.ended()
    assert ended["reason"] == "store_error"
    assert running.go.started.empty(), "nothing more is taken from WhatsApp"
    assert Journal(journal_path(running.store_path)).waiting()


async def test_it_ends_while_there_is_still_room_for_what_it_has_taken(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await running.connected()
    monkeypatch.setattr(files, "RESERVE", 1 << 60)
    running.go.event(EventCode.MESSAGE, event_of("A1", "the last"))
    ended = await running.ended()
    assert ended["reason"] == "store_error"
    assert "is full. Free some space" in ended["detail"]
    assert stored(running, "A1") is not None


async def test_a_lost_message_leaves_a_placeholder(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LOSS_GRACE", 0.05)
    await running.connected()
    running.go.log("WARN", "Client", repetition("A1"))
    assert (await running.line("stored"))["newest_arrival"] == 1
    placeholder = stored(running, "A1")
    assert placeholder is not None
    assert (placeholder.kind, placeholder.extra) == (MessageKind.UNDECRYPTABLE, {"lost": True})
    running.go.event(EventCode.MESSAGE, event_of("A1", "sent again"))
    assert (await running.line("stored"))["newest_arrival"] == 2
    found = stored(running, "A1")
    assert found is not None
    assert (found.text, found.extra) == ("sent again", {})


async def test_the_line_may_come_before_the_message(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LOSS_GRACE", 2.0)
    await running.connected()
    running.go.log("WARN", "Client", repetition("A1"))
    running.go.event(EventCode.MESSAGE, event_of("A1", "here it is"))
    running.go.log("WARN", "Client", repetition("A2"))
    assert (await running.line("stored"))["newest_arrival"] == 1
    assert (await running.line("stored"))["newest_arrival"] == 2, "A2 only"
    found = stored(running, "A1")
    assert found is not None
    assert found.text == "here it is"


async def test_a_line_whose_process_was_killed_is_not_forgotten(running: Running) -> None:
    leave(
        running,
        (EventCode.MESSAGE, event_of("A1", "came")),
        (REPEATED, repetition("A1").encode()),
        (REPEATED, repetition("A2").encode()),
    )
    await running.connected()
    await soon(lambda: stored(running, "A2") is not None)
    came = stored(running, "A1")
    assert came is not None
    assert came.text == "came"


async def test_the_lines_come_whatever_is_logged(running: Running) -> None:
    await running.connected(log_level="CRITICAL")
    assert running.go.started.get(timeout=WAIT).log_level == b"WARN"


# ---- whose messages these are ---------------------------------------------------------------------------------------


async def test_another_account_gets_a_store_of_its_own(running: Running) -> None:
    other = Jid("4915100000077", "s.whatsapp.net")
    writer = StoreWriter(running.store_path)
    writer.set_owner(other, None)
    writer.close()
    await running.connected()
    running.go.event(EventCode.MESSAGE, message_event(text("hello"), source(ANA, ANA), message_id="A1"))
    await running.line("stored")
    reader = StoreReader(running.store_path)
    owner = reader.owner()
    assert owner is not None
    assert owner[0] == ME
    assert reader.message("A1") is not None
    assert [path.name for path in running.folder.glob("*77*")], "the messages of the other are kept aside"


async def test_the_same_account_keeps_its_store(running: Running) -> None:
    writer = StoreWriter(running.store_path)
    writer.set_owner(ME, ME_LID)
    writer.close()
    await running.connected()
    assert sorted(path.name for path in running.folder.glob("messages.db.*")) == []


async def test_old_messages_are_removed_at_the_start(running: Running) -> None:
    writer = StoreWriter(running.store_path)
    writer.set_owner(ME, ME_LID)
    old = Content(MessageKind.TEXT, "old")
    writer.apply([MessageReceived("OLD", ANA, ANA, SECOND * 1000, old, from_me=False)])
    writer.close()
    reader = StoreReader(running.store_path)
    assert reader.message("OLD") is not None
    await running.start(retention_days=1)
    await soon(lambda: reader.message("OLD") is None)
    reader.close()


async def test_what_is_sent_is_announced(running: Running) -> None:
    await running.connected()
    response = neonize_pb2.SendResponse(Timestamp=SECOND, ID="S1", ServerID=0, Chat=jid(ANA))
    answer = neonize_pb2.SendMessageReturnFunction(SendResponse=response)
    running.go.answers["SendMessage"] = answer.SerializePartialToString()
    command = {"chat": str(ANA), "message": {"kind": "text", "text": "hi"}}
    running.write(json.dumps({"id": 1, "command": "send_message", "arguments": command, "timeout": 5}))
    lines = [json.loads(await running.client.reader.readline()) for _ in range(2)]
    answered, announced = sorted(lines, key=lambda line: str(line["type"]))
    assert (answered["type"], answered["result"]["message_id"]) == ("reply", "S1")
    assert (announced["type"], announced["newest_arrival"]) == ("stored", 1)
