"""What clients ask about their own account: its e-mail address, limits, privacy lists, reports of spam."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.simulator.raw_client import RawClient
from tests.unit.simulator.test_newsletters import query
from tests.unit.simulator.test_strictness import ask, error_of, login
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.wire.node import Attr, Node

EMAIL = "urn:xmpp:whatsapp:account"


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def leaf(tag: str, text: str) -> Node:
    return Node(tag, {}, text.encode())


async def email(client: RawClient) -> tuple[str, str, str]:
    """Address, verified, confirmed."""
    told = (await ask(client, EMAIL, "get", Node("email"))).child("email")
    assert told is not None
    address, confirmed = told.child("email_address"), told.child("confirmed")
    assert address is not None and confirmed is not None
    return address.data.decode(), told.get("verified"), confirmed.data.decode()


async def test_an_address_is_proved_with_the_code_that_was_sent_there(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    assert (await ask(client, EMAIL, "get", Node("email"))).children() == []
    ask_for_code = Node("verify_email", {}, [leaf("lg", "en"), leaf("lc", "US")])
    assert error_of(await ask(client, EMAIL, "set", ask_for_code)) == "404"
    for address in ("", "nobody", "x" * 330 + "@example.com"):
        assert error_of(await ask(client, EMAIL, "set", Node("email", {}, [leaf("email_address", address)]))) == "400"
    given = Node("email", {}, [leaf("context", "settings"), leaf("email_address", "robin@example.com")])
    assert (await ask(client, EMAIL, "set", given)).path("email", "email_address") is not None
    assert await email(client) == ("robin@example.com", "false", "false")
    assert error_of(await ask(client, EMAIL, "set", Node("verify_email", {}, [leaf("code", "123456")]))) == "535"
    assert (await ask(client, EMAIL, "set", ask_for_code)).get("type") == "result"
    known = simulator.emails.of(simulator.phone)
    assert known is not None and len(known.code) == 6
    wrong = "000000" if known.code != "000000" else "000001"
    assert error_of(await ask(client, EMAIL, "set", Node("verify_email", {}, [leaf("code", wrong)]))) == "536"
    verified = (await ask(client, EMAIL, "set", Node("verify_email", {}, [leaf("code", known.code)]))).child("email")
    assert verified is not None and verified.get("do_verify") == "true"
    assert (await ask(client, EMAIL, "set", Node("confirm_email"))).get("type") == "result"
    assert await email(client) == ("robin@example.com", "true", "true")
    assert error_of(await ask(client, EMAIL, "set", Node("other"))) == "501"


async def test_nobody_is_limited(simulator: Simulator) -> None:
    locked = query(simulator, "23983697327930364")["data"]["xwa2_fetch_account_reachout_timelock"]
    assert locked == {"is_active": False, "time_enforcement_ends": "0", "enforcement_type": "DEFAULT"}
    for query_id in ("24503548349331633", "27910975521856601"):
        capped = query(simulator, query_id, input={"type": "INDIVIDUAL_NEW_CHAT_MSG"})["data"]
        assert capped["xwa2_message_capping_info"]["capping_status"] == "NONE"


async def test_spam_is_reported_and_statistics_are_taken(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    reported = Node("spam_list", {"spam_flow": "MessageMenu"}, [Node("message", {"id": "M1", "t": "1"})])
    assert (await ask(client, "spam", "set", reported)).child("report_id") is not None
    assert [one.get("spam_flow") for one in simulator.standing.spam_reports] == ["MessageMenu"]
    assert error_of(await ask(client, "spam", "set", Node("other"))) == "400"
    for kind in ("set", ""):
        assert (await ask(client, "w:stats", kind, Node("add", {"t": "1"}, b"WAM"))).get("type") == "result"


async def test_some_people_are_left_out_or_let_in(simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    ana, bea = [(await simulator.add_contact(name)).account for name in ("Ana", "Bea")]
    account = device.account

    async def change(value: str, dhash: str, *users: Node, name: str = "status") -> Node:
        category = Node("category", {"name": name, "value": value, "dhash": dhash}, list(users))
        return await ask(client, "privacy", "set", Node("privacy", {"addressing_mode": "lid"}, [category]))

    def user(action: str, jid: Attr) -> Node:
        return Node("user", {"action": action, "jid": jid})

    told = (await change("contact_blacklist", "none", user("add", ana.lid))).path("privacy", "category")
    assert told is not None and told.get("dhash")
    assert (account.shows_to("status", ana), account.shows_to("status", bea)) == (False, True)
    assert error_of(await change("contact_blacklist", "older", user("add", bea.lid))) == "409"
    assert error_of(await change("contact_blacklist", "none", user("add", "1@lid"))) == "400"
    assert error_of(await change("contact_blacklist", told.get("dhash"), user("hide", bea.lid))) == "400"
    wanted = Node("privacy", {}, [Node("list", {"name": "status", "value": "contact_blacklist"})])
    listed = (await ask(client, "privacy", "get", wanted)).path("privacy", "list")
    assert listed is not None and listed.get("dhash") == told.get("dhash")
    assert [one.jid("jid") for one in listed.children("user")] == [device.name_of(ana)]
    await change("contact_blacklist", told.get("dhash"), user("remove", ana.lid))
    assert account.shows_to("status", ana)
    await change("contact_allowlist", "", user("add", bea.pn), name="stickers")
    assert (account.shows_to("stickers", ana), account.shows_to("stickers", bea)) == (False, True)
