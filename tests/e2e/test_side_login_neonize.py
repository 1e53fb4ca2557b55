"""The short login beside the real neonize: the phone follows, neonize goes on, no message is lost."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from whatsapp_mcp.account_folder import make_folder
from whatsapp_mcp.errors import AppStateKeysMissing, LoginRefused
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import AppStateChange, ChatChanged, ChatLabelled, LabelChanged, MessageStarred
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.models.side_login import Answer, BusinessProfile
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.side_login import ChangeAppState, GetBusinessProfile
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.side_login.payload import announced_version, login_payload
from whatsapp_mcp.simulator import Simulator, VirtualContact
from whatsapp_mcp.simulator.network.connection import Connection, SimSession
from whatsapp_mcp.simulator.people.chat_settings import ChatSettings
from whatsapp_mcp.simulator.service.business import BusinessDetails, OpeningHours
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.supervisor.manager import SessionManager
from whatsapp_mcp.wire.noise import ClientLogin
from whatsapp_mcp.wire.protos import wa6

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Go reads SSL_CERT_FILE on Linux only")

R = TypeVar("R")
LIMIT = 600.0
COMPLAINTS = ("mismatch", "MAC", "failed to verify", "Failed to sync app state", "Failed to decode", "panic")


@dataclass
class Account:
    """A linked account, its session process on neonize."""

    simulator: Simulator
    manager: SessionManager
    settings: Settings
    payloads: list[bytes]
    """Login payloads as the simulator got them; a new companion's registration is not among them."""
    reader: StoreReader

    async def change(self, *changes: AppStateChange) -> float:
        """Returns when connected again; how long the pause was, in seconds."""
        return (await self._carried_out(ChangeAppState(changes=changes))).paused_seconds

    async def business_profile(self, jid: Jid) -> BusinessProfile:
        return (await self._carried_out(GetBusinessProfile(jid=jid))).result

    async def _carried_out(self, command: Command[Answer[R]]) -> Answer[R]:
        try:
            return await self.manager.call(command, timeout=LIMIT)
        finally:
            await self.manager.ready()

    def learned(self) -> list[int]:
        """How many changes each side login read."""
        log = self.settings.session_log.read_text()
        return [int(number) for number in re.findall(r"a side login for \d+ requests; (\d+) changes were read", log)]

    def rows(self, statement: str, *values: object) -> list[Any]:
        """Look into neonize's database."""
        path = f"{self.settings.session_db.as_uri()}?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=60)) as connection:
            return connection.execute(statement, values).fetchall()

    def version(self, collection: str) -> int:
        rows = self.rows("SELECT version FROM whatsmeow_app_state_version WHERE name = ?", collection)
        return int(rows[0][0]) if rows else 0

    def chat_settings(self, chat: Jid) -> tuple[bool, bool]:
        """(pinned, archived) as neonize has stored them."""
        rows = self.rows("SELECT pinned, archived FROM whatsmeow_chat_settings WHERE chat_jid = ?", str(chat))
        return (bool(rows[0][0]), bool(rows[0][1])) if rows else (False, False)

    def texts(self, contact: VirtualContact) -> list[str]:
        """What is stored of a contact's messages, oldest first."""
        page = self.reader.messages(contact.account.pn, limit=100_000, offset=0)
        return [message.text for message in reversed(page.rows)]


async def until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited in vain for {what}") from None


@asynccontextmanager
async def linked(tmp_path: Path, **switches: bool) -> AsyncIterator[Account]:
    async with asyncio.timeout(LIMIT), Simulator() as simulator:
        simulator.login.pushes_to_passive = switches.get("pushes_to_passive", False)
        if switches.get("busy_phone", False):
            for number in range(6):
                ChatSettings(simulator.phone).star(simulator.phone.account.pn, f"BEFORE-{number}")
        payloads: list[bytes] = []
        open_session = simulator.host.open_session

        def note(connection: Connection, login: ClientLogin) -> SimSession | None:
            if wa6.ClientPayload.FromString(login.payload).HasField("username"):
                payloads.append(login.payload)
            return open_session(connection, login)

        simulator.host.open_session = note
        endpoint = tmp_path / "endpoint.json"
        simulator.write_endpoint(endpoint)
        settings = Settings(
            data_dir=tmp_path / "data",
            endpoint=endpoint,
            require_endpoint=True,
            log_level="INFO",
            connect_wait=60,
            session_linger=0,
            side_login_distance=0,
            side_login_per_day=0,
            phone_changes_distance=0,
        )
        make_folder(settings.account_dir)
        manager = SessionManager(settings)
        async with manager.running():
            snapshot = await manager.login()
            assert snapshot.qr_text is not None
            await simulator.phone.scan(snapshot.qr_text)
            await manager.ready()
            account = Account(simulator, manager, settings, payloads, StoreReader(settings.store_path))
            keys = "SELECT 1 FROM whatsmeow_app_state_sync_keys"
            await until(lambda: bool(account.rows(keys)), "the app-state keys")
            await until(lambda: account.version("critical_block") > 0, "the first sync")
            yield account
            account.reader.close()


def no_complaints(log: str) -> None:
    found = [line for line in log.splitlines() if any(word in line for word in COMPLAINTS)]
    assert not found


async def test_our_login_says_what_neonize_says(tmp_path: Path) -> None:
    """An upgrade of neonize that announces another version, or says anything else in other words, fails here."""
    async with linked(tmp_path) as account:
        neonize = account.payloads[-1]
        device = Jid.parse(account.rows("SELECT jid FROM whatsmeow_device")[0][0])
        assert login_payload(device, announced_version()) == neonize
        await account.change(ChatChanged(device.bare, muted_until=-1))
        assert set(account.payloads[1:]) == {neonize}, "ours and neonize's next one"


async def test_the_phone_follows_and_neonize_stays_well(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with linked(tmp_path) as account:
        simulator, phone = account.simulator, ChatSettings(account.simulator.phone)
        ana = await simulator.add_contact("Ana")
        chat = ana.account.pn
        phone.pin(chat)
        phone.star(chat, "PHONE-1")
        await until(lambda: account.version("regular_low") == 1 == account.version("regular_high"), "neonize's sync")
        await until(lambda: account.chat_settings(chat) == (True, False), "what the phone pinned")

        paused_seconds = await account.change(
            MessageStarred(chat, "OURS", from_me=False, starred=True),
            ChatChanged(chat, archived=True),
            LabelChanged("1", "Orders", color=1),
            ChatLabelled("1", chat, labelled=True),
        )
        said = {mutation.index[0] for mutation in simulator.phone.patches}
        assert {"star", "archive", "pin_v1", "label_edit", "label_jid"} <= said
        assert len(account.learned()) == 1 and account.learned()[0] >= 5
        assert account.manager.snapshot.state is SessionState.CONNECTED

        # The proof: the phone goes on in the same collections, on top of our patches, and neonize follows.
        phone.star(chat, "PHONE-2")
        phone.pin(chat)
        phone.label_chat("1", chat, labelled=False)
        await until(
            lambda: [account.version(name) for name in ("regular_high", "regular_low", "regular")] == [3, 3, 2],
            "neonize to take our patches and the phone's",
        )
        await until(lambda: account.chat_settings(chat) == (True, True), "pinned by the phone, archived by us")

        again = await account.change(ChatChanged(chat, pinned=False))
        assert min(paused_seconds, again) < 5, "the better one, since others use the machine too"
        assert account.learned()[-1] == 1, "what neonize has taken in is not read again"
        phone.archive(chat, archived=False)
        await until(lambda: account.chat_settings(chat) == (False, False), "the last word of both")
    no_complaints(capfd.readouterr().err)


async def test_neonize_follows_onto_a_snapshot_and_pages(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """neonize began with a snapshot; the phone was busy while neonize was away: we and neonize catch up, in pages."""
    async with linked(tmp_path, busy_phone=True) as account:
        await until(lambda: account.version("regular_high") == 6, "neonize to take the snapshot")
        assert account.simulator.app_state_files.downloads == 1
        simulator, phone = account.simulator, ChatSettings(account.simulator.phone)
        chat = (await simulator.add_contact("Ana")).account.pn
        simulator.app_state.switches.patches_per_answer = 2
        start, busy = simulator.login.start, ["at our login"]

        def start_and_be_busy(device: SimDevice, connection: Connection, *, passive: bool) -> None:
            if busy and busy.pop():
                for number in range(7):
                    phone.star(chat, f"PHONE-{number}")
            start(device, connection, passive=passive)

        simulator.login.start = start_and_be_busy  # type: ignore[method-assign]
        await account.change(MessageStarred(chat, "OURS", from_me=False, starred=True))
        assert account.learned() == [8]
        phone.star(chat, "AFTER")
        await until(lambda: account.version("regular_high") == 15, "neonize to catch up")
    no_complaints(capfd.readouterr().err)


@pytest.mark.parametrize("pushes_to_passive", [False, True])
async def test_messages_during_the_pause_arrive_once(
    tmp_path: Path, pushes_to_passive: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    async with linked(tmp_path, pushes_to_passive=pushes_to_passive) as account:
        simulator = account.simulator
        ana = await simulator.add_contact("Ana")
        sent: list[str] = []
        stop = asyncio.Event()

        async def write_all_the_time() -> None:
            while not stop.is_set():
                sent.append(f"message {len(sent)}")
                ana.say(sent[-1])
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), 0.01)

        writing = asyncio.create_task(write_all_the_time())
        for number in range(3):
            await account.change(MessageStarred(ana.account.pn, f"S{number}", from_me=False, starred=True))
        stop.set()
        await writing
        await until(lambda: len(account.texts(ana)) >= len(sent), "all messages")
        await simulator.until_delivered()
        assert account.texts(ana) == sent, "each once, in order"
    no_complaints(capfd.readouterr().err)


async def test_a_failed_short_login_leaves_the_session_working(tmp_path: Path) -> None:
    async with linked(tmp_path) as account:
        simulator = account.simulator
        ana = await simulator.add_contact("Ana")
        simulator.faults.refuse_login(401, times=1)
        with pytest.raises(LoginRefused):
            await account.change(ChatChanged(ana.account.pn, pinned=True))
        assert account.manager.snapshot.state is SessionState.CONNECTED
        assert account.rows("SELECT count(*) FROM whatsmeow_device") == [(1,)]
        ana.say("still there?")
        await until(lambda: account.texts(ana) == ["still there?"], "the message")
        await account.change(ChatChanged(ana.account.pn, pinned=True))


async def test_a_business_profile_and_no_keys(tmp_path: Path) -> None:
    async with linked(tmp_path) as account:
        shop = await account.simulator.add_contact("Shop", business_name="Shop")
        hours = (OpeningHours("mon", 540, 1080),)
        account.simulator.business.set(shop.account, BusinessDetails(email="a@shop.example", hours=hours))
        profile = await account.business_profile(shop.account.pn)
        assert (profile.email, profile.business_hours[0].close_time) == ("a@shop.example", "18:00")
        with closing(sqlite3.connect(account.settings.session_db, timeout=60)) as connection, connection:
            connection.execute("DELETE FROM whatsmeow_app_state_sync_keys")
        since = account.manager.snapshot.since
        with pytest.raises(AppStateKeysMissing):
            await account.change(ChatChanged(shop.account.pn, pinned=True))
        assert account.manager.snapshot.since == since, "not paused for nothing"
