"""Groups by the control socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from whatsapp_mcp.simulator import ControlClient, ControlError, ControlServer, Simulator


@pytest.fixture
async def control() -> AsyncIterator[ControlClient]:
    async with Simulator() as simulator:
        for name in ("Ana", "Bruno", "Chen"):
            await simulator.add_contact(name)
        path = simulator.directory / "control.sock"
        server = ControlServer(simulator, path)
        await server.start()
        try:
            async with ControlClient(path) as client:
                yield client
        finally:
            await server.stop()


async def test_a_group_from_beginning_to_end(control: ControlClient) -> None:
    made = await control.call("add_group", subject="Trip", members=["me", "Ana", "Bruno"], description="Rome")
    assert [(m["name"], m["role"]) for m in made["members"]] == [
        ("me", "superadmin"),
        ("Ana", "member"),
        ("Bruno", "member"),
    ]
    said = await control.call("group_say", contact="Ana", group="Trip", text="Hi!", mentions=["Bruno"])
    (received,) = [await control.call("wait", contact="Bruno", text="Hi!")]
    assert (received["id"], received["group"]) == (said["id"], made["jid"])
    await control.call("react", contact="Bruno", message_id=said["id"], emoji="👍")
    await control.call("revoke", contact="Ana", message_id=said["id"])
    results = await control.call("group_people", group="Trip", action="add", people=["Chen", "Bruno"], by="me")
    assert results == [{"who": "Chen", "error": None}, {"who": "Bruno", "error": 409}]
    changed = await control.call("group_set", group="Trip", by="me", subject="Trip 2", approval=True, announce=True)
    assert (changed["subject"], changed["approval"], changed["description"]) == ("Trip 2", True, "Rome")
    await control.call("group_leave", contact="Chen", group="Trip 2")
    await control.call("group_join_request", contact="Chen", group="Trip 2")
    assert (await control.call("group", group=made["jid"]))["waiting"] == ["Chen"]
    assert await control.call("group_decide", group="Trip 2", by="me", people=["Chen"]) == [
        {"who": "Chen", "error": None}
    ]
    link = (await control.call("group_invite", group="Trip 2", by="me", reset=True))["link"]
    assert [group["link"] for group in await control.call("groups")] == [link]


async def test_what_whatsapp_would_refuse(control: ControlClient) -> None:
    await control.call("add_group", subject="Trip", members=["Ana", "Bruno"])
    with pytest.raises(ControlError) as refused:
        await control.call("group_set", group="Trip", by="Bruno", announce=True)
    assert refused.value.code == "refused"
    with pytest.raises(ControlError) as unknown:
        await control.call("group", group="Nowhere")
    assert unknown.value.code == "not_found"
    await control.call("group_add_privacy", contact="Chen", value="none")
    results = await control.call("group_people", group="Trip", action="add", people=["Chen"], by="Ana")
    assert results == [{"who": "Chen", "error": 403}]
