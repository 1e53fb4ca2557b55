"""Requests of one stanza: what is sent, and what the answers mean."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from tests.unit.side_login.linked import Linked
from whatsapp_mcp.errors import InvalidArgument, NotFound, WhatsAppRefused
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.side_login import BusinessCategory, BusinessHours, BusinessProfile, JoinRequestResult
from whatsapp_mcp.side_login.login import SERVER, PassiveLogin
from whatsapp_mcp.side_login.queries import BusinessProfileQuery, GroupPictureRemoval, JoinRequestsAnswer
from whatsapp_mcp.simulator.service.business import BusinessDetails, OpeningHours
from whatsapp_mcp.wire.binary import decode, encode
from whatsapp_mcp.wire.node import Node

GROUP = Jid("120363000000000001", "g.us")
ANA = Jid("12025550111", "s.whatsapp.net")
BRUNO = Jid("998877", "lid")
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


@dataclass
class ScriptedLogin:
    """Answers as told; every stanza goes over the wire format and back."""

    answer: list[Node]
    asked: list[Node] = field(default_factory=list)

    async def iq(self, xmlns: str, kind: str, content: Any = (), *, to: Jid = SERVER, target: Any = None) -> Node:
        attrs: dict[str, Any] = {"id": "1", "xmlns": xmlns, "type": kind, "to": to}
        if target is not None:
            attrs["target"] = target
        self.asked.append(decode(encode(Node("iq", attrs, list(content) or None))))
        return decode(encode(Node("iq", {"id": "1", "type": "result"}, self.answer)))


def scripted(*answer: Node) -> tuple[ScriptedLogin, PassiveLogin]:
    login = ScriptedLogin(list(answer))
    return login, cast("PassiveLogin", login)


async def test_a_complete_business_profile(side: Linked) -> None:
    shop = await side.simulator.add_contact("Petal & Stem", business_name="Petal & Stem")
    side.simulator.business.set(
        shop.account,
        BusinessDetails(
            address="1 Flower St, Springfield",
            email="hello@petal.example",
            description="Blumen seit 1950 🌷",
            websites=("https://petal.example", "https://shop.petal.example"),
            categories={"2250": "Florist", "1223524174334504": "Gift Shop"},
            options={"commerce_experience": "catalog", "cart_enabled": "true"},
            timezone="Europe/Berlin",
            hours=(OpeningHours("mon", 540, 1110), OpeningHours("sat", 0, 1440), OpeningHours("sun")),
        ),
    )
    for address in (shop.account.pn, shop.account.lid, replace(shop.account.pn, device=3)):
        profile = await side.ask(BusinessProfileQuery(address))
        assert profile == BusinessProfile(
            jid=address.bare,
            email="hello@petal.example",
            address="1 Flower St, Springfield",
            description="Blumen seit 1950 🌷",
            websites=("https://petal.example", "https://shop.petal.example"),
            categories=(BusinessCategory("2250", "Florist"), BusinessCategory("1223524174334504", "Gift Shop")),
            profile_options=(("commerce_experience", "catalog"), ("cart_enabled", "true")),
            business_hours_timezone="Europe/Berlin",
            business_hours=(
                BusinessHours("mon", "specific_hours", "09:00", "18:30"),
                BusinessHours("sat", "specific_hours", "00:00", "24:00"),
                BusinessHours("sun", "open_24h"),
            ),
        )


async def test_an_empty_profile_and_none(side: Linked) -> None:
    ana = await side.simulator.add_contact("Ana")
    with pytest.raises(NotFound, match="no business profile"):
        await side.ask(BusinessProfileQuery(ana.account.pn))
    side.simulator.business.set(ana.account, BusinessDetails())
    assert await side.ask(BusinessProfileQuery(ana.account.pn)) == BusinessProfile(ana.account.pn)


async def test_the_profile_request_is_whatsmeows() -> None:
    login, side_login = scripted(
        Node(
            "business_profile",
            {"v": "244"},
            [
                Node(
                    "profile",
                    {"jid": ANA},
                    [Node("business_hours", {}, [Node("business_hours_config", {"open_time": "soon"})])],
                )
            ],
        )
    )
    profile = await BusinessProfileQuery(replace(ANA, device=4)).ask(side_login)
    assert profile.business_hours == (BusinessHours("", "", "soon", ""),), "what is no number is not hidden"
    (asked,) = login.asked
    assert (asked.get("xmlns"), asked.get("type"), asked.attrs["to"]) == ("w:biz", "get", SERVER)
    request = asked.path("business_profile", "profile")
    assert request is not None and request.attrs == {"jid": ANA}
    assert asked.child("business_profile") == Node("business_profile", {"v": "244"}, [Node("profile", {"jid": ANA})])


def decided(action: str, *people: Node) -> Node:
    return Node("membership_requests_action", {}, [Node(action, {}, list(people))])


async def test_join_requests_have_a_result_per_person() -> None:
    login, side_login = scripted(
        decided("approve", Node("participant", {"jid": BRUNO, "error": "404"}), Node("participant", {"jid": ANA}))
    )
    people = (replace(ANA, device=2), BRUNO, Jid("1", "lid"))
    results = await JoinRequestsAnswer(GROUP, people, "approve").ask(side_login)
    assert results == (
        JoinRequestResult(ANA),
        JoinRequestResult(BRUNO, 404),
        JoinRequestResult(Jid("1", "lid"), 404),
    )
    (asked,) = login.asked
    assert (asked.get("xmlns"), asked.get("type"), asked.attrs["to"]) == ("w:g2", "set", GROUP)
    participants = [Node("participant", {"jid": person.bare}) for person in people]
    assert asked.content == [Node("membership_requests_action", {}, [Node("approve", {}, participants)])]


async def test_the_answer_may_name_the_other_address() -> None:
    for beside in ({"phone_number": ANA}, {}):
        _, side_login = scripted(decided("reject", Node("participant", {"jid": BRUNO, "error": "419", **beside})))
        assert await JoinRequestsAnswer(GROUP, (ANA,), "reject").ask(side_login) == (JoinRequestResult(ANA, 419),)


async def test_an_answer_that_says_nothing_is_an_error() -> None:
    _, side_login = scripted()
    with pytest.raises(WhatsAppRefused):
        await JoinRequestsAnswer(GROUP, (ANA,), "reject").ask(side_login)
    with pytest.raises(InvalidArgument):
        await JoinRequestsAnswer(GROUP, (), "reject").ask(side_login)


async def test_join_requests_are_approved_and_rejected(side: Linked) -> None:
    simulator = side.simulator
    ana, bruno, chen, dora = [await simulator.add_contact(name) for name in ("Ana", "Bruno", "Chen", "Dora")]
    group = await simulator.add_group("Hikers", [ana], owner=simulator.phone)
    group.require_approval(by=simulator.phone)
    for person in (bruno, chen, dora):
        assert not group.join(person)
    done = await side.ask(
        JoinRequestsAnswer(group.jid, (bruno.account.pn, chen.account.lid, ana.account.pn), "approve")
    )
    assert [(result.jid, result.error) for result in done] == [
        (bruno.account.pn, None),
        (chen.account.lid, None),
        (ana.account.pn, 404),
    ]
    assert {bruno.account, chen.account} <= set(group.participants)
    assert group.waiting == [dora.account]
    done = await side.ask(JoinRequestsAnswer(group.jid, (dora.account.pn,), "reject"))
    assert [result.error for result in done] == [None]
    assert group.waiting == [] and dora.account not in group.participants


async def test_only_admins_decide(side: Linked) -> None:
    simulator = side.simulator
    ana, bruno = [await simulator.add_contact(name) for name in ("Ana", "Bruno")]
    group = await simulator.add_group("Hikers", [simulator.phone], owner=ana)
    group.require_approval(by=ana)
    group.join(bruno)
    with pytest.raises(WhatsAppRefused, match="403"):
        await side.ask(JoinRequestsAnswer(group.jid, (bruno.account.pn,), "approve"))
    assert group.waiting == [bruno.account]


async def test_a_groups_picture_is_removed(side: Linked) -> None:
    simulator = side.simulator
    group = await simulator.add_group("Hikers", [await simulator.add_contact("Ana")], owner=simulator.phone)
    group.set_picture(JPEG, by=simulator.phone)
    own = simulator.profile.set_picture(simulator.phone.account, JPEG)
    assert group.picture is not None
    await side.ask(GroupPictureRemoval(group.jid))
    assert group.picture is None
    assert simulator.phone.account.picture is own, "only the group's"
    with pytest.raises(WhatsAppRefused, match="404"):
        await side.ask(GroupPictureRemoval(GROUP))


async def test_the_removal_has_no_content() -> None:
    login, side_login = scripted()
    await GroupPictureRemoval(GROUP).ask(side_login)
    (asked,) = login.asked
    assert asked.content is None
    assert asked.attrs["target"] == GROUP
    assert (asked.get("xmlns"), asked.get("type"), asked.attrs["to"]) == ("w:profile:picture", "set", SERVER)
