"""Profile pictures: asking, changing, fetching the bytes, and who is told."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.unit.simulator.raw_client import open_tunnel
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.service.router import SERVER
from whatsapp_mcp.simulator.state.accounts import SignedPreKey, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.wire.node import Attr, Node

JPEG = b"\xff\xd8 a picture"


def iq(simulator: Simulator, kind: str, target: Jid | None, *content: Node) -> Node:
    answers: list[Node] = []
    attrs: dict[str, Attr] = {"id": "1", "type": kind, "xmlns": "w:profile:picture", "to": SERVER}
    if target is not None:
        attrs["target"] = target
    simulator.router.dispatch(simulator.phone.device, Node("iq", attrs, list(content) or None), answers.append)
    return answers[0]


def get(simulator: Simulator, target: Jid, **attrs: str) -> Node:
    return iq(simulator, "get", target, Node("picture", {"query": "url", **attrs}))


def error_of(answer: Node) -> str:
    error = answer.child("error")
    return error.get("code") if error else ""


def companion_of(device: SimDevice, number: int = 1) -> SimDevice:
    """A linked device that is offline: what is sent to it waits."""
    signed = SignedPreKey(1, bytes(32), bytes(64))
    linked = SimDevice(
        device.account, number, identity=bytes(32), registration_id=1, signed_prekey=signed, noise_public=bytes(32)
    )
    device.account.devices[number] = linked
    return linked


@pytest.mark.parametrize("kind", ["image", "preview"])
async def test_a_picture_can_be_found_and_fetched(kind: str) -> None:
    async with Simulator() as simulator:
        ana = await simulator.add_contact("Ana")
        assert error_of(get(simulator, ana.account.pn)) == "404"
        picture = simulator.profile.set_picture(ana.account, JPEG)
        found = get(simulator, ana.account.lid, type=kind).child("picture")
        assert found is not None
        assert (found.get("id"), found.get("type"), found.get("url")) == (picture.id, kind, picture.url)
        known = get(simulator, ana.account.pn, id=picture.id).child("picture")
        assert known is not None
        assert known.get("status") == "304"
        url = urlsplit(found.get("url"))
        reader, writer = await open_tunnel(simulator.endpoint, str(url.hostname))
        async with asyncio.timeout(60):
            writer.write(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.hostname}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"Content-Type: image/jpeg" in head
            assert await reader.readexactly(len(JPEG)) == JPEG
        writer.close()


async def test_hidden_pictures() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    simulator.profile.set_picture(ana.account, JPEG)
    ana.account.privacy["profile"] = "none"
    assert error_of(get(simulator, ana.account.pn)) == "401"


async def test_the_own_picture_changes_and_goes() -> None:
    simulator = Simulator()
    account = simulator.phone.account
    ana = await simulator.add_contact("Ana")
    answer = iq(simulator, "set", None, Node("picture", {"type": "image"}, JPEG)).child("picture")
    assert answer is not None
    assert account.picture is not None
    assert answer.get("id") == account.picture.id
    assert error_of(iq(simulator, "set", None, Node("picture", {"type": "image"}, b"GIF89a"))) == "406"
    assert error_of(iq(simulator, "set", ana.account.pn, Node("picture", {"type": "image"}, JPEG))) == "403"
    iq(simulator, "set", None)
    assert account.picture is None
    with pytest.raises(IqError, match="406"):
        simulator.profile.set_picture(account, b"no jpeg")


async def test_who_is_told() -> None:
    simulator = Simulator()
    ana, bea = await simulator.add_contact("Ana"), await simulator.add_contact("Bea")
    own, hers = companion_of(simulator.phone.device), companion_of(ana.device)
    picture = simulator.profile.set_picture(ana.account, JPEG)
    (notice,) = own.waiting
    change = notice.child("set")
    assert notice.get("type") == "picture"
    assert change is not None
    assert (change.jid("jid"), change.get("id")) == (ana.account.lid, picture.id)
    assert [one.get("type") for one in hers.waiting] == ["account_sync"]
    simulator.profile.remove_picture(ana.account)
    assert own.waiting[1].child("delete") is not None
    bea.account.privacy["profile"] = "none"
    simulator.profile.set_picture(bea.account, JPEG)
    assert len(own.waiting) == 2
