"""The session manager against a session process that does what the test tells it (no WhatsApp, no neonize)."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.unit.supervisor.account import COMMAND, TestAccount
from tests.unit.supervisor.fake_process import OWN
from tests.unit.systems import child_environment, needs_proc
from tests.unit.waiting import WAIT, soon
from whatsapp_mcp.errors import (
    AccountBanned,
    AlreadyLoggedIn,
    ClientOutdated,
    DataDirectoryInUse,
    NotConnected,
    NotLoggedIn,
    RateLimited,
    SessionCrashed,
    SessionError,
    SessionReplaced,
    SessionTimeout,
    SetupError,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import SentMessage, TextOut
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.pipe import ledger
from whatsapp_mcp.pipe.account import SetPresence
from whatsapp_mcp.pipe.account_lock import AccountLock, is_free
from whatsapp_mcp.pipe.messages import CancelSend, SendMessage
from whatsapp_mcp.platform.processes import end_now
from whatsapp_mcp.session_db.database import linked_device
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.supervisor import link as link_module
from whatsapp_mcp.supervisor import looking
from whatsapp_mcp.supervisor import manager as manager_module
from whatsapp_mcp.supervisor.manager import SessionManager
from whatsapp_mcp.supervisor.starting import start_session

ANA = Jid("4915100000001", "s.whatsapp.net")
SEND = SendMessage(chat=ANA, message=TextOut(text="hi"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BACK_OFF", (0.02, 0.05))
    monkeypatch.setattr(looking, "INTERVAL", 0.05)


async def test_an_account_that_is_removed_beside_an_idle_server_stays_removed(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, account="work")
    settings.account_dir.mkdir()
    manager = SessionManager(settings, command=COMMAND)
    async with manager.running():
        await soon(lambda: manager.snapshot.state is SessionState.UNPAIRED)
        settings.account_dir.rename(tmp_path / "shop")
        with pytest.raises(SessionError, match="there is no account 'work' any more"):
            await manager.login()
        assert manager.snapshot.state is SessionState.STOPPED
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop"]


@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Starting a process waits for this, and other things can happen meanwhile."""
    start, go_on = start_session, asyncio.Event()

    async def slow(*arguments: Any, **named: Any) -> bool:
        await go_on.wait()
        return await start(*arguments, **named)

    monkeypatch.setattr(manager_module, "start_session", slow)
    return go_on


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[TestAccount]:
    """After every test: no process is left, and the lock is free."""
    account = TestAccount(tmp_path)
    yield account
    await soon(lambda: account.alive() == [], "all session processes to be gone")
    await soon(lambda: is_free(account.settings.lock_path), "the lock to be free")


@pytest.fixture
def linked(account: TestAccount) -> TestAccount:
    account.link_device()
    return account


def state_is(manager: SessionManager, *states: SessionState) -> Callable[[], bool]:
    return lambda: manager.snapshot.state in states


async def reach(manager: SessionManager, *states: SessionState) -> None:
    async with asyncio.timeout(WAIT):
        while manager.snapshot.state not in states:
            await manager.wait_change(WAIT)


async def nothing_is_due(manager: SessionManager) -> None:
    """Whatever was asked for is decided, and nothing will be started."""
    await soon(lambda: manager._looking.idle, "the manager to have nothing to do")


# ---- start and stop -------------------------------------------------------------------------------------------------


async def test_nothing_is_started_while_nothing_is_linked(account: TestAccount) -> None:
    manager = account.manager()
    assert state_is(manager, SessionState.STARTING)()
    async with manager.running():
        await reach(manager, SessionState.UNPAIRED)
        with pytest.raises(NotLoggedIn):
            await manager.call(SEND)
    assert account.starts == 0
    assert manager.snapshot.state is SessionState.STOPPED


async def test_a_linked_account_connects_by_itself(linked: TestAccount) -> None:
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        snapshot = manager.snapshot
        assert snapshot.state is SessionState.CONNECTED
        assert snapshot.own_jid == Jid("4915100000009", "s.whatsapp.net", 7)
        assert snapshot.own_lid == Jid("100000000000009", "lid", 7)
        assert (snapshot.push_name, snapshot.platform, snapshot.restarts) == ("Me", "android", 0)
    assert linked.happened == ["start", "attach", "eof", "end"], "an orderly end"
    assert manager.snapshot.state is SessionState.STOPPED


@needs_proc
async def test_the_process_is_told_what_it_works_on(linked: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = linked.manager(log_level="INFO")
    async with manager.running():
        await manager.ready()
        environment = Path(f"/proc/{linked.alive()[0]}/environ").read_bytes().split(b"\0")
    assert b"NEONIZE_BOT_TAG=off" in environment
    assert b"GOMEMLIMIT=100MiB" in environment


async def test_calls(linked: TestAccount) -> None:
    manager = linked.manager()
    async with manager.running():
        sent = await manager.call(SEND)
        await manager.call(SetPresence(available=True), timeout=30)
    assert sent == SentMessage(message_id="S1", chat=ANA, timestamp=1)
    [first, second] = [entry for entry in linked.journal() if entry["what"] == "call"]
    assert first["arguments"]["message"] == {"kind": "text", "text": "hi"}
    assert (first["timeout"], second["timeout"]) == (60, 30)


async def test_calls_at_once(linked: TestAccount) -> None:
    linked.will("answer_late:0.05")
    manager = linked.manager()
    async with manager.running():
        async with asyncio.timeout(WAIT):
            await asyncio.gather(*(manager.call(SEND) for _ in range(20)))
    assert len(linked.calls) == 20


async def test_what_the_session_process_refuses(linked: TestAccount) -> None:
    linked.will("refuse")
    manager = linked.manager()
    async with manager.running():
        with pytest.raises(RateLimited) as caught:
            await manager.call(SEND)
    assert caught.value.details == {"retry_after_seconds": 7}


async def test_lines_that_are_no_notices(linked: TestAccount) -> None:
    linked.will("garbage")
    manager = linked.manager()
    async with manager.running():
        await manager.call(SEND)
    assert linked.starts == 1


async def test_a_line_that_is_too_long(linked: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MAX_LINE", 2000)
    linked.will("garbage:100000")
    manager = linked.manager()
    async with manager.running():
        await manager.call(SEND)
    assert linked.starts == 1


async def test_new_content_is_announced(linked: TestAccount) -> None:
    linked.will("stored")
    manager = linked.manager()
    assert manager.newest_arrival == 0
    async with manager.running():
        async with asyncio.timeout(WAIT):
            while manager.newest_arrival < 5:
                await manager.wait_change(WAIT)
        await manager.call(SEND)
        assert manager.newest_arrival == 5, "it never goes back"


async def test_waiting_for_a_change_has_an_end(linked: TestAccount) -> None:
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        assert not await manager.wait_change(0.02)


async def test_a_process_that_does_not_end_holds_up_nobody(
    linked: TestAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "STOP_GRACE", 0.2)
    linked.will("hang_on_stop")
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
    for pid in linked.alive():
        end_now(pid)


async def test_leaving_by_an_exception_stops_too(linked: TestAccount) -> None:
    manager = linked.manager()
    with pytest.raises(RuntimeError, match="bug"):
        async with manager.running():
            await manager.ready()
            raise RuntimeError("bug")
    assert linked.journal()[-1]["what"] == "end"


async def test_a_server_that_is_cancelled_twice_still_stops_in_order(linked: TestAccount) -> None:
    manager = linked.manager()

    async def serve() -> None:
        async with manager.running():
            await asyncio.Event().wait()

    server = asyncio.create_task(serve())
    await reach(manager, SessionState.CONNECTED)
    for _ in range(3):
        server.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await server
    await soon(lambda: linked.journal()[-1]["what"] == "end", "the orderly end")
    await soon(state_is(manager, SessionState.STOPPED))


async def test_the_process_leaves_when_the_server_is_killed(linked: TestAccount) -> None:
    """It was the last one; the lock is held until the process is gone."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from tests.unit.supervisor.account import TestAccount\n"
        "async def main():\n"
        "    manager = TestAccount(Path(sys.argv[1])).manager()\n"
        "    async with manager.running():\n"
        "        await manager.ready()\n"
        "        print('connected', flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    server = await asyncio.create_subprocess_exec(
        COMMAND[0],
        "-c",
        program,
        str(linked.settings.data_dir),
        stdout=asyncio.subprocess.PIPE,
        env=child_environment(),
    )
    assert server.stdout is not None
    assert (await asyncio.wait_for(server.stdout.readline(), WAIT)).strip() == b"connected"
    assert not is_free(linked.settings.lock_path)
    server.kill()
    await server.wait()
    await soon(lambda: linked.journal()[-1]["what"] == "end", "the orderly end of the session process")


# ---- crashes --------------------------------------------------------------------------------------------------------


async def test_a_crash_during_a_call(linked: TestAccount) -> None:
    linked.will("crash_on_call", "connect")
    manager = linked.manager()
    async with manager.running():
        with pytest.raises(SessionCrashed):
            await manager.call(SEND)
        assert (await manager.call(SEND)).message_id == "S1", "the next call waits for the new process"
        assert manager.snapshot.restarts == 1
    assert linked.starts == 2


async def test_every_call_under_way_fails(linked: TestAccount) -> None:
    linked.will("ignore_calls", "connect")
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        calls = [asyncio.create_task(manager.call(SEND)) for _ in range(5)]
        await soon(lambda: len(linked.calls) == 5)
        end_now(linked.alive()[0])
        async with asyncio.timeout(WAIT):
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [SessionCrashed] * 5


async def test_the_state_says_why_it_reconnects(linked: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BACK_OFF", (30.0,))
    linked.will("crash_connected")
    manager = linked.manager(connect_wait=0.1)
    async with manager.running():
        await reach(manager, SessionState.RECONNECTING)
        with pytest.raises(NotConnected, match="ended unexpectedly"):
            await manager.call(SEND)


async def test_crashes_in_a_row_wait_longer_each_time(linked: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BACK_OFF", (0.0, 0.2, 0.4))
    linked.will("crash", "exit:3", "crash_connected", "connect")
    manager = linked.manager()
    async with manager.running():
        began = time.monotonic()
        await reach(manager, SessionState.CONNECTED)
        async with asyncio.timeout(WAIT):
            while manager.snapshot.restarts < 3:
                await manager.wait_change(WAIT)
        await reach(manager, SessionState.CONNECTED)
        assert time.monotonic() - began >= 0.2, "what had been connected is started again at once"
    assert linked.starts == 4


@pytest.mark.parametrize("reason", ["connect_failed", "pump_died", "store_error"])
async def test_ends_after_which_it_starts_again(linked: TestAccount, reason: str) -> None:
    linked.will(f"end:{reason}", "connect")
    manager = linked.manager()
    async with manager.running():
        async with asyncio.timeout(WAIT):
            while manager.snapshot.restarts < 1:
                await manager.wait_change(WAIT)
        await manager.ready()
        assert manager.snapshot.detail == ""


@pytest.mark.parametrize(
    ("reason", "state", "error"),
    [
        ("logged_out", SessionState.LOGGED_OUT, NotLoggedIn),
        ("replaced", SessionState.REPLACED, SessionReplaced),
        ("outdated", SessionState.OUTDATED, ClientOutdated),
        ("banned", SessionState.BANNED, AccountBanned),
        ("setup_error", SessionState.STOPPED, NotConnected),
        ("store_unusable", SessionState.STOPPED, NotConnected),
    ],
)
@pytest.mark.parametrize("behaviour", ["end", "end_at_once"])
async def test_ends_after_which_it_stays_down(
    linked: TestAccount, behaviour: str, reason: str, state: SessionState, error: type[SessionError]
) -> None:
    linked.will(f"{behaviour}:{reason}")
    manager = linked.manager()
    async with manager.running():
        await reach(manager, state)
        with pytest.raises(error, match="because of the test"):
            await manager.call(SEND)
        await nothing_is_due(manager)
        assert manager.snapshot.state is state
    assert linked.starts == 1


async def test_a_ban_ends_by_itself(linked: TestAccount) -> None:
    linked.will("ban:0.3", "connect")
    manager = linked.manager()
    async with manager.running():
        await reach(manager, SessionState.BANNED)
        with pytest.raises(AccountBanned, match="until"):
            await manager.call(SEND)
        await reach(manager, SessionState.CONNECTED)
        assert manager.snapshot.detail == ""
    assert linked.starts == 2


async def test_nothing_is_tried_before_a_ban_ends_unless_asked(linked: TestAccount) -> None:
    linked.will("ban:3600", "connect")
    async with linked.manager().running() as manager:
        await reach(manager, SessionState.BANNED)
    async with linked.manager().running() as later:
        await reach(later, SessionState.BANNED)
        assert linked.starts == 1, "a host that is started anew is no reason to log in"
        with pytest.raises(AccountBanned):
            await later.login()
        await later.restart()
        assert later.snapshot.state is SessionState.CONNECTED


async def test_whose_account_it_is_is_known_without_a_connection(linked: TestAccount) -> None:
    linked.will("stuck")
    async with linked.manager().running() as first, linked.manager().running() as second:
        for manager in (first, second):
            await soon(lambda: manager.snapshot.own_jid is not None)  # noqa: B023
            assert str(manager.snapshot.own_jid) == OWN
            assert manager.snapshot.state is SessionState.CONNECTING


@pytest.mark.parametrize("reason", ["replaced", "outdated", "banned"])
async def test_pairing_is_no_way_out_of(linked: TestAccount, reason: str) -> None:
    linked.will(f"end:{reason}")
    async with linked.manager().running() as manager:
        await reach(manager, SessionState(reason))
        with pytest.raises(SessionError, match="because of the test"):
            await manager.login()
    assert linked.starts == 1


async def test_a_new_folder_is_told_while_nothing_is_linked(account: TestAccount) -> None:
    manager = SessionManager(account.settings, command=COMMAND, made="the folder is new")
    async with manager.running():
        await reach(manager, SessionState.UNPAIRED)
        with pytest.raises(NotLoggedIn, match="the folder is new"):
            await manager.call(SEND)


async def test_a_session_process_that_cannot_be_started(linked: TestAccount) -> None:
    manager = SessionManager(linked.settings, command=("/nonexistent/python",))
    async with manager.running():
        await reach(manager, SessionState.STOPPED)
        with pytest.raises(NotConnected, match="cannot be started"):
            await manager.call(SEND)


async def test_a_bad_endpoint_file(linked: TestAccount) -> None:
    manager = linked.manager(endpoint=linked.folder / "missing.json")
    async with manager.running():
        await reach(manager, SessionState.STOPPED)
        with pytest.raises(NotConnected, match=r"missing\.json"):
            await manager.call(SEND)
        (linked.folder / "missing.json").write_text(
            '{"proxy": "http://127.0.0.1:9", "ca_file": "/ca.pem", "noise_root": "' + "ab" * 32 + '"}'
        )
        await manager.restart()
        assert manager.snapshot.state is SessionState.CONNECTED


async def test_a_connection_that_breaks_is_made_again(linked: TestAccount) -> None:
    linked.will("hang_up")
    manager = linked.manager(session_linger=60)
    async with manager.running():
        await soon(lambda: linked.happened.count("attach") == 2)
        await manager.call(SEND)
    assert linked.starts == 1
    end_now(linked.alive()[0])


async def test_a_process_that_does_not_answer_is_replaced(linked: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "ANSWER_GRACE", 0.1)
    linked.will("ignore_calls", "connect")
    manager = linked.manager()
    async with manager.running():
        with pytest.raises(SessionTimeout):
            await manager.call(SEND, timeout=0.1)
        async with asyncio.timeout(WAIT):
            while manager.snapshot.restarts < 1:
                await manager.wait_change(WAIT)
        assert (await manager.call(SEND)).message_id == "S1"


async def test_a_connection_that_does_not_come_has_a_deadline(linked: TestAccount) -> None:
    linked.will("stuck")
    manager = linked.manager(connect_wait=0.2)
    async with manager.running():
        await reach(manager, SessionState.CONNECTING)
        async with asyncio.timeout(WAIT):
            with pytest.raises(NotConnected, match="connecting"):
                await manager.call(SEND)


async def test_what_needs_no_connection_waits_for_none(linked: TestAccount) -> None:
    linked.will("stuck")
    manager = linked.manager(connect_wait=0.2)
    async with manager.running():
        await soon(lambda: "attach" in linked.happened and manager._link is not None)
        async with asyncio.timeout(WAIT):
            assert await manager.call(CancelSend(message_id="HELD1")) is None
    assert linked.calls == ["cancel_send"]


async def test_a_caller_that_gives_up_leaves_nothing_behind(linked: TestAccount) -> None:
    linked.will("answer_late:0.2")
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        call = asyncio.create_task(manager.call(SEND))
        await soon(lambda: linked.calls == ["send_message"])
        call.cancel()
        assert (await manager.call(SEND)).message_id == "S1", "the late answer to the first is nobody's"
    assert linked.starts == 1
    assert [entry["what"] for entry in linked.journal()].count("given up") == 1


async def test_preparing(linked: TestAccount) -> None:
    seen: list[int] = []

    async def prepare() -> None:
        seen.append(linked.starts)

    manager = SessionManager(linked.settings, prepare=prepare, command=COMMAND)
    async with manager.running():
        await manager.ready()
    assert seen == [0]


@pytest.mark.parametrize("error", [SetupError("no port is free", next_step="Free one."), OSError("no port is free")])
async def test_preparing_that_fails_is_told(linked: TestAccount, error: Exception) -> None:
    async def prepare() -> None:
        raise error

    manager = SessionManager(linked.settings, prepare=prepare, command=COMMAND)
    async with manager.running():
        await reach(manager, SessionState.STOPPED)
        with pytest.raises(SessionError, match="no port is free"):
            await manager.call(SEND)
        with pytest.raises(SessionError):
            await manager.restart()
    assert linked.starts == 0


async def test_a_lock_file_that_cannot_be_opened_is_told(account: TestAccount) -> None:
    account.settings.lock_path.mkdir()
    manager = account.manager()
    async with manager.running():
        await reach(manager, SessionState.STOPPED)
        with pytest.raises(SessionError, match="cannot be opened"):
            await manager.ready()
    account.settings.lock_path.rmdir()


async def test_a_damaged_session_database_is_told(account: TestAccount) -> None:
    account.settings.session_db.write_bytes(b"no database" * 100)
    manager = account.manager()
    async with manager.running():
        await reach(manager, SessionState.STOPPED)
        with pytest.raises(SessionError, match="damaged"):
            await manager.ready()
    assert account.settings.session_db.exists()
    assert account.starts == 0


# ---- login ----------------------------------------------------------------------------------------------------------


async def test_login_by_qr(account: TestAccount) -> None:
    account.will("qr")
    manager = account.manager()
    async with manager.running():
        snapshot = await manager.login()
        assert snapshot.state is SessionState.PAIRING
        assert snapshot.qr_text == "code 1"
        assert snapshot.qr_expires_at is not None
        assert 50 < (snapshot.qr_expires_at - snapshot.since).total_seconds() <= 60 + WAIT
        account.touch("scan")
        await reach(manager, SessionState.CONNECTED)
        assert manager.snapshot.qr_text is None
        with pytest.raises(AlreadyLoggedIn):
            await manager.login()
        assert (await manager.call(SEND)).message_id == "S1"
    assert account.starts == 1


async def test_asking_again_gives_the_code_of_the_moment(account: TestAccount) -> None:
    account.will("qr:0.3")
    manager = account.manager()
    async with manager.running():
        first = await manager.login()
        assert (await manager.login()).qr_text == first.qr_text
        async with asyncio.timeout(WAIT):
            while manager.snapshot.qr_text == first.qr_text:
                await manager.wait_change(WAIT)
        assert (await manager.login()).qr_text != first.qr_text
    assert account.starts == 1


async def test_logins_at_once(account: TestAccount) -> None:
    account.will("qr")
    manager = account.manager()
    async with manager.running():
        async with asyncio.timeout(WAIT):
            snapshots = await asyncio.gather(*(manager.login() for _ in range(10)))
        assert {snapshot.qr_text for snapshot in snapshots} == {"code 1"}
        account.touch("give_up")
        await reach(manager, SessionState.UNPAIRED)
        await nothing_is_due(manager)
        assert manager.snapshot.state is SessionState.UNPAIRED
    assert account.starts == 1, "nobody asked again"


async def test_nobody_scans(account: TestAccount) -> None:
    account.will("qr")
    manager = account.manager()
    async with manager.running():
        await manager.login()
        account.touch("give_up")
        await reach(manager, SessionState.UNPAIRED)
        assert manager.snapshot.detail == "nobody scanned"
        with pytest.raises(NotLoggedIn, match="nobody scanned"):
            await manager.call(SEND)
        (account.folder / "give_up").unlink()
        assert (await manager.login()).qr_text == "code 1"
    assert account.starts == 2


@pytest.mark.parametrize("behaviour", ["crash", "end_at_once:connect_failed", "end_at_once:pairing_failed"])
async def test_pairing_that_cannot_start(account: TestAccount, behaviour: str) -> None:
    account.will(behaviour)
    manager = account.manager()
    async with manager.running():
        with pytest.raises(NotConnected, match=r"because of the test|ended before it was ready"):
            await manager.login()
        await reach(manager, SessionState.UNPAIRED)
    assert account.starts == 1, "nothing is tried again unasked"


async def test_no_code_in_time(account: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager_module, "QR_WAIT", 0.3)
    account.will("stuck")
    manager = account.manager()
    async with manager.running():
        async with asyncio.timeout(WAIT):
            with pytest.raises(NotConnected, match="pairing could not start"):
                await manager.login()


async def test_login_by_code(account: TestAccount) -> None:
    account.will("qr")
    manager = account.manager()
    async with manager.running():
        assert await manager.login_with_code("4915100000009") == "ABCD-0009"
        assert await manager.login_with_code("4915100000008") == "ABCD-0008", "while the same pairing is open"
    assert account.starts == 1


async def test_login_before_the_start_is_over(account: TestAccount) -> None:
    """A host may call appLogin the moment after initialize."""
    account.will("qr")
    manager = account.manager()
    async with manager.running():
        assert (await manager.login()).qr_text == "code 1"


async def test_login_right_after_attaching(account: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the session process tells of itself has not been read yet."""
    account.will("qr")
    first, second = account.manager(), account.manager()
    attached, go_on = threading.Event(), threading.Event()

    def held_up_once(keys: Path) -> str | None:
        if not attached.is_set():
            attached.set()
            go_on.wait(WAIT)
        return linked_device(keys)

    async with first.running():
        shown = await first.login()
        monkeypatch.setattr(manager_module, "linked_device", held_up_once)
        async with second.running():
            await soon(attached.is_set)
            login = asyncio.create_task(second.login())
            await soon(lambda: login.done() or second.snapshot.state is SessionState.PAIRING)
            go_on.set()
            assert (await login).qr_text == shown.qr_text
    assert account.starts == 1


async def test_login_while_a_linked_account_connects(linked: TestAccount) -> None:
    linked.will("stuck")
    manager = linked.manager()
    async with manager.running():
        with pytest.raises(AlreadyLoggedIn):
            await manager.login()
        await soon(lambda: linked.starts == 1)


async def test_login_after_the_phone_logged_out(linked: TestAccount) -> None:
    linked.will("end:logged_out", "qr")
    manager = linked.manager()
    async with manager.running():
        await reach(manager, SessionState.LOGGED_OUT)
        assert manager.snapshot.own_jid is None
        linked.settings.session_db.unlink()  # whatsmeow deletes the device
        assert (await manager.login()).qr_text == "code 1"


# ---- logout ---------------------------------------------------------------------------------------------------------


def store_something(settings: Settings) -> None:
    StoreWriter(settings.store_path).close()


@pytest.mark.parametrize("erase", [False, True])
async def test_logout(linked: TestAccount, *, erase: bool) -> None:
    store_something(linked.settings)
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        assert await manager.logout(erase_messages=erase)
        assert manager.snapshot.state is SessionState.UNPAIRED
        assert manager.snapshot.own_jid is None
        assert linked_device(linked.settings.session_db) is None
        assert linked.settings.store_path.exists() is not erase
        with pytest.raises(NotLoggedIn):
            await manager.logout()
        linked.will("qr")
        assert (await manager.login()).qr_text == "code 1", "the way back"
    assert linked.calls == ["logout"]
    assert linked.starts == 2


@pytest.mark.parametrize("erase", [False, True])
@pytest.mark.parametrize("behaviour", ["connect:unconfirmed", "crash_on_call"])
async def test_logout_that_whatsapp_does_not_confirm(linked: TestAccount, behaviour: str, *, erase: bool) -> None:
    store_something(linked.settings)
    linked.will(behaviour)
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        assert not await manager.logout(erase_messages=erase)
        assert manager.snapshot.state is SessionState.UNPAIRED
        assert not linked.settings.session_db.exists()
        assert linked.settings.store_path.exists() is not erase
        await nothing_is_due(manager)
        assert manager.snapshot.state is SessionState.UNPAIRED
    assert linked.starts == 1


async def test_logout_while_the_session_is_down(linked: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BACK_OFF", (60.0,))
    linked.will("crash")
    manager = linked.manager()
    async with manager.running():
        await reach(manager, SessionState.RECONNECTING)
        starts = linked.starts
        assert not await manager.logout()
        await nothing_is_due(manager)
        assert manager.snapshot.state is SessionState.UNPAIRED
        assert linked.starts == starts


async def test_logout_when_nothing_is_linked(account: TestAccount) -> None:
    manager = account.manager()
    async with manager.running():
        with pytest.raises(NotLoggedIn):
            await manager.logout()


async def test_logout_during_a_start(linked: TestAccount, go_on: asyncio.Event) -> None:
    """No process works on the deleted files afterwards."""
    manager = linked.manager()
    async with manager.running():
        await reach(manager, SessionState.CONNECTING)
        logout = asyncio.create_task(manager.logout())
        await asyncio.sleep(0)
        go_on.set()
        await logout
        await nothing_is_due(manager)
        assert manager.snapshot.state is SessionState.UNPAIRED
        assert linked.alive() == []
        assert not linked.settings.session_db.exists()


async def test_restart_during_a_start(linked: TestAccount, go_on: asyncio.Event) -> None:
    manager = linked.manager()
    async with manager.running():
        await reach(manager, SessionState.CONNECTING)
        restart = asyncio.create_task(manager.restart())
        await asyncio.sleep(0)
        go_on.set()
        await restart
        await manager.call(SEND)
        assert len(linked.alive()) == 1


# ---- restart --------------------------------------------------------------------------------------------------------


async def test_restart(linked: TestAccount) -> None:
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        await manager.restart()
        assert manager.snapshot.state is SessionState.CONNECTED
    assert linked.starts == 2
    assert linked.happened.count("end") == 2


async def test_a_restart_right_at_the_start_ends_the_process_that_runs(linked: TestAccount) -> None:
    first, second = linked.manager(), linked.manager()
    async with first.running():
        await first.ready()
        async with second.running():
            assert second.snapshot.state is SessionState.STARTING
            await second.restart()
            assert linked.starts == 2
            await first.ready()


async def test_restarts_at_once(linked: TestAccount) -> None:
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        async with asyncio.timeout(WAIT):
            await asyncio.gather(*(manager.restart() for _ in range(4)), return_exceptions=True)
        await manager.ready()
        assert len(linked.alive()) == 1


async def test_restart_ends_the_pause_after_a_crash(linked: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "BACK_OFF", (30.0,))
    linked.will("crash", "connect")
    manager = linked.manager()
    async with manager.running():
        await reach(manager, SessionState.RECONNECTING)
        async with asyncio.timeout(WAIT):
            await manager.restart()
        assert manager.snapshot.state is SessionState.CONNECTED


@pytest.mark.parametrize("reason", ["replaced", "outdated", "banned", "setup_error"])
async def test_restart_after_an_end_that_stays(linked: TestAccount, reason: str) -> None:
    linked.will(f"end_at_once:{reason}", "connect")
    manager = linked.manager()
    async with manager.running():
        await soon(lambda: "because of the test" in manager.snapshot.detail)
        await manager.restart()
        assert manager.snapshot.state is SessionState.CONNECTED
        assert manager.snapshot.detail == ""


async def test_restart_that_does_not_connect(linked: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager_module, "RESTART_WAIT", 0.3)
    linked.will("connect", "stuck")
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        async with asyncio.timeout(WAIT):
            with pytest.raises(NotConnected):
                await manager.restart()


async def test_restart_when_nothing_is_linked(account: TestAccount) -> None:
    manager = account.manager()
    async with manager.running():
        with pytest.raises(NotLoggedIn):
            await manager.restart()


# ---- several servers ------------------------------------------------------------------------------------------------


async def test_servers_share_a_session(linked: TestAccount) -> None:
    managers = [linked.manager() for _ in range(3)]
    async with AsyncExitStack() as stack:
        for manager in managers:
            await stack.enter_async_context(manager.running())
        for manager in managers:
            assert (await manager.call(SEND)).message_id == "S1"
        assert linked.starts == 1
    assert linked.happened.count("eof") == 3
    assert linked.starts == 1


async def test_the_session_goes_on_when_who_started_it_leaves(linked: TestAccount) -> None:
    second = linked.manager()
    async with AsyncExitStack() as stack:
        async with linked.manager().running() as first:
            await first.ready()
            await stack.enter_async_context(second.running())
            await second.ready()
        assert (await second.call(SEND)).message_id == "S1"
        assert linked.starts == 1


async def test_a_crash_is_noticed_by_all_and_one_starts_again(linked: TestAccount) -> None:
    first, second = linked.manager(), linked.manager()
    async with first.running(), second.running():
        await asyncio.gather(first.ready(), second.ready())
        end_now(linked.alive()[0])
        for manager in (first, second):
            await soon(lambda manager=manager: manager.snapshot.restarts == 1)  # type: ignore[misc]
            assert (await manager.call(SEND)).message_id == "S1"
    assert linked.starts == 2


async def test_a_restart_by_one_is_a_restart_for_all(linked: TestAccount) -> None:
    first, second = linked.manager(), linked.manager()
    async with first.running(), second.running():
        await asyncio.gather(first.ready(), second.ready())
        await first.restart()
        assert (await second.call(SEND)).message_id == "S1"
        assert first.snapshot.restarts == second.snapshot.restarts == 0
    assert linked.starts == 2


async def test_both_show_the_same_code(account: TestAccount) -> None:
    account.will("qr")
    first, second = account.manager(), account.manager()
    async with first.running(), second.running():
        one, other = await asyncio.gather(first.login(), second.login())
        assert one.qr_text == other.qr_text == "code 1"
        account.touch("scan")
        await asyncio.gather(reach(first, SessionState.CONNECTED), reach(second, SessionState.CONNECTED))
    assert account.starts == 1


async def test_a_logout_by_one_is_seen_by_all(linked: TestAccount) -> None:
    first, second = linked.manager(), linked.manager()
    async with first.running(), second.running():
        await asyncio.gather(first.ready(), second.ready())
        assert await first.logout()
        await reach(second, SessionState.UNPAIRED)
        assert second.snapshot.own_jid is None


@pytest.mark.parametrize("how", ["moving", "end_on_call"], ids=["it is told", "no answer before the end"])
async def test_a_call_that_came_too_late_goes_to_the_next_process(linked: TestAccount, how: str) -> None:
    linked.will(how, "connect")
    manager = linked.manager()
    async with manager.running():
        await manager.ready()
        assert (await manager.call(SEND)).message_id == "S1"
    assert linked.starts == 2


async def test_what_the_session_process_logs(linked: TestAccount, caplog: pytest.LogCaptureFixture) -> None:
    linked.will("log:100 % of it")
    async with linked.manager().running():
        await soon(lambda: "100 % of it" in caplog.text)


@pytest.mark.parametrize(
    ("why", "what"), [("newer", r"version 99\.0 of this program"), ("endpoint", "endpoint"), ("full", "too many")]
)
async def test_a_server_that_is_not_let_in(linked: TestAccount, why: str, what: str) -> None:
    linked.will(f"refuse_client:{why}")
    manager = linked.manager()
    async with manager.running():
        await reach(manager, SessionState.STOPPED)
        for attempt in (manager.ready, manager.login, manager.logout, manager.restart):
            with pytest.raises(DataDirectoryInUse, match=what):
                await attempt()
        end_now(linked.alive()[0])
        linked.will("connect")
        await reach(manager, SessionState.CONNECTED)


async def test_a_holder_that_cannot_be_shared(linked: TestAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a server of a version that kept the session to itself."""
    monkeypatch.setattr(looking, "HOLDER_WAIT", 0.1)
    lock = AccountLock.acquire(linked.settings.lock_path)
    assert lock is not None
    manager = linked.manager()
    async with manager.running():
        await reach(manager, SessionState.STOPPED)
        with pytest.raises(DataDirectoryInUse, match=str(os.getpid())):
            await manager.ready()
        lock.release()
        await reach(manager, SessionState.CONNECTED)


async def test_no_endpoint_where_one_is_required(linked: TestAccount) -> None:
    """Not even to a session that somebody else has started on the real WhatsApp."""
    async with linked.manager().running() as first:
        await first.ready()
        second = linked.manager(require_endpoint=True)
        async with second.running():
            await reach(second, SessionState.STOPPED)
            with pytest.raises(SessionError, match="endpoint file is required"):
                await second.call(SEND)
    assert linked.happened.count("attach") == 1
