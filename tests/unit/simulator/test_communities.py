"""Communities: a parent, its announcements, and the groups that are linked to it; requests of clients, no socket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.simulator.test_groups import ALL_GROUPS, People, people, person
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Group, Simulator, SimulatorConfig, VirtualContact
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.groups import GroupState
from whatsapp_mcp.wire.node import Node

__all__ = ["people"]

SUB = {"link_type": "sub_group"}


def found(people: People, who: VirtualContact, subject: str, *content: Node) -> Group:
    """A community that a client makes."""
    made = people.ask(who, "set", ALL_GROUPS, Node("create", {"subject": subject}, [Node("parent"), *content]))
    told = made.child("group")
    assert told is not None, made.xml()
    assert told.child("parent") is not None
    return people.simulator.groups.find(told.get("id"))


def links(*groups: GroupState) -> Node:
    return Node("links", {}, [Node("link", dict(SUB), [Node("group", {"jid": group.jid}) for group in groups])])


def unlink(*groups: GroupState, **more: str) -> Node:
    listed = [Node("group", {"jid": group.jid, **more}) for group in groups]
    return Node("unlink", {"unlink_type": "sub_group"}, listed)


def outcomes(node: Node | None) -> list[str]:
    assert node is not None
    return [group.get("error", "0") for group in node.children("group")]


def names(answer: Node) -> list[tuple[str, bool]]:
    """Subject, and whether announcements are made there."""
    listed = answer.child("sub_groups")
    assert listed is not None, answer.xml()
    return [(one.get("subject"), one.child("default_sub_group") is not None) for one in listed.children("group")]


def query(people: People, who: VirtualContact, query_id: str, **variables: Any) -> Any:
    content = Node("query", {"query_id": query_id}, json.dumps({"variables": variables}).encode())
    answers: list[Node] = []
    request = Node("iq", {"id": "1", "type": "get", "xmlns": "w:mex", "to": Jid("", "s.whatsapp.net")}, [content])
    people.simulator.router.dispatch(who.device, request, answers.append)
    result = answers[0].child("result")
    assert result is not None, answers[0].xml()
    return json.loads(result.data)


async def test_a_community_has_its_announcements_at_once(people: People) -> None:
    about = Node("description", {"id": "D1"}, [Node("body", {}, b"All of us")])
    town = found(people, people.ana, "Town", about, Node("create_general_chat"), person(people.bruno))
    assert names(people.ask(people.ana, "get", town.jid, Node("sub_groups"))) == [("Town", True), ("General", False)]
    announcements, general = town.linked_groups
    assert (announcements.announce, announcements.parent, general.place) == (True, town, "general")
    assert list(announcements.members) == [people.ana.account, people.bruno.account]
    assert announcements.is_admin(people.ana.account) and not announcements.is_admin(people.bruno.account)
    assert town.description is not None and (town.description.id, town.description.text) == ("D1", "All of us")
    told = people.ask(people.bruno, "get", announcements.jid, Node("query")).child("group")
    linked = told.child("linked_parent") if told else None
    assert told is not None and linked is not None
    assert linked.jid("jid") == town.jid and told.child("default_sub_group") is not None
    await people.bruno.group_notices.wait_for(lambda notice: notice.group == general.jid)
    told_of = [notice.group for notice in people.bruno.group_notices if notice.what == "create"]
    assert told_of == [town.jid, announcements.jid, general.jid]


async def test_whoever_is_in_a_linked_group_is_in_the_community(people: People) -> None:
    town, trip = found(people, people.ana, "Town"), await people.group()
    answer = people.ask(people.ana, "set", town.jid, links(trip))
    assert outcomes(answer.path("links", "link")) == ["0"]
    everybody = [people.ana.account, people.bruno.account, people.simulator.phone.account]
    assert list(town.members) == list(town.linked_groups[0].members) == everybody
    notice = await people.bruno.group_notices.wait_for(lambda notice: notice.what == "link")
    assert notice.group == town.jid or notice.group == trip.jid
    trip.add(people.chen, by=people.ana)
    assert people.chen.account in town.members and people.chen.account in town.linked_groups[0].members
    listed = people.ask(people.chen, "get", town.jid, Node("linked_groups_participants"))
    told = listed.child("linked_groups_participants")
    assert told is not None and [one.jid("jid") for one in told.children()] == [a.lid for a in town.members]
    trip.leave(people.chen)
    assert people.chen.account in town.members, "who leaves a group is still in the community"


async def test_what_cannot_be_linked(people: People) -> None:
    town, other = found(people, people.ana, "Town"), found(people, people.bruno, "Other")
    trip, chens = await people.group(), await people.simulator.add_group("Chen's", [people.chen, people.ana])
    nowhere = Jid("120363000000000009", "g.us")
    listed = [Node("group", {"jid": jid}) for jid in (trip.jid, other.jid, chens.jid, nowhere)]
    wanted = Node("links", {}, [Node("link", dict(SUB), listed)])
    answer = people.ask(people.ana, "set", town.jid, wanted)
    assert outcomes(answer.path("links", "link")) == ["0", "409", "401", "404"]
    assert outcomes(people.ask(people.ana, "set", town.jid, links(trip)).path("links", "link")) == ["409"]
    assert people.refusal(people.bruno, "set", town.jid, links(trip)) == "403"
    assert people.refusal(people.ana, "set", trip.jid, links(chens)) == "404"
    with pytest.raises(IqError, match="409"):
        other.link(trip, by=people.bruno)


async def test_a_group_leaves_its_community(people: People) -> None:
    town, trip = found(people, people.ana, "Town"), await people.group()
    town.link(trip, by=people.ana)
    announcements = town.linked_groups[0]
    assert people.refusal(people.bruno, "set", town.jid, unlink(trip)) == "403"
    answer = people.ask(people.ana, "set", town.jid, unlink(announcements, trip, remove_orphaned_members="true"))
    assert outcomes(answer.child("unlink")) == ["406", "0"]
    assert trip.parent is None and people.bruno.account in trip.members
    assert list(town.members) == list(announcements.members) == [people.ana.account]
    assert outcomes(people.ask(people.ana, "set", town.jid, unlink(trip)).child("unlink")) == ["404"]
    notice = await people.bruno.group_notices.wait_for(lambda notice: notice.what == "unlink")
    assert notice.group in (trip.jid, town.jid)


async def test_groups_are_made_in_a_community(people: People) -> None:
    town = found(people, people.ana, "Town", person(people.bruno))
    parent = Node("linked_parent", {"jid": town.jid})
    wanted = Node("create", {"subject": "Choir"}, [person(people.chen), parent])
    assert people.refusal(people.bruno, "set", ALL_GROUPS, wanted) == "403"
    assert people.ask(people.ana, "set", town.jid, Node("allow_non_admin_sub_group_creation")).get("type") == "result"
    told = people.ask(people.bruno, "set", ALL_GROUPS, wanted).child("group")
    linked = told.child("linked_parent") if told else None
    assert linked is not None and linked.jid("jid") == town.jid
    assert people.chen.account in town.members
    assert (
        people.refusal(people.ana, "set", ALL_GROUPS, Node("create", {"subject": "x"}, [Node("linked_parent")]))
        == "404"
    )


async def test_people_of_a_community_come_into_its_groups(people: People) -> None:
    town = found(people, people.ana, "Town", person(people.chen))
    trip = await people.group()
    join = Node("join_linked_group", {"jid": trip.jid})
    assert people.refusal(people.chen, "set", town.jid, join) == "403"
    town.link(trip, by=people.ana)
    seen = people.ask(people.chen, "get", town.jid, Node("query_linked", {"type": "sub_group", "jid": trip.jid}))
    assert seen.path("linked_group", "group") is not None
    trip.require_approval(by=people.ana)
    asked = people.ask(people.chen, "set", town.jid, join)
    assert asked.child("membership_approval_request") is not None
    assert people.chen.account in trip.waiting
    trip.require_approval(by=people.ana, required=False)
    assert people.ask(people.chen, "set", town.jid, join).path("linked_group", "group") is not None
    assert people.chen.account in trip.members
    assert people.refusal(people.chen, "set", town.jid, join) == "409"


async def test_who_comes_by_the_link_of_a_community_hears_its_announcements(people: People) -> None:
    town = found(people, people.ana, "Town")
    assert town.join(people.chen)
    assert people.chen.account in town.linked_groups[0].members
    closed = await people.simulator.add_group("Closed", [people.ana], community=True, approval=True)
    parent = people.ask(people.ana, "get", closed.jid, Node("query")).path("group", "parent")
    assert parent is not None and parent.get("default_membership_approval_mode") == "request_required"
    assert not closed.join(people.chen)
    closed.approve(people.chen, by=people.ana)
    assert people.chen.account in closed.linked_groups[0].members


@pytest.mark.parametrize("words", ["group", "community", "linked_groups"])
async def test_who_leaves_a_community_leaves_its_groups(words: str, people: People) -> None:
    town, trip = found(people, people.ana, "Town"), await people.group()
    town.link(trip, by=people.ana)
    name = "parent_group_jid" if words == "linked_groups" else "id"
    answer = people.ask(people.bruno, "set", ALL_GROUPS, Node("leave", {}, [Node(words, {name: town.jid})]))
    assert answer.path("leave", words) is not None, answer.xml()
    assert all(people.bruno.account not in group.members for group in (town, trip, *town.linked_groups))


async def test_roles_and_removals_go_through_all_of_it(people: People) -> None:
    town, trip = found(people, people.ana, "Town"), await people.group()
    town.link(trip, by=people.ana)
    announcements = town.linked_groups[0]
    people.ask(people.ana, "set", town.jid, Node("promote", {}, [person(people.bruno)]))
    assert town.is_admin(people.bruno.account) and announcements.is_admin(people.bruno.account)
    assert not trip.is_admin(people.bruno.account)
    people.ask(people.ana, "set", town.jid, Node("remove", {"linked_groups": "true"}, [person(people.bruno)]))
    assert all(people.bruno.account not in group.members for group in (town, trip, announcements))


async def test_a_community_ends_and_its_groups_stay(people: People) -> None:
    town, trip = found(people, people.ana, "Town"), await people.group()
    town.link(trip, by=people.ana)
    announcements = town.linked_groups[0]
    assert people.refusal(people.bruno, "set", town.jid, Node("delete_parent")) == "403"
    assert people.ask(people.ana, "set", town.jid, Node("delete_parent")).get("type") == "result"
    assert [group.jid for group in people.simulator.groups.all] == [trip.jid] and trip.parent is None
    for gone in (town, announcements):
        assert people.refusal(people.ana, "get", gone.jid, Node("query")) == "404"
    assert people.refusal(people.ana, "set", trip.jid, Node("delete_parent")) == "404"


async def test_nobody_writes_in_the_community_itself(people: People) -> None:
    town = found(people, people.ana, "Town")
    enc = Node("enc", {"v": "2", "type": "skmsg"}, b"x")
    ack = people.submit(people.ana, Node("message", {"id": "1", "to": town.jid, "type": "text"}, [enc]))
    assert ack.get("error") == "403"
    said = people.ana.say("Fair on Sunday", to=town.linked_groups[0])
    assert people.ana.refused.since(0) == [] and said.chat is town.linked_groups[0]


async def test_communities_in_graphql(people: People) -> None:
    town = found(people, people.ana, "Town", Node("create_general_chat"))
    told = query(people, people.ana, "9935467776504344", group_id=str(town.jid))["data"]["xwa2_group_query_by_id"]
    announcements, general = town.linked_groups
    assert told["default_sub_group"]["id"] == str(announcements.jid)
    (edge,) = told["sub_groups"]["edges"]
    assert (edge["node"]["id"], edge["node"]["properties"]) == (str(general.jid), {"general_chat": True})
    counted = query(people, people.ana, "24079399904996141", input={"group_jid": str(town.jid)})["data"]
    assert counted["xwa2_group_query_by_id"]["sub_groups"]["edges"][0]["node"]["total_participants_count"] == 1
    for who, group_id, code in ((people.bruno, str(town.jid), 403), (people.ana, "x", 404), (people.ana, None, 404)):
        answer = query(people, who, "9935467776504344", group_id=group_id)
        assert answer["errors"][0]["extensions"]["error_code"] == code
    assert "errors" in query(people, people.ana, "24079399904996141", input=[])


async def test_a_community_is_kept(tmp_path: Path) -> None:
    config = SimulatorConfig(state=tmp_path)
    async with Simulator(config) as before:
        town = await before.add_group("Town", [before.phone], community=True)
        trip = await before.add_group("Trip", [before.phone])
        town.link(trip, by=before.phone)
        jids = [group.jid for group in town.linked_groups]
    async with Simulator(config) as after:
        again = after.groups.find(town.id)
        assert again.community is not None and [group.jid for group in again.linked_groups] == jids
        assert again.linked_groups[0].place == "announcements"
