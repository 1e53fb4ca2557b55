"""Links that lead to a person or a shop (``iq xmlns=w:qr``)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.simulator.test_strictness import ask, error_of, login
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.wire.node import Node


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def code_of(answer: Node) -> str:
    told = answer.child("qr")
    assert told is not None and told.get("type") == "contact"
    return told.get("code")


async def test_the_own_link_and_another_one(simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    own = [Node("qr", {"type": "contact", "action": action}) for action in ("get", "get", "revoke")]
    first, same, new = [code_of(await ask(client, "w:qr", "set", one)) for one in own]
    assert first == same != new
    assert error_of(await ask(client, "w:qr", "get", Node("qr", {"code": first}))) == "404"
    told = (await ask(client, "w:qr", "get", Node("qr", {"code": new}))).child("qr")
    assert told is not None and (told.jid("jid"), told.get("notify")) == (device.account.pn, "Robin")


async def test_where_the_links_of_others_lead(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    ana = await simulator.add_contact("Ana")
    shop = await simulator.add_contact("Petal", business_name="Petal & Stem")
    link = simulator.contact_links.link_of(ana)
    told = (await ask(client, "w:qr", "get", Node("qr", {"code": link.rpartition("/")[2]}))).child("qr")
    assert told is not None and told.children() == []
    assert (told.jid("jid"), told.get("notify"), told.get("type")) == (ana.account.pn, "Ana", "contact")
    link = simulator.contact_links.message_link(shop, "A bouquet, please")
    told = (await ask(client, "w:qr", "get", Node("qr", {"code": link.rpartition("/")[2]}))).child("qr")
    assert told is not None
    text, business = told.child("message"), told.child("business")
    assert text is not None and business is not None
    assert (text.data, business.get("verified_name")) == (b"A bouquet, please", "Petal & Stem")


async def test_odd_requests_for_links(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    for kind, content, error in (
        ("get", Node("qr"), "400"),
        ("get", Node("other"), "400"),
        ("get", Node("qr", {"code": "x" * 10_000}), "404"),
        ("set", Node("qr", {"type": "contact", "action": "sell"}), "400"),
        ("set", Node("qr", {"type": "message", "action": "get"}), "400"),
    ):
        assert error_of(await ask(client, "w:qr", kind, content)) == error
