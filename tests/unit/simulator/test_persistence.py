"""A simulator that is given a folder goes on where the one before it ended: what was linked with that stays linked."""

from __future__ import annotations

import stat
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.simulator.neonize_client import neonize_client
from tests.unit.simulator.raw_client import RawClient
from tests.unit.simulator.test_strictness import linked_device
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.simulator import ChatSettings, Simulator, SimulatorConfig
from whatsapp_mcp.simulator.state.kept import FILE_NAME
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.protos import wa6


async def test_what_was_linked_stays_linked(tmp_path: Path) -> None:
    config, noise = SimulatorConfig(state=tmp_path / "state"), KeyPair.generate()
    async with Simulator(config) as before:
        rita = before.add_account("12025550150", "Rita")
        ana = (await before.add_cast())[0]
        group = await before.add_group("Dinner", [ana], owner=rita, description="At eight", locked=True)
        device, _ = linked_device(before, noise)
        device.one_time_prekeys |= {5: KeyPair.generate().public, 6: (last := KeyPair.generate().public)}
        device.note_form(ana.account, ana.account.pn)
        before.phone.shared_with.add(device)
        before.phone.set_push_name("Robin R.")
        ChatSettings(before.phone).pin(ana.account.pn)
        before.phone.account.blocked.add(before.contact("Bruno").account)
        before.phone.account.default_disappearing_seconds = 86400
        before.phone.account.business_name = "Robin's"
        ana.say("for later")
        endpoint, people = before.endpoint, (ana, rita, before.phone)
        assert Path(endpoint.ca_file).parent == config.state
    assert config.state is not None
    assert stat.S_IMODE((config.state / FILE_NAME).stat().st_mode) == 0o600

    async with Simulator(config) as after:
        assert after.endpoint.noise_root == endpoint.noise_root
        assert Path(after.endpoint.ca_file).read_bytes()
        ana, rita = after.contact("Ana"), after.phone_of("12025550150")
        for one, other in zip((ana, rita, after.phone), people, strict=True):
            assert one.signal.identity == other.signal.identity
            assert one.device.signed_prekey.public == other.device.signed_prekey.public
        assert len(await after.add_cast()) == 5
        assert [one.subject for one in after.groups.all] == ["Weekend trip", "Dinner"]
        kept = after.group("Dinner")
        assert (kept.jid, kept.invite_code, kept.locked) == (group.jid, group.invite_code, True)
        assert kept.role(rita) == "superadmin"
        assert kept.description is not None and kept.description.text == "At eight"
        assert after.phone.account.push_name == "Robin R."
        account = after.phone.account
        assert account.blocked == {after.contact("Bruno").account}
        assert (account.default_disappearing_seconds, account.business_name) == (86400, "Robin's")
        device = account.devices[1]
        assert after.phone.account.key_index_list is not None, "others may write to the device"
        assert (device.one_time_prekeys, device.uses_lid(ana.account)) == ({6: last}, False)
        payload = wa6.ClientPayload(username=int(after.phone.account.number), device=1, passive=False)
        client = await RawClient.connect(endpoint.model_copy(update={"proxy": after.endpoint.proxy}), noise, payload)
        assert (await client.receive()).tag == "success"
        while (waiting := await client.receive()).tag != "message" or waiting.jid("from") != ana.device.pn:
            pass
        assert waiting.get("offline") == "0"
        # The app state goes on: the phone knows its key and how far it came.
        ChatSettings(after.phone).pin(ana.account.pn, pinned=False)
        assert after.phone.account.collections["regular_low"].version == 2


async def test_neonize_comes_back_to_the_next_simulator(tmp_path: Path) -> None:
    config = SimulatorConfig(state=tmp_path / "state")
    async with AsyncExitStack() as stack:
        async with Simulator(config) as simulator:
            ana = await simulator.add_contact("Ana")
            client = await stack.enter_async_context(neonize_client(simulator.endpoint, tmp_path))
            await client.call("start")
            await simulator.phone.scan(await client.event("qr"))
            await client.event("Connected")
            await client.call("send_text", to=f"{ana.number}@s.whatsapp.net", text="before")
            await ana.wait_for_message()
            port = int(simulator.endpoint.proxy.rpartition(":")[2])
        start = len(client.events)
        async with Simulator(replace(config, port=port)) as simulator:
            ana = simulator.contact("Ana")
            await client.event("Connected", start=start, timeout=40)
            said = ana.say("still here")
            await client.events.wait_for(lambda event: event.name == "Message" and said.id in str(event.data))
            await client.call("send_text", to=f"{ana.number}@s.whatsapp.net", text="and me")
            assert (await ana.wait_for_message()).text == "and me"


async def test_a_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"host": 1}')
    with pytest.raises(SetupError, match=FILE_NAME):
        Simulator(SimulatorConfig(state=tmp_path))


async def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    async with Simulator(SimulatorConfig(directory=tmp_path)) as simulator:
        root = simulator.endpoint.noise_root
        assert not list(tmp_path.rglob(FILE_NAME))
    async with Simulator(SimulatorConfig(directory=tmp_path)) as simulator:
        assert simulator.endpoint.noise_root != root
