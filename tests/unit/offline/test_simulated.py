"""The simulated WhatsApp of an account: one for all its servers, which ends after the last of them."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import pytest
from tests.unit.systems import needs_linux

from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.models.session import SessionSnapshot, SessionState
from whatsapp_mcp.offline import simulated
from whatsapp_mcp.offline.simulated import SimulatedWhatsApp, remove_data_dir, temporary_data_dir
from whatsapp_mcp.pipe.account_lock import AccountLock
from whatsapp_mcp.simulator import ControlClient

LIMIT = 300


class ShowsACode:
    """A session that is being paired; what a server's phone looks at."""

    def __init__(self, code: str) -> None:
        self.snapshot = SessionSnapshot(state=SessionState.PAIRING, since=now(), qr_text=code)
        self.changed = asyncio.Event()

    async def wait_change(self, timeout: float) -> bool:
        await asyncio.wait_for(self.changed.wait(), timeout)
        self.changed.clear()
        return True


async def running(folder: Path) -> Path:
    """The control socket of the account's simulator."""
    return Path(json.loads(await asyncio.to_thread((folder / simulated.RECORD_NAME).read_bytes))["control"])


async def gone(path: Path) -> None:
    async with asyncio.timeout(LIMIT):
        while path.exists():
            await asyncio.sleep(0.02)


@needs_linux
async def test_servers_of_an_account_share_a_simulator_that_ends_after_them(tmp_path: Path) -> None:
    first, second = (SimulatedWhatsApp(tmp_path, autoscan=False, linger=0) for _ in range(2))
    assert first.endpoint_path == second.endpoint_path
    session = ShowsACode("not a code that a phone could scan")
    async with asyncio.timeout(LIMIT):
        async with first.running(session):
            async with second.running(session):
                await asyncio.gather(first.start(), second.start())
                control_path = await running(tmp_path)
                endpoint = first.endpoint_path.read_bytes()
            # The second has gone, the first still uses it: a third joins the same one.
            third = SimulatedWhatsApp(tmp_path, autoscan=False, linger=0)
            async with third.running(session):
                await third.start()
                assert await running(tmp_path) == control_path
                assert first.endpoint_path.read_bytes() == endpoint
                async with ControlClient(control_path) as control:
                    await control.call("stop")
                await gone(control_path)
                # One of those who notice starts the next, and the other takes that.
                while await running(tmp_path) == control_path or not first.endpoint_path.exists():
                    await asyncio.sleep(0.02)
                assert first.endpoint_path.read_bytes() != endpoint
        await gone(first.endpoint_path)


@needs_linux
async def test_a_simulator_that_does_not_start_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = SimulatedWhatsApp(tmp_path, autoscan=False, linger=0)
    monkeypatch.setattr(SimulatedWhatsApp, "_command", lambda _: ["sh", "-c", "echo broken >&2; exit 1"])
    with pytest.raises(SetupError) as caught:
        await world.start()
    log = tmp_path / "simulator.log"
    assert str(log) in caught.value.next_step
    assert log.read_text() == "broken\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_temporary_data_directory_without_a_simulator_goes_with_the_server() -> None:
    with temporary_data_dir() as folder:
        (folder / "default").mkdir()
    assert not folder.exists()


async def test_a_temporary_data_directory_is_removed_when_the_session_process_has_ended() -> None:
    with temporary_data_dir() as folder:
        (folder / "default").mkdir()
        (folder / "default" / simulated.RECORD_NAME).write_text("{}")
        lock = AccountLock.acquire(folder / "default" / "lock")
        assert lock is not None
    assert folder.exists(), "left to its simulator"
    removing = asyncio.create_task(asyncio.to_thread(remove_data_dir, folder))
    done, _ = await asyncio.wait({removing}, timeout=0.1)
    assert not done
    assert folder.exists()
    lock.release()
    async with asyncio.timeout(LIMIT):
        await removing
    assert not folder.exists()


def test_the_last_simulator_of_a_temporary_data_directory_removes_it() -> None:
    with temporary_data_dir() as folder:
        for account in ("default", "work"):
            (folder / account).mkdir()
            (folder / account / simulated.RECORD_NAME).write_text("{}")
        other = folder / "work" / simulated.ENDPOINT_NAME
        other.write_text("{}")
    remove_data_dir(folder)
    assert folder.exists(), "another account in it is in use"
    other.unlink()
    remove_data_dir(folder)
    assert not folder.exists()


@pytest.mark.parametrize("folder", [Path(tempfile.gettempdir()) / "photos", Path("/somewhere/whatsapp-mcp-x")])
def test_no_other_folder_is_removed(folder: Path) -> None:
    with pytest.raises(SetupError):
        remove_data_dir(folder)
