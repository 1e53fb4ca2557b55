"""Newsletters as requests see them, without a client: GraphQL, stanzas, who may what."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.service.newsletters.newsletter import Newsletter
from whatsapp_mcp.simulator.service.router import SERVER
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e

FETCH, SUBSCRIBED, CREATE = "6563316087068696", "6388546374527196", "6234210096708695"
FOLLOW, UNFOLLOW, MUTE, UPDATE = "9926858900719341", "6392786840836363", "6274038279359549", "7150902998257522"
JPEG = b"\xff\xd8jpeg"


def ask(simulator: Simulator, device: SimDevice, request: Node) -> Node:
    answers: list[Node] = []
    simulator.router.dispatch(device, request, answers.append)
    (answer,) = answers
    return answer


def query(simulator: Simulator, query_id: str, device: SimDevice | None = None, **variables: Any) -> dict[str, Any]:
    """The answer to a GraphQL query of the account's phone, or of another device."""
    content = Node("query", {"query_id": query_id}, json.dumps({"variables": variables}).encode())
    request = Node("iq", {"id": "1", "type": "get", "xmlns": "w:mex", "to": SERVER}, [content])
    result = ask(simulator, device or simulator.phone.device, request).child("result")
    assert result is not None
    answer: dict[str, Any] = json.loads(result.data)
    return answer


def error_of(answer: dict[str, Any]) -> int:
    code: int = answer["errors"][0]["extensions"]["error_code"]
    return code


def send(simulator: Simulator, to: Jid, content: Node, device: SimDevice | None = None, **attrs: str) -> Node:
    stanza: dict[str, Attr] = {"to": to, "id": simulator.world.new_id(), "type": "text", **attrs}
    return ask(simulator, device or simulator.phone.device, Node("message", stanza, [content]))


def text(content: str) -> Node:
    return Node("plaintext", {}, e2e.Message(conversation=content).SerializeToString())


def test_what_is_told_about_a_newsletter() -> None:
    simulator = Simulator()
    news = simulator.add_newsletter("News", "All of it", subscribers=9, picture=JPEG, verified=True)
    told = query(simulator, FETCH, input={"key": str(news.jid), "type": "JID"}, fetch_viewer_metadata=True)
    metadata = told["data"]["xwa2_newsletter"]
    thread = metadata["thread_metadata"]
    assert (metadata["id"], metadata["state"]) == (str(news.jid), {"type": "ACTIVE"})
    assert (thread["name"]["text"], thread["description"]["text"]) == ("News", "All of it")
    assert (thread["subscribers_count"], thread["verification"]) == ("9", "VERIFIED")
    assert thread["picture"]["direct_path"] == thread["preview"]["direct_path"]
    assert metadata["viewer_metadata"] == {"mute": "OFF", "role": "GUEST"}
    invited = query(simulator, FETCH, input={"key": news.invite, "type": "INVITE"}, fetch_viewer_metadata=False)
    assert "viewer_metadata" not in invited["data"]["xwa2_newsletter"]
    for key, kind in (("nothing", "INVITE"), ("120363000000000001@newsletter", "JID"), ("no address", "JID")):
        assert error_of(query(simulator, FETCH, input={"key": key, "type": kind})) == 404


def test_following_changes_the_list() -> None:
    simulator = Simulator()
    news = simulator.add_newsletter("News")
    assert query(simulator, SUBSCRIBED)["data"] == {"xwa2_newsletter_subscribed": []}
    followed = query(simulator, FOLLOW, newsletter_id=str(news.jid))["data"]
    assert followed["xwa2_newsletter_join_v2"]["id"] == str(news.jid)
    assert followed["xwa2_newsletter_follow"] == followed["xwa2_newsletter_join_v2"]
    muted = query(simulator, MUTE, newsletter_id=str(news.jid))["data"]
    assert muted["xwa2_newsletter_mute_v2"] == muted["xwa2_newsletter_update_viewer_settings"]
    (listed,) = query(simulator, SUBSCRIBED)["data"]["xwa2_newsletter_subscribed"]
    assert listed["viewer_metadata"] == {"mute": "ON", "role": "SUBSCRIBER"}
    left = query(simulator, UNFOLLOW, newsletter_id=str(news.jid))["data"]
    assert left["xwa2_newsletter_unfollow"] == left["xwa2_newsletter_leave_v2"]
    assert query(simulator, SUBSCRIBED)["data"] == {"xwa2_newsletter_subscribed": []}
    assert error_of(query(simulator, UNFOLLOW, newsletter_id=str(news.jid))) == 404
    assert error_of(query(simulator, MUTE, newsletter_id=str(news.jid))) == 403


def test_making_and_changing_an_own_one() -> None:
    simulator = Simulator()
    picture = base64.b64encode(JPEG).decode()
    query(simulator, CREATE, newsletter_input={"name": "Mine", "description": "d", "picture": picture})
    news = simulator.newsletter("Mine")
    assert news.picture is not None
    assert error_of(query(simulator, UNFOLLOW, newsletter_id=str(news.jid))) == 405
    query(simulator, UPDATE, newsletter_id=str(news.jid), updates={"name": "Ours", "description": ""})
    assert (news.name, news.description) == ("Ours", "")
    other = simulator.add_newsletter("Theirs", followed=True)
    assert error_of(query(simulator, UPDATE, newsletter_id=str(other.jid), updates={"name": "Mine"})) == 403


@pytest.mark.parametrize(
    "given", [{}, {"name": ""}, {"name": "x" * 101}, {"name": 1}, {"name": "x", "picture": "not base64"}]
)
def test_what_no_newsletter_can_be_made_of(given: dict[str, Any]) -> None:
    simulator = Simulator()
    assert error_of(query(simulator, CREATE, newsletter_input=given)) == 400
    assert [news.picture for news in simulator.newsletters.all if news.picture] == []


def test_newer_ids_of_the_same_queries() -> None:
    """As whatsapp-rust and Baileys 7 send them."""
    simulator = Simulator()
    made = query(simulator, "25149874324715067", input={"name": "Mine", "description": "d"})
    jid = made["data"]["xwa2_newsletter_create"]["id"]
    assert query(simulator, "8823471724422422", input={"name": "Other"})["data"]["xwa2_newsletter_create"]["id"] != jid
    news = simulator.add_newsletter("News")
    told = query(simulator, "27456920720571478", input={"key": str(news.jid), "type": "JID", "view_role": "GUEST"})
    assert told["data"]["xwa2_newsletter"]["thread_metadata"]["name"]["text"] == "News"
    query(simulator, "24404358912487870", newsletter_id=str(news.jid))
    listed = query(simulator, "25399611239711790", fetch_wamo_sub=False)["data"]["xwa2_newsletter_subscribed"]
    assert [one["thread_metadata"]["name"]["text"] for one in listed] == ["Mine", "Other", "News"]
    mute = {"newsletter_id": str(news.jid), "type": "MUTE_ADMIN_ACTIVITY", "value": "ON"}
    for kind, value, muted in (("FOLLOWER", "ON", False), ("ADMIN", "ON", True), ("ADMIN", "OFF", False)):
        answer = query(simulator, "31938993655691868", input=mute | {"type": f"MUTE_{kind}_ACTIVITY", "value": value})
        assert answer["data"]["xwa2_newsletter_update_user_setting"]["id"] == str(news.jid)
        assert news.followers[simulator.phone.account].muted is muted
    query(simulator, "9767147403369991", newsletter_id=str(news.jid))
    assert error_of(query(simulator, "31938993655691868", input=mute | {"type": "MUTE_FOLLOWER_ACTIVITY"})) == 403
    assert simulator.phone.account not in news.followers


async def test_who_runs_and_who_follows_a_newsletter() -> None:
    simulator = Simulator()
    ana, phone = await simulator.add_contact("Ana"), simulator.phone.account
    made = query(simulator, CREATE, newsletter_input={"name": "Mine"})["data"]["xwa2_newsletter_create"]
    assert made["thread_metadata"]["picture"] == {"id": "", "type": "IMAGE", "direct_path": ""}, "some read it unasked"
    news = simulator.newsletter("Mine")
    query(simulator, FOLLOW, ana.device, newsletter_id=str(news.jid))
    admins = query(simulator, "26278439461859188", newsletter_id=str(news.jid))["data"]["xwa2_newsletter_admin"]
    assert (admins["id"], admins["admin_count"]) == (str(news.jid), 1)
    able = query(simulator, "9801384413216421", newsletter_id=str(news.jid))["data"]["xwa2_newsletter_admin"]
    assert able == {"id": str(news.jid), "capabilities": []}
    wanted = {"newsletter_id": str(news.jid), "count": 10}
    edges = query(simulator, "27472091235714801", input=wanted)["data"]["xwa2_newsletter_followers"]["followers"][
        "edges"
    ]
    assert [(edge["node"]["id"], edge["node"]["pn"], edge["role"]) for edge in edges] == [
        (str(ana.account.lid), str(ana.account.pn), "SUBSCRIBER"),
        (str(phone.lid), str(phone.pn), "OWNER"),
    ]
    one = query(simulator, "27472091235714801", input=wanted | {"count": 1})["data"]["xwa2_newsletter_followers"]
    assert one["followers"]["edges"] == edges[:1]
    assert error_of(query(simulator, "27472091235714801", ana.device, input=wanted)) == 403
    told = query(simulator, "9783111038412085", ana.device, newsletter_id=str(news.jid))["data"]
    assert told["xwa2_newsletter_subscribers"] == {"id": str(news.jid), "subscribers": 2}
    for device, code in ((ana.device, 403), (None, 0), (None, 404)):
        answer = query(simulator, "30062808666639665", device, newsletter_id=str(news.jid))
        assert (error_of(answer) if "errors" in answer else 0) == code
    assert simulator.newsletters.all == []


def test_unusable_queries() -> None:
    simulator = Simulator()

    def code(content: Node) -> str:
        request = Node("iq", {"id": "1", "type": "get", "xmlns": "w:mex", "to": SERVER}, [content])
        error = ask(simulator, simulator.phone.device, request).child("error")
        return error.get("code") if error else ""

    assert code(Node("query", {"query_id": "1"}, b'{"variables": {}}')) == "501"
    assert code(Node("query", {"query_id": SUBSCRIBED}, b"no json")) == "400"
    assert code(Node("query", {"query_id": SUBSCRIBED}, b'{"variables": []}')) == "400"


async def test_who_may_post() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    news = simulator.add_newsletter("Ana's", owner=ana)
    assert send(simulator, news.jid, text("hi")).get("error") == "403"
    news.follow(simulator.phone)
    assert send(simulator, news.jid, text("hi")).get("error") == "403"
    ack = send(simulator, news.jid, text("hello"), ana.device)
    assert (ack.get("error"), ack.get("server_id")) == ("", str(news.posts[0].server_id))
    assert send(simulator, news.jid, Node("plaintext", {}, b"\xff"), ana.device).get("error") == "400"
    assert send(simulator, Jid("1", "newsletter"), text("hi")).get("error") == "404"
    assert [post.text for post in news.posts] == ["hello"]


async def test_edits_and_deletions_by_a_client() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    news = simulator.add_newsletter("Ana's", owner=ana, posts=["one"])
    post = news.posts[0]
    for version in ("two", "three", "two"):
        send(simulator, news.jid, text(version), ana.device, id=post.id, edit="3")
        assert post.text == version
    send(simulator, news.jid, Node("plaintext"), ana.device, id=post.id, edit="8")
    assert post.message is None
    assert send(simulator, news.jid, text("x"), ana.device, id="unknown", edit="3").get("error") == "404"
    assert len(news.posts) == 1


async def test_a_repeated_post_is_one_post_with_the_same_number() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    news = simulator.add_newsletter("Ana's", owner=ana)
    acks = [send(simulator, news.jid, text("hello"), ana.device, id="SAME") for _ in range(2)]
    assert [ack.get("server_id") for ack in acks] == ["100", "100"]
    assert len(news.posts) == 1


async def test_reactions_replace_each_other() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    news = simulator.add_newsletter("News", posts=["one"], followed=True)
    post = news.posts[0]
    post.crowd["👍"] = 5
    for code in ("❤️", "👍"):
        send(simulator, news.jid, Node("reaction", {"code": code}), type="reaction", server_id="100")
    news.react(ana, post, "👍")
    assert post.reaction_counts == {"👍": 7}
    send(simulator, news.jid, Node("reaction"), type="reaction", server_id="100", edit="7")
    assert post.reaction_counts == {"👍": 6}
    unknown = send(simulator, news.jid, Node("reaction", {"code": "x"}), type="reaction", server_id="7")
    assert unknown.get("error") == "404"


def read(simulator: Simulator, content: Node, to: Jid = SERVER) -> Node:
    attrs: dict[str, Attr] = {"id": "1", "type": "get", "xmlns": "newsletter", "to": to}
    return ask(simulator, simulator.phone.device, Node("iq", attrs, [content]))


def server_ids(answer: Node, *path: str) -> list[str]:
    found = answer.path(*path)
    return [message.get("server_id") for message in found.children("message")] if found else []


def test_reading_back_in_pages() -> None:
    simulator = Simulator()
    news = simulator.add_newsletter("News", posts=[str(number) for number in range(5)])

    def page(**attrs: str) -> list[str]:
        request = Node("messages", {"type": "jid", "jid": news.jid, **attrs})
        return server_ids(read(simulator, request), "messages")

    assert page(count="2") == ["103", "104"]
    assert page(count="2", before="103") == ["101", "102"]
    assert page(count="9", before="101") == ["100"]
    assert page() == ["100", "101", "102", "103", "104"]
    addressed = read(simulator, Node("messages", {"count": "2"}), news.jid)
    assert server_ids(addressed, "messages") == ["103", "104"], "without naming it once more"
    by_invite = Node("messages", {"type": "invite", "key": news.invite, "count": "1"})
    assert server_ids(read(simulator, by_invite), "messages") == ["104"]
    news.posts[3].views = 7
    updates = read(simulator, Node("message_updates", {"after": "102"}), news.jid)
    assert server_ids(updates, "message_updates", "messages") == ["103", "104"]
    unknown = read(simulator, Node("messages", {"type": "jid", "jid": Jid("1", "newsletter")})).child("error")
    assert unknown is not None
    assert unknown.get("code") == "404"


def test_finding_newsletters() -> None:
    simulator = Simulator()
    news: Newsletter = simulator.add_newsletter("News")
    assert simulator.newsletter(str(news.jid)) is news
    with pytest.raises(KeyError, match="News"):
        simulator.newsletter("Olds")
    with pytest.raises(IqError, match="406"):
        simulator.add_newsletter("Ugly", picture=b"no jpeg")
