"""The session process as `status` and `doctor` see it, running, refusing, stuck, killed and ended."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.offline.served import CONNECTED, PID, SERVER, served

from whatsapp_mcp import __version__
from whatsapp_mcp.cli import cli
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.offline.diagnosis import examine, session_process, status_text, take_status
from whatsapp_mcp.offline.diagnosis.checks import Check, Verdict
from whatsapp_mcp.pipe.account_lock import AccountLock
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.pipe.lines import Ended, EndReason, Refused, StateChanged
from whatsapp_mcp.settings import Settings

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
JID = Jid.parse("12025550100:7@s.whatsapp.net")


def checks(settings: Settings) -> dict[str, Check]:
    diagnosis = examine({"data_dir": settings.data_dir}, environment=(), now=NOW)
    assert diagnosis.healthy is all(check.verdict is not Verdict.PROBLEM for check in diagnosis.checks)
    return {check.name: check for check in diagnosis.checks}


def ended(settings: Settings, reason: EndReason, detail: str = "") -> None:
    ledger = Ledger(pid=PID, version=__version__, started_at=CONNECTED)
    ledger.end(Ended(reason=reason, detail=detail), NOW)
    ledger.write(settings.ledger_path)


def test_servers_connection_and_account_are_shown(settings: Settings) -> None:
    with served(settings, StateChanged(state=SessionState.CONNECTED, own_jid=JID)) as process:
        status = take_status(settings)
        shown = status_text(status)
        assert "simulated: the session process" in shown
        given = ["--data-dir", str(settings.data_dir)]
        told = json.loads(CliRunner().invoke(cli, ["status", "--json", *given]).stdout)
        check = checks(settings)["session-process"]
    assert {client.kind for client in process.attached} == {"command"}, "nobody keeps it alive"
    seen = status.process
    assert (seen.running, seen.pid, seen.version, seen.restarts) == (True, PID, __version__, 3)
    assert (seen.state, seen.connected_since, seen.jid) == (SessionState.CONNECTED, CONNECTED, str(JID))
    assert [(client.pid, client.kind, client.command) for client in seen.clients] == [
        (SERVER.pid, "stdio", "whatsapp-mcp stdio")
    ]
    assert told["process"]["clients"][0]["pid"] == SERVER.pid
    assert told["process"]["state"] == "connected"
    assert "connected since 2026-11-01 09:01 UTC" in shown
    assert f"{SERVER.pid} (stdio, {__version__}) since 2026-11-01 09:00 UTC: whatsapp-mcp stdio" in " ".join(
        shown.split()
    )
    assert check.verdict is Verdict.OK
    assert "1 server attached" in check.message


def test_without_a_session_process_its_last_end_is_told(settings: Settings) -> None:
    with served(settings):
        pass
    status = take_status(settings)
    assert not status.process.running
    assert status.process.last_end is not None
    assert status.process.last_end.reason == "unused"
    assert "no session process runs" in status_text(status)
    found = checks(settings)
    assert found["session-process"].verdict is found["last-session"].verdict is Verdict.OK


@pytest.mark.parametrize(
    ("reason", "verdict", "step"),
    [
        ("unused", Verdict.OK, ""),
        ("restart", Verdict.OK, ""),
        ("outdated", Verdict.PROBLEM, "whatsapp-mcp upgrade-check"),
        ("banned", Verdict.PROBLEM, "phone"),
        ("replaced", Verdict.PROBLEM, "appReconnect"),
        ("logged_out", Verdict.PROBLEM, "appLogin"),
        ("setup_error", Verdict.PROBLEM, "appReconnect"),
        ("store_error", Verdict.PROBLEM, "Mend"),
        ("connect_failed", Verdict.PROBLEM, "--connect"),
        ("store_unusable", Verdict.PROBLEM, "Mend"),
        ("pump_died", Verdict.WARNING, "session.log"),
    ],
)
def test_why_the_last_one_ended(settings: Settings, reason: EndReason, verdict: Verdict, step: str) -> None:
    ended(settings, reason, "the disk is full")
    found = checks(settings)["last-session"]
    assert found.verdict is verdict
    assert step in (found.next_step or "")
    if verdict is not Verdict.OK:
        assert "the disk is full" in found.message


def test_every_end_has_a_verdict(settings: Settings) -> None:
    for reason in EndReason.__args__:  # type: ignore[attr-defined]
        ended(settings, reason)
        assert checks(settings)["last-session"].message


@pytest.mark.skipif(sys.platform == "win32", reason="a file with the port is left there, no socket")
def test_a_killed_one_and_its_socket_are_recognized(settings: Settings) -> None:
    Ledger(pid=PID, version=__version__, started_at=CONNECTED).write(settings.ledger_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(settings.account_dir / "session.sock"))
    status = take_status(settings)
    assert status.process.last_end is not None
    assert status.process.last_end.reason == "crashed"
    found = checks(settings)
    assert found["session-process"].verdict is Verdict.OK
    assert "session.sock was left" in found["session-process"].message
    assert found["last-session"].verdict is Verdict.WARNING
    assert f"process {PID} did not end in order" in found["last-session"].message


def test_a_lock_that_is_held_while_nobody_listens(settings: Settings) -> None:
    lock = AccountLock.acquire(settings.lock_path)
    assert lock is not None
    ended(settings, "banned")
    try:
        found = checks(settings)
        shown = status_text(take_status(settings))
    finally:
        lock.release()
    assert found["session-process"].verdict is Verdict.WARNING
    assert f"process {os.getpid()}" in found["session-process"].message
    assert "30 seconds" in (found["session-process"].next_step or "")
    assert "last-session" not in found, "the next one has begun"
    assert "starting or ending" in shown


def test_one_that_does_not_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_process, "LOOK_LIMIT", 0.2)
    with served(settings, mute=True):
        status = take_status(settings)
        found = checks(settings)["session-process"]
    assert status.process.running
    assert not status.process.answers
    assert "does not answer" in status_text(status)
    assert (found.verdict, found.next_step) == (Verdict.PROBLEM, found.next_step)
    assert f"end process {PID}" in (found.next_step or "")


@pytest.mark.parametrize(("why", "verdict"), [("newer", Verdict.WARNING), ("ending", Verdict.OK)])
def test_one_that_refuses(settings: Settings, why: str, verdict: Verdict) -> None:
    refusal = Refused.model_validate({"why": why, "version": "99.0", "pid": PID})
    with served(settings, refusal=refusal):
        status = take_status(settings)
        found = checks(settings)["session-process"]
    assert status.process.running
    assert found.verdict is verdict
    if why == "newer":
        assert "99.0" in status_text(status)
        assert "99.0" in found.message
        assert "Restart the MCP hosts" in (found.next_step or "")


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (SessionState.RECONNECTING, Verdict.PROBLEM),
        (SessionState.CONNECTING, Verdict.WARNING),
        (SessionState.LOGGED_OUT, Verdict.PROBLEM),
        (SessionState.PAIRING, Verdict.OK),
    ],
)
def test_how_a_running_one_stands(settings: Settings, state: SessionState, verdict: Verdict) -> None:
    with served(settings, StateChanged(state=state, detail="so it is")):
        found = checks(settings)["session-process"]
        shown = status_text(take_status(settings))
    assert found.verdict is verdict
    assert state.value in shown
    assert "so it is" in shown


@contextmanager
def deep(folder: Path) -> Iterator[Settings]:
    settings = Settings(data_dir=folder / ("d" * 200))
    settings.account_dir.mkdir(mode=0o700, parents=True)
    yield settings


@pytest.mark.skipif(sys.platform == "win32", reason="there is no socket there")
def test_a_path_that_is_too_long_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with deep(tmp_path) as settings, served(settings):
        status = take_status(settings)
        found = checks(settings)
    assert status.process.running
    assert "too long" in found["endpoint-file"].message
    assert found["session-process"].verdict is Verdict.OK
