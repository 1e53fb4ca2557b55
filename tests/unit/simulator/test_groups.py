"""Groups of simulated people: no client, no socket, the same requests, relay and sender keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Group, ReceivedMessage, Simulator, SimulatorConfig, VirtualContact
from whatsapp_mcp.simulator.people.contact import GroupNotice
from whatsapp_mcp.simulator.people.personas import Echo
from whatsapp_mcp.simulator.people.sent import RefusedMessage
from whatsapp_mcp.simulator.service.groups.group_membership import ADD_REQUEST_SECONDS, REJOIN_SECONDS
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.wire.node import Attr, Node

ALL_GROUPS = Jid("", "g.us")
NOBODY = Jid("12025550199", "s.whatsapp.net")


@dataclass
class People:
    simulator: Simulator
    ana: VirtualContact
    bruno: VirtualContact
    chen: VirtualContact
    time: list[float]
    """The clock: its last element."""

    async def group(self, subject: str = "Trip", *, announce: bool = False, approval: bool = False) -> Group:
        """Ana's group, with Bruno and the account."""
        members = [self.ana, self.bruno, self.simulator.phone]
        return await self.simulator.add_group(subject, members, announce=announce, approval=approval)

    def ask(self, who: VirtualContact, kind: str, to: Jid, *content: Node) -> Node:
        """Send a request as a client would; returns the answer."""
        answers: list[Node] = []
        attrs: dict[str, Attr] = {"xmlns": "w:g2", "type": kind, "to": to, "id": "1"}
        self.simulator.router.dispatch(who.device, Node("iq", attrs, list(content)), answers.append)
        (answer,) = answers
        return answer

    def refusal(self, who: VirtualContact, kind: str, to: Jid, *content: Node) -> str:
        answer = self.ask(who, kind, to, *content)
        error = answer.child("error")
        assert error is not None, answer.xml()
        return error.get("code")

    def submit(self, who: VirtualContact, node: Node) -> Node:
        answers: list[Node] = []
        self.simulator.router.dispatch(who.device, node, answers.append)
        return answers[0]


@pytest.fixture
async def people() -> People:
    time = [1_700_000_000.0]
    simulator = Simulator(SimulatorConfig(clock=lambda: time[-1]))
    ana, bruno, chen = [await simulator.add_contact(name) for name in ("Ana", "Bruno", "Chen")]
    return People(simulator, ana, bruno, chen, time)


def with_id(message_id: str) -> Callable[[ReceivedMessage], bool]:
    return lambda message: message.id == message_id


def says(what: str, notice: GroupNotice) -> bool:
    return notice.what == what


def person(who: VirtualContact) -> Node:
    return Node("participant", {"jid": who.account.pn})


def errors(answer: Node, tag: str) -> list[str]:
    found = answer.child(tag)
    assert found is not None, answer.xml()
    return [participant.get("error") for participant in found.children("participant")]


# --- messages ---


async def test_everybody_reads_what_members_write_and_nobody_else(people: People) -> None:
    group = await people.group()
    for number in range(3):
        for speaker, listener in ((people.ana, people.bruno), (people.bruno, people.ana)):
            said = speaker.say(f"{speaker.name} {number}", to=group)
            received = await listener.wait_for_message(with_id(said.id))
            assert (received.text, received.group) == (f"{speaker.name} {number}", group.jid)
            assert received.sender == speaker.account.lid
            await people.simulator.phone.received.wait_for(with_id(said.id))
    outsider = people.chen.say("let me in", to=group)
    assert await people.chen.refused.wait_for() == RefusedMessage(outsider.id, 403)
    assert len(people.chen.inbox) == 0
    assert outsider.id not in [m.id for m in people.ana.inbox]


async def test_receipts_go_to_the_author_only(people: People) -> None:
    group = await people.group()
    said = people.ana.say("seen?", to=group)
    receipt = await people.ana.receipts.wait_for(lambda r: r.kind == "read")
    assert (receipt.ids, receipt.sender, receipt.group) == ((said.id,), people.bruno.account.lid, group.jid)
    await people.ana.receipts.wait_for(lambda r: r.kind == "" and r.sender == people.simulator.phone.account.lid)
    assert len(people.bruno.receipts) == 0


async def test_who_was_removed_cannot_read_on_and_who_comes_later_cannot_read_back(people: People) -> None:
    group = await people.group()
    first = people.ana.say("before", to=group)
    await people.bruno.wait_for_message(with_id(first.id))
    group.remove(people.bruno, by=people.ana)
    group.add(people.chen, by=people.ana)
    start = len(people.bruno.inbox)
    second = people.ana.say("after", to=group)
    await people.chen.wait_for_message(with_id(second.id))
    assert people.bruno.inbox.since(start) == []
    assert first.id not in [m.id for m in people.chen.inbox]


async def test_a_member_without_the_key_asks_for_the_message_again(people: People) -> None:
    group = await people.group()
    first = people.ana.say("with the key", to=group)
    await people.bruno.wait_for_message(with_id(first.id))
    people.bruno.sender_keys.forget()
    second = people.ana.say("the key is not sent twice", to=group)
    assert (await people.bruno.wait_for_message(with_id(second.id))).text == "the key is not sent twice"
    assert "retry" in [r.kind for r in people.ana.receipts]
    third = people.ana.say("and now it is there", to=group)
    await people.bruno.wait_for_message(with_id(third.id))


async def test_a_forged_group_message_is_not_believed(people: People) -> None:
    group = await people.group()
    genuine = people.ana.say("genuine", to=group)
    await people.bruno.wait_for_message(with_id(genuine.id))
    # Chen's sender key signs what claims to be Ana's: whoever relays it, the signature does not fit.
    people.chen.sender_keys.prepare(group.jid, [])
    forged = people.chen.sender_keys.encrypt(group.jid, b"\x0a\x06forged\x01")
    attrs: dict[str, Attr] = {
        "from": group.jid,
        "participant": people.ana.account.lid,
        "id": "F1",
        "t": "1",
        "type": "text",
    }
    people.bruno.send(Node("message", attrs, [Node("enc", {"v": "2", "type": "skmsg"}, forged)]))
    later = people.ana.say("later", to=group)
    await people.bruno.wait_for_message(with_id(later.id))
    assert "F1" not in [m.id for m in people.bruno.inbox]


async def test_only_admins_write_in_announcement_groups_and_revoke_for_others(people: People) -> None:
    group = await people.group(announce=True)
    refused = people.bruno.say("but I", to=group)
    assert (await people.bruno.refused.wait_for(lambda r: r.id == refused.id)).code == 403
    group.promote(people.bruno, by=people.ana)
    said = people.bruno.say("now", to=group)
    received = await people.ana.wait_for_message(with_id(said.id))
    people.ana.revoke(received)
    revoked = await people.bruno.wait_for_message(lambda m: m.kind == "revoke")
    assert revoked.message.protocolMessage.key.participant == str(people.bruno.account.lid)


async def test_groups_that_use_numbers(people: People) -> None:
    group = await people.group()
    group.addressing_mode = "pn"
    said = people.ana.say("old style", to=group, mentions=[people.bruno.account])
    received = await people.bruno.wait_for_message(with_id(said.id))
    assert received.summary.mentions == (str(people.bruno.account.pn),)
    assert received.sender == people.ana.account.lid
    info = people.ask(people.bruno, "get", group.jid, Node("query", {"request": "interactive"})).child("group")
    assert info is not None
    assert info.get("addressing_mode") == "pn"
    assert {p.get("jid"): p.get("lid") for p in info.children("participant")}[str(people.ana.account.pn)] == str(
        people.ana.account.lid
    )


@pytest.mark.parametrize(
    "content",
    [
        [],
        [Node("enc", {"v": "2", "type": "msg"}, b"x")],
        [Node("enc", {"v": "1", "type": "skmsg"}, b"x")],
        [Node("enc", {"v": "2", "type": "skmsg"}, b"")],
        [Node("enc", {"v": "2", "type": "skmsg"}, b"x"), Node("enc", {"v": "2", "type": "skmsg"}, b"y")],
    ],
    ids=["nothing", "pairwise", "version", "empty", "twice"],
)
async def test_messages_without_usable_ciphertext_are_refused(people: People, content: list[Node]) -> None:
    group = await people.group()
    ack = people.submit(people.ana, Node("message", {"to": group.jid, "id": "M", "type": "text"}, content))
    assert ack.get("error") == "400"


async def test_a_wrong_hash_of_the_devices_is_answered_with_the_right_one(people: People) -> None:
    group = await people.group()
    enc = Node("enc", {"v": "2", "type": "skmsg"}, b"x")
    ack = people.submit(people.ana, Node("message", {"to": group.jid, "id": "M", "phash": "2:xxxxxxxx"}, [enc]))
    assert ack.get("phash").startswith("2:")
    right = people.submit(people.ana, Node("message", {"to": group.jid, "id": "N", "phash": ack.get("phash")}, [enc]))
    assert right.get("phash") == ""


async def test_personas_answer_in_groups_when_they_are_meant(people: People) -> None:
    people.bruno.persona = Echo()
    group = await people.group()
    people.ana.say("nobody in particular", to=group)
    people.ana.say("bruno, are you there?", to=group)
    named = await people.ana.wait_for_message()
    assert (named.text, named.group) == ("bruno, are you there?", group.jid)
    people.ana.say("and you?", to=group, mentions=[people.bruno.account])
    assert (await people.ana.wait_for_message(start=1)).text == "and you?"
    people.ana.say("right", to=group, reply_to=named)
    assert (await people.ana.wait_for_message(start=2)).text == "right"
    assert (await people.ana.chat_states.wait_for(lambda s: s.state == "composing")).group == group.jid
    await people.bruno.stop()


# --- members ---


async def test_what_becomes_of_each_person_that_is_added(people: People) -> None:
    group = await people.group()
    dora, emil = [await people.simulator.add_contact(name) for name in ("Dora", "Emil")]
    people.chen.group_add = "none"
    dora.account.blocked.add(people.ana.account)
    wanted = [
        person(people.bruno),
        person(people.chen),
        person(dora),
        Node("participant", {"jid": NOBODY}),
        person(emil),
    ]
    answer = people.ask(people.ana, "set", group.jid, Node("add", {}, wanted))
    assert errors(answer, "add") == ["409", "403", "403", "404", ""]
    assert group.role(emil) == "member"
    assert group.role(people.chen) is None
    assert (await emil.group_notices.wait_for()).what == "create"
    assert (await people.bruno.group_notices.wait_for(lambda n: n.what == "add")).author is people.ana.account
    with pytest.raises(ValueError, match="privacy"):
        people.chen.group_add = "nobody"


async def test_a_personal_invitation_lets_in_whom_privacy_keeps_out(people: People) -> None:
    group = await people.group()
    people.chen.group_add = "none"
    (outcome,) = group.add(people.chen, by=people.ana)
    assert outcome.add_request is not None
    attrs: dict[str, Attr] = {
        "code": outcome.add_request.code,
        "expiration": str(outcome.add_request.expires_at),
        "admin": people.ana.account.lid,
    }
    look = Node("query", {}, [Node("add_request", attrs)])
    assert people.ask(people.chen, "get", group.jid, look).child("group") is not None
    assert people.refusal(people.chen, "set", group.jid, Node("accept", {**attrs, "code": "wrong"})) == "406"
    bea = await people.simulator.add_contact("Bea")
    assert people.refusal(bea, "set", group.jid, Node("accept", attrs)) == "406"
    people.time.append(people.time[-1] + ADD_REQUEST_SECONDS + 1)
    assert people.refusal(people.chen, "set", group.jid, Node("accept", attrs)) == "410"
    people.time.append(people.time[0])
    assert people.ask(people.chen, "set", group.jid, Node("accept", attrs)).get("type") == "result"
    assert group.role(people.chen) == "member"


async def test_roles(people: People) -> None:
    group = await people.group()
    for action in ("add", "remove", "promote", "demote"):
        who = people.chen
        assert people.refusal(who, "set", group.jid, Node(action, {}, [person(people.bruno)])) == "403"
    assert people.refusal(people.bruno, "set", group.jid, Node("remove", {}, [person(people.ana)])) == "403"
    group.promote(people.bruno, by=people.ana)
    answer = people.ask(people.bruno, "set", group.jid, Node("demote", {}, [person(people.ana), person(people.chen)]))
    assert errors(answer, "demote") == ["406", "404"]
    assert group.role(people.ana) == "superadmin"
    group.let_add("admin_add", by=people.bruno)
    group.demote(people.bruno, by=people.ana)
    assert people.refusal(people.bruno, "set", group.jid, Node("add", {}, [person(people.chen)])) == "403"
    assert people.refusal(people.ana, "set", group.jid, Node("add")) == "400"


async def test_leaving(people: People) -> None:
    group, other = await people.group("One"), await people.group("Two")
    people.ana.leave(group)
    assert group.role(people.bruno) == "admin"  # somebody has to be
    assert [o.error for o in group.add(people.ana, by=people.bruno)] == [408]
    people.time.append(people.time[-1] + REJOIN_SECONDS)
    assert [o.error for o in group.add(people.ana, by=people.bruno)] == [0]
    wanted = [Node("group", {"id": jid}) for jid in (group.jid, other.jid, Jid("120363000000000001", "g.us"))]
    left = people.ask(people.bruno, "set", ALL_GROUPS, Node("leave", {}, wanted)).child("leave")
    assert left is not None
    assert [item.get("error") for item in left.children()] == ["", "", "404"]
    assert people.refusal(people.bruno, "set", ALL_GROUPS, Node("leave", {}, wanted[:1])) == "403"


async def test_joining_by_link(people: People) -> None:
    group = await people.group()
    old = group.invite_link
    with pytest.raises(IqError, match="409"):
        people.ana.join(old)  # is in already
    new = group.reset_invite(by=people.ana)
    for link, code in ((old, "410"), ("https://chat.whatsapp.com/nothing", "406")):
        with pytest.raises(IqError, match=code):
            people.chen.join(link)
    group.max_members = len(group.members)
    with pytest.raises(IqError, match="419"):
        people.chen.join(new)
    group.max_members += 1
    assert people.chen.join(new) is group
    assert people.refusal(people.bruno, "get", group.jid, Node("invite")) == "401"


async def test_requests_to_join(people: People) -> None:
    group = await people.group(approval=True)
    bea = await people.simulator.add_contact("Bea")
    people.chen.request_to_join(group)
    assert bea.join(group.invite_code) is None
    assert (await people.ana.group_notices.wait_for(lambda n: n.what == "created_membership_requests")).author
    listed = people.ask(people.ana, "get", group.jid, Node("membership_approval_requests")).path(
        "membership_approval_requests"
    )
    assert listed is not None
    assert [r.jid("jid") for r in listed.children()] == [people.chen.account.lid, bea.account.lid]
    assert people.refusal(people.bruno, "get", group.jid, Node("membership_approval_requests")) == "403"
    approve = Node("approve", {}, [person(people.chen), person(people.bruno)])
    request = Node("membership_requests_action", {}, [approve])
    assert people.refusal(people.bruno, "set", group.jid, request) == "403"
    answer = people.ask(people.ana, "set", group.jid, request).child("membership_requests_action")
    assert answer is not None
    assert errors(answer, "approve") == ["", "404"]
    assert group.role(people.chen) == "member"
    assert [outcome.error for outcome in group.reject(bea, by=people.ana)] == [0]
    assert (group.role(bea), group.waiting) == (None, [])
    with pytest.raises(ValueError, match="approval"):
        people.chen.request_to_join(await people.group("Open"))


# --- settings ---


async def test_who_may_change_what(people: People) -> None:
    group = await people.group()
    group.rename("By a member", by=people.bruno)
    group.lock(by=people.ana)
    editor_requests = [
        Node("subject", {}, b"No"),
        Node("description", {"id": "D"}, [Node("body", {}, b"No")]),
        Node("ephemeral", {"expiration": "86400"}),
    ]
    admin_requests = [
        Node("unlocked"),
        Node("announcement"),
        Node("member_add_mode", {}, b"admin_add"),
        Node("membership_approval_mode", {}, [Node("group_join", {"state": "on"})]),
    ]
    for request in editor_requests + admin_requests:
        assert people.refusal(people.bruno, "set", group.jid, request) == "403"
        assert people.refusal(people.chen, "set", group.jid, request) == "403"
        assert people.ask(people.ana, "set", group.jid, request).get("type") == "result"
    assert (group.subject, group.locked, group.announce, group.approval_required) == ("No", False, True, True)
    assert (group.member_add_mode, group.ephemeral_seconds) == ("admin_add", 86400)
    await people.bruno.group_notices.wait_for(lambda n: n.what == "membership_approval_mode")
    assert {"subject", "description", "ephemeral", "unlocked", "announcement"} <= {
        n.what for n in people.bruno.group_notices
    }


async def test_the_description_names_its_predecessor(people: People) -> None:
    group = await people.group()
    body = [Node("body", {}, b"text")]
    first = Node("description", {"id": "D1"}, body)
    assert people.ask(people.ana, "set", group.jid, first).get("type") == "result"
    assert people.refusal(people.ana, "set", group.jid, Node("description", {"id": "D2"}, body)) == "409"
    assert people.refusal(people.ana, "set", group.jid, Node("description", {"id": "D2", "prev": "D0"}, body)) == "409"
    gone = Node("description", {"id": "D2", "prev": "D1", "delete": "true"})
    assert people.ask(people.ana, "set", group.jid, gone).get("type") == "result"
    assert group.description is None


async def test_a_timer_without_a_number_is_a_week(people: People) -> None:
    group = await people.group()
    assert people.ask(people.ana, "set", group.jid, Node("ephemeral")).get("type") == "result"
    assert group.ephemeral_seconds == 7 * 24 * 3600


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Node("subject", {}, b""), "406"),
        (Node("subject", {}, b"x" * 101), "406"),
        (Node("subject", {}, b"\xff"), "400"),
        (Node("description", {"id": "D"}, [Node("body", {}, b"x" * 2049)]), "406"),
        (Node("description", {"id": "D"}), "400"),
        (Node("ephemeral", {"expiration": "5"}), "400"),
        (Node("ephemeral", {"expiration": "soon"}), "400"),
        (Node("member_add_mode", {}, b"nobody"), "400"),
        (Node("membership_approval_mode"), "400"),
        (Node("membership_requests_action"), "400"),
        (Node("links"), "400"),
        (Node("unheard_of"), "501"),
    ],
    ids=lambda value: value.xml()[:40] if isinstance(value, Node) else value,
)
async def test_requests_that_make_no_sense(people: People, request_: Node, code: str) -> None:
    group = await people.group()
    assert people.refusal(people.ana, "set", group.jid, request_) == code


async def test_groups_that_do_not_exist_or_cannot_be_made(people: People) -> None:
    unknown = Jid("120363000000000001", "g.us")
    assert people.refusal(people.ana, "get", unknown, Node("query")) == "404"
    assert people.refusal(people.chen, "get", (await people.group()).jid, Node("query")) == "403"
    before = len(people.simulator.groups.all)
    for attrs, content, code in (
        ({}, [], "406"),
        ({"subject": "x"}, [Node("linked_parent", {"jid": unknown})], "404"),
        ({"subject": "x"}, [Node("description", {}, [Node("body", {}, b"x" * 2049)])], "406"),
        ({"subject": "x"}, [Node("ephemeral", {"expiration": "1"})], "400"),
        ({"subject": "x"}, [Node("participant")], "400"),
    ):
        assert people.refusal(people.ana, "set", ALL_GROUPS, Node("create", dict(attrs), content)) == code
    assert len(people.simulator.groups.all) == before
    with pytest.raises(KeyError, match="Nowhere"):
        people.simulator.group("Nowhere")


async def test_a_group_is_made_with_whom_it_can_be(people: People) -> None:
    people.chen.group_add = "none"
    content = [person(people.bruno), person(people.chen), Node("participant", {"jid": NOBODY})]
    group = people.ask(people.ana, "set", ALL_GROUPS, Node("create", {"subject": "New", "key": "K"}, content)).child(
        "group"
    )
    assert group is not None
    found = {p.get("phone_number") or p.get("jid"): p for p in group.children("participant")}
    assert found[str(people.chen.account.pn)].get("error") == "403"
    assert found[str(people.chen.account.pn)].child("add_request") is not None
    assert found[str(NOBODY)].get("error") == "404"
    assert found[str(people.ana.account.pn)].get("type") == "superadmin"
    made = people.simulator.group("New")
    assert made.participants == [people.ana.account, people.bruno.account]
    assert group.get("size") == "2"
    with pytest.raises(ValueError, match="cannot be added"):
        await people.simulator.add_group("Unwilling", [people.ana, people.chen])


async def test_pictures_of_groups(people: People) -> None:
    group = await people.group()
    attrs: dict[str, Attr] = {"xmlns": "w:profile:picture", "to": Jid("", "s.whatsapp.net"), "target": group.jid}
    look = Node("iq", {**attrs, "type": "get", "id": "1"}, [Node("picture", {"type": "image", "query": "url"})])
    put = Node("iq", {**attrs, "type": "set", "id": "2"}, [Node("picture", {"type": "image"}, b"\xff\xd8jpeg")])
    assert people.submit(people.ana, look).path("error") is not None
    assert people.submit(people.bruno, put).path("picture") is not None
    seen = people.submit(people.ana, look).child("picture")
    assert seen is not None
    assert seen.get("url").startswith("https://")
    for node, code in ((look, "401"), (put, "403")):
        error = people.submit(people.chen, node).child("error")
        assert error is not None
        assert error.get("code") == code
    assert people.submit(people.ana, Node("iq", {**attrs, "type": "set", "id": "3"})).get("type") == "result"
    assert group.picture is None
    removed = await people.bruno.group_notices.wait_for(lambda n: n.node.child("delete") is not None)
    assert removed.what == "picture"


async def test_the_cast_has_a_group() -> None:
    simulator = Simulator()
    await simulator.add_cast()
    group = simulator.group("Weekend trip")
    assert group.role(simulator.phone) == "superadmin"
    assert [simulator.contact(a.number).name for a in group.participants[1:]] == ["Ana", "Bruno", "Chen"]
    simulator.phone.say(group, "Ana, when do we start?")
    answer = await simulator.phone.received.wait_for(lambda m: m.group == group.jid)
    assert answer.sender == simulator.contact("Ana").account.lid
    for contact in simulator.contacts:
        await contact.stop()


# --- what newer clients ask for ---


async def test_several_groups_in_one_request(people: People) -> None:
    mine, theirs = await people.group(), await people.simulator.add_group("Theirs", [people.chen, people.ana])
    wanted = [Node("group", {"jid": jid}) for jid in (mine.jid, theirs.jid, Jid("1", "g.us"))]
    answer = people.ask(people.bruno, "get", ALL_GROUPS, Node("query", {}, wanted)).child("groups")
    assert answer is not None
    found = [(node.get("id"), node.get("subject"), node.get("error")) for node in answer.children("group")]
    assert found == [(mine.id, "Trip", ""), (theirs.id, "", "403"), ("1", "", "404")]
    assert people.refusal(people.bruno, "get", ALL_GROUPS, Node("query", {}, [Node("group")])) == "400"


@pytest.mark.parametrize(
    ("on", "off"),
    [
        ("no_frequently_forwarded", "frequently_forwarded_ok"),
        ("allow_admin_reports", "not_allow_admin_reports"),
        ("group_history", "no_group_history"),
    ],
)
async def test_switches_that_are_shown_and_told(on: str, off: str, people: People) -> None:
    group = await people.group()
    assert people.refusal(people.bruno, "set", group.jid, Node(on)) == "403"
    for tag in (on, off):
        people.ask(people.ana, "set", group.jid, Node(tag))
        await people.bruno.group_notices.wait_for(partial(says, tag))
        shown = people.ask(people.bruno, "get", group.jid, Node("query", {"request": "interactive"})).child("group")
        assert shown is not None and (shown.child(on) is not None) is (tag == on)


async def test_settings_that_are_changed_by_graphql(people: People) -> None:
    group = await people.group()

    def update(who: VirtualContact, group_id: str, change: object) -> str:
        """The error, or nothing."""
        variables = json.dumps({"variables": {"group_id": group_id, "update": change}}).encode()
        request = Node("iq", {"xmlns": "w:mex", "type": "get", "to": Jid("", "s.whatsapp.net"), "id": "1"})
        request.content = [Node("query", {"query_id": "9418211574894172"}, variables)]
        answers: list[Node] = []
        people.simulator.router.dispatch(who.device, request, answers.append)
        result = answers[0].child("result")
        assert result is not None
        told = json.loads(result.data)
        if "errors" not in told:
            assert told["data"]["xwa2_group_update_property"] == {"id": group_id, "state": "ACTIVE"}
        return str(told["errors"][0]["extensions"]["error_code"]) if "errors" in told else ""

    jid, all_link = str(group.jid), {"member_link_mode": "ALL_MEMBER_LINK"}
    assert people.refusal(people.bruno, "get", group.jid, Node("invite")) == "401"
    assert update(people.bruno, jid, all_link) == "403"
    assert update(people.ana, jid, all_link) == ""
    assert people.ask(people.bruno, "get", group.jid, Node("invite")).child("invite") is not None
    assert people.refusal(people.bruno, "set", group.jid, Node("invite")) == "401", "reading is not changing"
    for limited in (True, False):
        assert update(people.ana, jid, {"limit_sharing": {"limit_sharing_enabled": limited}}) == ""
        assert ("limit_sharing_enabled" in group.switches) is limited
    assert update(people.ana, jid, {"colour": "red"}) == "400"
    assert update(people.ana, "1@g.us", all_link) == "404"


async def test_a_personal_invitation_is_taken_back(people: People) -> None:
    group = await people.group()
    people.chen.group_add = "none"
    (outcome,) = group.add(people.chen, by=people.ana)
    assert outcome.add_request is not None and group.add_requests
    assert people.refusal(people.bruno, "set", group.jid, Node("revoke", {}, [person(people.chen)])) == "403"
    answer = people.ask(people.ana, "set", group.jid, Node("revoke", {}, [person(people.chen)]))
    assert answer.path("revoke", "participant") is not None
    assert group.add_requests == {}


async def test_a_member_says_that_it_noticed(people: People) -> None:
    group = await people.group()
    assert people.ask(people.bruno, "set", group.jid, Node("ack")).get("type") == "result"
    assert people.refusal(people.chen, "set", group.jid, Node("ack")) == "403"


async def test_a_group_is_made_with_a_link_for_all(people: People) -> None:
    link = Node("member_link_mode", {}, b"all_member_link")
    answer = people.ask(
        people.ana, "set", ALL_GROUPS, Node("create", {"subject": "Open"}, [person(people.bruno), link])
    )
    shown = answer.path("group", "member_link_mode")
    assert shown is not None and shown.data == b"all_member_link"
