"""Who runs a newsletter: invitations to be an admin, demotion, another owner; and what admins set and see."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.simulator.test_newsletters import CREATE, FETCH, UPDATE, error_of, query
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.service.newsletters.newsletter import Newsletter

INVITE, REVOKE, ACCEPT, PENDING = "9387141988078609", "9656078347839416", "9580828702035549", "9783111038412085"
OWNER, DEMOTE, REACTED = "7341777602580933", "6551828931592903", "29575462448733991"


def roles(newsletter: Newsletter) -> dict[str, str]:
    return {account.push_name: follower.role for account, follower in newsletter.followers.items()}


async def test_an_invitation_makes_an_admin_and_an_admin_may_become_the_owner() -> None:
    simulator = Simulator()
    ana, bea = [await simulator.add_contact(name) for name in ("Ana", "Bea")]
    news = simulator.add_newsletter("News", owner=simulator.phone)
    about: dict[str, Any] = {"newsletter_id": str(news.jid), "user_id": str(ana.account.pn)}
    assert error_of(query(simulator, ACCEPT, ana.device, **about)) == 403
    until = query(simulator, INVITE, **about)["data"]["xwa2_newsletter_admin_invite_create"]["invite_expiration_time"]
    assert int(until) > simulator.world.clock()
    query(simulator, INVITE, **about | {"user_id": str(bea.account.lid)})
    assert "data" in query(simulator, REVOKE, **about | {"user_id": str(bea.account.lid)})
    assert error_of(query(simulator, REVOKE, **about | {"user_id": str(bea.account.lid)})) == 404
    told = query(simulator, PENDING, **about)["data"]
    waiting = [{"user": {"id": str(ana.account.lid), "pn": str(ana.account.pn)}}]
    assert told["xwa2_newsletter_admin"]["pending_admin_invites"] == waiting
    assert told["xwa2_newsletter_subscribers"]["subscribers"] == 1
    assert (
        query(simulator, PENDING, ana.device, **about)["data"]["xwa2_newsletter_admin"]["pending_admin_invites"] == []
    )
    assert query(simulator, ACCEPT, ana.device, **about)["data"]["xwa2_newsletter_admin_invite_accept"]
    assert roles(news) == {"Robin": "owner", "Ana": "admin"}
    assert error_of(query(simulator, OWNER, ana.device, **about)) == 403
    assert query(simulator, OWNER, **about)["data"]["xwa2_newsletter_change_owner"] == {"id": str(news.jid)}
    assert roles(news) == {"Robin": "admin", "Ana": "owner"}
    own = about | {"user_id": str(simulator.phone.account.lid)}
    assert query(simulator, DEMOTE, **own)["data"]["xwa2_newsletter_demote"] == {"id": str(news.jid)}
    assert roles(news) == {"Robin": "subscriber", "Ana": "owner"}
    assert error_of(query(simulator, DEMOTE, ana.device, **own)) == 404
    assert error_of(query(simulator, OWNER, ana.device, **own | {"user_id": "nobody"})) == 404


async def test_an_invitation_ends_with_its_week() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    news = simulator.add_newsletter("News", owner=simulator.phone)
    news.invited[ana.account] = int(simulator.world.clock()) - 1
    with pytest.raises(KeyError, match="expired"):
        news.accept_invitation(ana)
    assert roles(news) == {"Robin": "owner"}


def test_which_reactions_there_may_be_and_that_a_picture_goes() -> None:
    simulator = Simulator()
    settings = {"reaction_codes": {"value": "BASIC"}}
    query(simulator, CREATE, input={"name": "Mine", "description": None, "settings": settings})
    news = simulator.newsletter("Mine")
    assert news.reaction_mode == "basic"
    simulator.newsletters.set_picture(news, b"\xff\xd8jpeg")
    about: dict[str, Any] = {"newsletter_id": str(news.jid)}
    query(simulator, UPDATE, **about, updates={"settings": {"reaction_codes": {"value": "none"}}})
    query(simulator, UPDATE, **about, updates={"picture": "", "settings": None})
    assert (news.reaction_mode, news.picture) == ("none", None)
    assert (
        error_of(query(simulator, UPDATE, **about, updates={"settings": {"reaction_codes": {"value": "some"}}})) == 400
    )
    told = query(simulator, FETCH, input={"key": str(news.jid), "type": "JID"})["data"]["xwa2_newsletter"]
    assert told["thread_metadata"]["settings"] == {"reaction_codes": {"value": "none"}}


async def test_who_reacted() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    news = simulator.add_newsletter("News", posts=["one"])
    news.react(ana, news.posts[0], "👍")
    (reaction,) = query(simulator, REACTED, input={"id": str(news.jid), "server_id": "100"})["data"][
        "xwa2_newsletters_reaction_sender_list"
    ]["reactions"]
    assert reaction["reaction_code"] == "👍"
    assert [edge["node"]["id"] for edge in reaction["sender_list"]["edges"]] == [str(ana.account.lid)]
    assert error_of(query(simulator, REACTED, input={"id": str(news.jid), "server_id": "7"})) == 404
