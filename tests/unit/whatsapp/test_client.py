"""The owner of the neonize client, with Python in place of Go."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.anything import of_length
from tests.unit.whatsapp.fake_library import WAIT, FakeGo, fake_library
from whatsapp_mcp.account_folder import name_for_neonize
from whatsapp_mcp.errors import NotConnected, SetupError
from whatsapp_mcp.whatsapp.client import Client, ClientEvents, EventCode
from whatsapp_mcp.whatsapp.whatsmeow_log import Ban, ban_in
from whatsapp_mcp.wire.protos import companion_reg

SESSION_DB = Path("/somewhere/session.db")


class Heard:
    """What the callbacks were given, in order."""

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def events(self) -> ClientEvents:
        def note(name: str) -> Callable[..., None]:
            return lambda *arguments: self.heard.put((name, *arguments))

        return ClientEvents(
            event=note("event"),
            qr=note("qr"),
            login_status=note("login_status"),
            log=note("log"),
            ended=note("ended"),
        )

    def next(self) -> tuple[Any, ...]:
        return self.heard.get(timeout=WAIT)

    def nothing_more(self) -> bool:
        return self.heard.empty()


@pytest.fixture
def go() -> Iterator[FakeGo]:
    go = FakeGo()
    yield go
    go.end()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def client() -> Client:
    return Client(SESSION_DB)


def up(client: Client, go: FakeGo, heard: Heard) -> None:
    client.start(fake_library(go), heard.events())
    go.event(EventCode.DEVICE)
    assert heard.next() == ("event", EventCode.DEVICE, b"")


def test_start(client: Client, go: FakeGo, heard: Heard) -> None:
    client.start(fake_library(go), heard.events())
    started = go.started.get(timeout=WAIT)
    assert started.database == name_for_neonize(SESSION_DB)
    assert started.database.startswith(f"{SESSION_DB}?")
    assert started.client_id == b"session"
    assert started.log_level == b"WARN"
    assert set(started.subscribed) == set(EventCode.SUBSCRIBED)
    props = companion_reg.DeviceProps.FromString(started.device_props)
    assert props.os == "whatsapp-mcp"


def test_events_that_kill_the_pump_are_not_subscribed() -> None:
    temporary_ban, connect_failure, chat_presence = 8, 9, 19
    assert not {temporary_ban, connect_failure, chat_presence} & set(EventCode.SUBSCRIBED)


@pytest.mark.parametrize("character", ["?", "#", "%"])
def test_a_path_that_the_database_library_would_misread(character: str, heard: Heard, go: FakeGo) -> None:
    path = Path(f"/some{character}where/session.db")
    with pytest.raises(SetupError) as caught:
        Client(path)
    assert "--data-dir" in caught.value.next_step
    assert str(path) in caught.value.message


def test_events_arrive_in_order(client: Client, go: FakeGo, heard: Heard) -> None:
    client.start(fake_library(go), heard.events())
    go.event(EventCode.CONNECTED, b"one")
    go.event(EventCode.MESSAGE, b"two\0three")
    assert heard.next() == ("event", EventCode.CONNECTED, b"one")
    assert heard.next() == ("event", EventCode.MESSAGE, b"two\0three")


def test_pairing_is_told(client: Client, go: FakeGo, heard: Heard) -> None:
    client.start(fake_library(go), heard.events())
    go.qr("https://wa.me/settings/linked_devices#1,2,3")
    go.login_status("success")
    assert heard.next() == ("qr", "https://wa.me/settings/linked_devices#1,2,3")
    assert heard.next() == ("login_status", "success")


def test_log_lines_are_told(client: Client, go: FakeGo, heard: Heard) -> None:
    up(client, go, heard)
    go.log("WARN", "Client", "Temporary ban connect failure")
    assert heard.next() == ("log", "WARN", "Client", "Temporary ban connect failure")


def test_a_log_line_that_is_not_utf8_is_told_as_text(client: Client, go: FakeGo, heard: Heard) -> None:
    """Python's protobufs hand such a text out as bytes; a ban with a broken message in it is a ban all the same."""
    up(client, go, heard)
    said = b'Temporary ban connect failure: <failure code="101" expire="60" message="caf\xe9"/>'
    go.raw_log(of_length(2, b"WARN") + of_length(3, b"Client") + of_length(1, said))
    heard_name, level, name, text = heard.next()
    assert (heard_name, ban_in(level, name, text)) == ("log", Ban("101", 60))


# ---- calls ----------------------------------------------------------------------------------------------------------


def test_call(client: Client, go: FakeGo, heard: Heard) -> None:
    up(client, go, heard)
    go.answers["Echo"] = lambda text, size: text[:size]
    assert client.call("Echo", b"hello", 4) == b"hell"
    assert go.calls == [("Echo", (b"hello", 4))]


def test_no_call_before_the_client_is_registered(client: Client, go: FakeGo, heard: Heard) -> None:
    with pytest.raises(NotConnected):
        client.call("GetMe")
    client.start(fake_library(go), heard.events())
    go.started.get(timeout=WAIT)
    with pytest.raises(NotConnected):
        client.call("GetMe")
    assert not client.has_socket()
    client.disconnect()
    assert go.calls == []
    assert not go.disconnected.is_set()


def test_a_qr_code_means_that_the_client_is_registered(client: Client, go: FakeGo, heard: Heard) -> None:
    client.start(fake_library(go), heard.events())
    go.qr("code")
    heard.next()
    assert client.call("PairPhone") == b""


def test_no_call_after_the_end(client: Client, go: FakeGo, heard: Heard) -> None:
    up(client, go, heard)
    assert client.has_socket()
    go.end(b"proto: required field not set")
    assert heard.next() == ("ended", "proto: required field not set")
    with pytest.raises(NotConnected):
        client.call("GetMe")
    assert not client.has_socket()
    assert go.calls == []


def test_socket_is_down(client: Client, go: FakeGo, heard: Heard) -> None:
    up(client, go, heard)
    go.connected = False
    assert not client.has_socket()


def test_disconnect(client: Client, go: FakeGo, heard: Heard) -> None:
    up(client, go, heard)
    client.disconnect()
    assert go.disconnected.is_set()


# ---- the end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "reason"),
    [(b"", None), (b"no route", "no route"), (b"\xff", "\ufffd"), (OSError("gone"), "OSError: gone")],
)
def test_the_end_is_told_once(
    client: Client, go: FakeGo, heard: Heard, end: bytes | Exception, reason: str | None
) -> None:
    client.start(fake_library(go), heard.events())
    go.end(end)
    assert heard.next() == ("ended", reason)
    assert heard.nothing_more()


def test_failing_callbacks_stop_nothing(go: FakeGo, heard: Heard, caplog: pytest.LogCaptureFixture) -> None:
    ended = threading.Event()

    def fail(*_: object) -> None:
        raise RuntimeError("our bug")

    def fail_at_the_end(_reason: str | None) -> None:
        ended.set()
        raise RuntimeError("our bug")

    events = ClientEvents(event=fail, qr=fail, login_status=fail, log=fail, ended=fail_at_the_end)
    client = Client(SESSION_DB)
    client.start(fake_library(go), events)
    with caplog.at_level(logging.ERROR):
        go.event(EventCode.MESSAGE, b"1")
        go.qr("code")
        go.login_status("success")
        go.pumped()
        go.log("WARN", "Client", "text")
        go.end()
        assert ended.wait(WAIT)
        wait_until(lambda: sum("callback failed" in record.message for record in caplog.records) == 5)


def test_an_unreadable_log_line_is_no_exception(client: Client, go: FakeGo, heard: Heard) -> None:
    """It would vanish in ctypes, which pytest reports as a failure."""
    up(client, go, heard)
    go.raw_log(b"\xff")
    go.log("WARN", "Client", "next")
    assert heard.next() == ("log", "WARN", "Client", "next")


# ---- quiet ----------------------------------------------------------------------------------------------------------


def test_quiet_when_nothing_comes(client: Client) -> None:
    assert client.wait_until_quiet(quiet=0.01, limit=WAIT)


def test_not_quiet_while_events_come(client: Client, go: FakeGo, heard: Heard) -> None:
    client.start(fake_library(go), heard.events())
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            go.event(EventCode.MESSAGE)
            go.pumped()

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        heard.next()
        before = time.monotonic()
        assert not client.wait_until_quiet(quiet=600, limit=0.2)
        assert time.monotonic() - before < WAIT
    finally:
        stop.set()
        flooding.join(WAIT)
    assert client.wait_until_quiet(quiet=0.01, limit=WAIT)


def test_an_event_that_is_being_handled_is_not_quiet(go: FakeGo) -> None:
    """Its message is decrypted and used up; it must reach the store before the process leaves."""
    inside, go_on = threading.Event(), threading.Event()

    def handle(_code: int, _payload: bytes) -> None:
        inside.set()
        assert go_on.wait(WAIT)

    ignore: Callable[..., None] = lambda *_: None  # noqa: E731
    events = ClientEvents(event=handle, qr=ignore, login_status=ignore, log=ignore, ended=ignore)
    client = Client(SESSION_DB)
    client.start(fake_library(go), events)
    go.event(EventCode.MESSAGE)
    assert inside.wait(WAIT)
    assert not client.wait_until_quiet(quiet=0.01, limit=0.1)
    go_on.set()
    go.pumped()
    assert client.wait_until_quiet(quiet=0.01, limit=WAIT)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
