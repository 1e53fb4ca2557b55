"""The real neonize binary links itself, comes back, and is thrown out."""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.simulator.neonize_client import DriverError, NeonizeClient, neonize_client
from whatsapp_mcp.simulator import PairingError, Simulator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Go reads SSL_CERT_FILE on Linux only")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


async def link(simulator: Simulator, client: NeonizeClient) -> None:
    await client.call("start")
    await simulator.phone.scan(await client.event("qr"))
    await client.event("Connected")


async def test_linking_by_code(simulator: Simulator, tmp_path: Path) -> None:
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await client.call("start")
        await client.event("qr")
        with pytest.raises(DriverError, match="404"):
            await client.call("pair_phone", phone="+1 202 555 0199")
        code = await client.call("pair_phone", phone="+1 (202) 555-0100")
        device = await simulator.phone.enter_code(code.lower())
        await client.event("Connected")
        assert (await client.call("me"))["JID"]["Device"] == device.number == 1


async def test_a_mistyped_code_links_nothing(simulator: Simulator, tmp_path: Path) -> None:
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await client.call("start")
        await client.event("qr")
        code = await client.call("pair_phone", phone=simulator.phone.account.number)
        wrong = ("1" if code[0] != "1" else "2") + code[1:]
        with pytest.raises(PairingError, match="wrong"):
            await simulator.phone.enter_code(wrong)
        assert list(simulator.phone.account.devices) == [0]


async def test_a_scan_with_a_false_secret_or_key_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await client.call("start")
        ref, noise, identity, _, kind = (await client.event("qr")).split(",")
        zeros = base64.b64encode(bytes(32)).decode()
        with pytest.raises(PairingError, match="keys"):
            await simulator.phone.scan(",".join([ref, zeros, identity, zeros, kind]))
        with pytest.raises(PairingError, match="hmac-mismatch"):
            await simulator.phone.scan(",".join([ref, noise, identity, zeros, kind]))
        assert list(simulator.phone.account.devices) == [0]


async def test_a_stored_session_comes_back_and_gets_what_waited(simulator: Simulator, tmp_path: Path) -> None:
    ana = await simulator.add_contact("Ana")
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await link(simulator, client)
        await client.call("send_text", to=ana.number, text="hello")
        await client.call("disconnect")
    waiting = [ana.say(f"message {number}").id for number in range(5)]
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await client.call("start")
        await client.event("OfflineSyncPreview")
        await client.event("OfflineSyncCompleted")
        await client.event("Connected")
        await client.events.wait_for(lambda e: e.name == "Message" and e.data["Info"]["ID"] == waiting[-1])
        ids = [event.data["Info"]["ID"] for event in client.events if event.name == "Message"]
        assert [message_id for message_id in ids if message_id in waiting] == waiting
        await ana.receipts.wait_for(lambda r: waiting[-1] in r.ids and r.kind == "inactive")
        await client.call("send_text", to=ana.number, text="again")
        assert [m.text for m in ana.inbox] == ["hello", "again"]


async def test_unlinking_on_the_phone(simulator: Simulator, tmp_path: Path) -> None:
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await link(simulator, client)
        simulator.phone.unlink()
        assert (await client.event("LoggedOut"))["OnConnect"] is False
        assert list(simulator.phone.account.devices) == [0]


async def test_unlinking_while_the_client_is_away(simulator: Simulator, tmp_path: Path) -> None:
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await link(simulator, client)
        await client.call("disconnect")
    simulator.phone.unlink()
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await client.call("start")
        event = await client.event("LoggedOut")
        assert (event["OnConnect"], event["Reason"]) == (True, "LOGGED_OUT")


async def test_logging_out_on_the_client(simulator: Simulator, tmp_path: Path) -> None:
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await link(simulator, client)
        await client.call("logout")
        assert list(simulator.phone.account.devices) == [0]


@pytest.mark.parametrize(
    ("reason", "code", "event"),
    [(405, None, "ClientOutdated"), (402, 101, "TemporaryBan"), (503, None, "Connected")],
)
async def test_refused_logins(simulator: Simulator, tmp_path: Path, reason: int, code: int | None, event: str) -> None:
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await link(simulator, client)
        start = len(client.events)
        simulator.faults.refuse_login(reason, code=code, expire_seconds=60)
        simulator.faults.drop()
        await client.event(event, start=start)


async def test_the_same_session_elsewhere_replaces_the_first(simulator: Simulator, tmp_path: Path) -> None:
    async with neonize_client(simulator.endpoint, tmp_path) as first:
        await link(simulator, first)
        async with neonize_client(simulator.endpoint, tmp_path) as second:
            await second.call("start")
            await second.event("Connected")
            await first.event("StreamReplaced")


async def test_an_unknown_receipt_type_ends_the_event_loop_of_neonize(simulator: Simulator, tmp_path: Path) -> None:
    async with neonize_client(simulator.endpoint, tmp_path) as client:
        await link(simulator, client)
        assert simulator.odd_receipt() == 1
        assert "required field" in await client.event("end")


async def test_two_clients_write_to_each_other(simulator: Simulator, tmp_path: Path) -> None:
    other_phone = simulator.add_account("12025550101", "Sam")
    async with (
        neonize_client(simulator.endpoint, tmp_path, "robin") as robin,
        neonize_client(simulator.endpoint, tmp_path, "sam") as sam,
    ):
        await asyncio.gather(robin.call("start"), sam.call("start"))
        await simulator.phone.scan(await robin.event("qr"))
        await other_phone.scan(await sam.event("qr"))
        await asyncio.gather(robin.event("Connected"), sam.event("Connected"))
        sent = await robin.call("send_text", to="12025550101", text="ping")
        event = await sam.events.wait_for(lambda e: e.name == "Message" and e.data["Info"]["ID"] == sent["ID"])
        assert event.data["Message"]["conversation"] == "ping"
        assert (await other_phone.received.wait_for()).text == "ping"
        answer = await sam.call("send_text", to="12025550100", text="pong")
        await robin.events.wait_for(lambda e: e.name == "Message" and e.data["Info"]["ID"] == answer["ID"])


async def test_a_second_companion_sees_what_the_first_sends(simulator: Simulator, tmp_path: Path) -> None:
    ana = await simulator.add_contact("Ana")
    async with (
        neonize_client(simulator.endpoint, tmp_path, "one") as one,
        neonize_client(simulator.endpoint, tmp_path, "two") as two,
    ):
        await link(simulator, one)
        await one.call("send_text", to=ana.number, text="alone")
        await link(simulator, two)
        # The first one's list of own devices is stale until it handled the notification, which it acknowledges.
        await simulator.until_delivered()
        sent = await one.call("send_text", to=ana.number, text="in company")
        event = await two.events.wait_for(lambda e: e.name == "Message" and e.data["Info"]["ID"] == sent["ID"])
        assert event.data["Info"]["MessageSource"]["IsFromMe"] is True
        assert event.data["Message"]["conversation"] == "in company"
