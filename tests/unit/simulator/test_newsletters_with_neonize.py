"""Newsletters, status posts, calls and pictures as the real neonize sees them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.unit.simulator.linked import Linked, linked_client
from tests.unit.simulator.neonize_client import DriverError, Event
from whatsapp_mcp.simulator.service.newsletters.newsletter import Newsletter

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="Go reads SSL_CERT_FILE on Linux only"),
]

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
PICTURE = b"\xff\xd8 a picture " * 100


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def linked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Linked]:
    async with linked_client(tmp_path_factory.mktemp("newsletters")) as everything:
        yield everything


async def test_following_and_leaving(linked: Linked) -> None:
    news = linked.simulator.add_newsletter("Good news", "Only good ones", posts=["one"], subscribers=41, picture=JPEG)
    assert await linked.client.call("newsletters") == []
    invited = await linked.client.call("newsletter_by_invite", key=news.link)
    assert invited["ID"]["User"] == news.id
    await linked.client.call("follow", newsletter=str(news.jid))
    assert linked.simulator.phone.account in news.followers
    (listed,) = await linked.client.call("newsletters")
    meta = listed["ThreadMeta"]
    assert (meta["Name"]["Text"], meta["Description"]["Text"]) == ("Good news", "Only good ones")
    assert (int(meta["SubscriberCount"]), meta["InviteCode"]) == (42, news.invite)
    assert meta["Picture"]["DirectPath"] == (news.picture.direct_path if news.picture else None)
    assert listed["ViewerMeta"]["Role"] == "SUBSCRIBER"
    await linked.client.call("mute_newsletter", newsletter=str(news.jid), mute=True)
    assert news.followers[linked.simulator.phone.account].muted
    info = await linked.client.call("newsletter", newsletter=str(news.jid))
    assert info["ViewerMeta"]["Mute"] == "ON"
    await linked.client.call("unfollow", newsletter=str(news.jid))
    assert await linked.client.call("newsletters") == []
    with pytest.raises(DriverError, match="404"):
        await linked.client.call("unfollow", newsletter=str(news.jid))
    with pytest.raises(DriverError, match="404"):
        await linked.client.call("newsletter", newsletter="120363000000000001@newsletter")


async def test_following_on_the_phone_is_told(linked: Linked) -> None:
    news, start = linked.simulator.add_newsletter("From the phone"), len(linked.client.events)
    news.follow(linked.simulator.phone)
    event = await linked.client.event("NewsletterJoin", start=start)
    assert event["NewsletterMetadata"]["ID"]["User"] == news.id
    news.unfollow(linked.simulator.phone)
    event = await linked.client.event("NewsletterLeave", start=start)
    assert event["ID"]["User"] == news.id


async def test_posts_arrive_and_can_be_read_later(linked: Linked) -> None:
    news = linked.simulator.add_newsletter("Daily", posts=["Monday"], followed=True)
    post = news.post("Tuesday")
    event = await linked.incoming(post.id)
    assert event["Message"]["conversation"] == "Tuesday"
    assert (event["Info"]["ServerID"], event["Info"]["MessageSource"]["Chat"]["User"]) == (str(post.server_id), news.id)
    picture = news.post_image(PICTURE, caption="Wednesday")
    event = await linked.incoming(picture.id)
    assert event["Message"]["imageMessage"]["caption"] == "Wednesday"
    assert await linked.download(event["Message"]) == PICTURE
    messages = await linked.client.call("newsletter_messages", newsletter=str(news.jid), count=2)
    assert [int(m["MessageServerID"]) for m in messages] == [101, 102]
    older = await linked.client.call("newsletter_messages", newsletter=str(news.jid), count=10, before=101)
    assert [m["Message"]["conversation"] for m in older] == ["Monday"]


async def test_edits_and_deletions_of_posts(linked: Linked) -> None:
    news = linked.simulator.add_newsletter("Corrections", followed=True)
    post = news.post("frist")
    await linked.incoming(post.id)
    start = len(linked.client.events)
    news.edit(post, "first")
    event = (await linked.client.events.wait_for(lambda e: e.name == "Message", start=start)).data
    assert (event["Info"]["ID"], event["Info"]["Edit"]) == (post.id, "3")
    assert event["Message"]["conversation"] == "first"


async def own_newsletter(linked: Linked, name: str) -> Newsletter:
    made = await linked.client.call("create_newsletter", name=name, description="by me")
    return linked.simulator.newsletter(f"{made['ID']['User']}@newsletter")


async def test_the_owner_posts(linked: Linked) -> None:
    news = await own_newsletter(linked, "Mine")
    assert news.followers[linked.simulator.phone.account].role == "owner"
    sent = await linked.client.call("send", to=str(news.jid), message={"conversation": "hello, world"})
    assert (sent["ID"], int(sent["ServerID"])) == (news.posts[0].id, news.posts[0].server_id)
    assert news.posts[0].text == "hello, world"
    up = await linked.client.call("upload", kind="MediaImage", path=linked.file(PICTURE), newsletter=True)
    image = {"directPath": up["DirectPath"], "URL": up["url"], "fileSHA256": up["FileSHA256"], "mimetype": "image/jpeg"}
    await linked.client.call("send", to=str(news.jid), message={"imageMessage": {**image, "fileLength": len(PICTURE)}})
    stored = linked.simulator.world.media.find(up["DirectPath"])
    assert stored is not None
    assert b"".join(stored.blob.pieces()) == PICTURE
    assert news.posts[1].kind == "media"


async def test_the_owner_corrects_and_deletes(linked: Linked) -> None:
    news = await own_newsletter(linked, "Corrected")
    sent = await linked.client.call("send", to=str(news.jid), message={"conversation": "frist"})
    await linked.client.call("edit", chat=str(news.jid), message_id=sent["ID"], text="first")
    assert [post.text for post in news.posts] == ["first"]
    await linked.client.call("revoke", chat=str(news.jid), sender="", message_id=sent["ID"])
    assert news.posts[0].message is None


async def test_who_may_not_post(linked: Linked) -> None:
    news = linked.simulator.add_newsletter("Not mine", owner=linked.ana, followed=True)
    with pytest.raises(DriverError, match="403"):
        await linked.client.call("send", to=str(news.jid), message={"conversation": "let me in"})
    with pytest.raises(DriverError, match="404"):
        await linked.client.call("send", to="120363000000000001@newsletter", message={"conversation": "anybody?"})
    assert len(news.posts) == 0


async def test_reactions_views_and_live_updates(linked: Linked) -> None:
    news = linked.simulator.add_newsletter("Lively", posts=["look"], followed=True)
    post = news.posts[0]
    assert await linked.client.call("live_updates", newsletter=str(news.jid)) > 0
    start = len(linked.client.events)
    news.react(linked.ana, post, "❤️")
    event = await linked.client.event("NewsletterLiveUpdate", start=start)
    assert event["JID"]["User"] == news.id
    await linked.client.call("react_newsletter", newsletter=str(news.jid), server_id=post.server_id, emoji="👍")
    async with asyncio.timeout(60):
        while linked.simulator.phone.account not in post.reactions:
            await asyncio.sleep(0.01)
    assert post.reaction_counts == {"❤️": 1, "👍": 1}
    await linked.client.call("view_newsletter", newsletter=str(news.jid), server_ids=[post.server_id])
    assert post.views == 1
    (update,) = await linked.client.call("newsletter_updates", newsletter=str(news.jid))
    assert int(update["ViewsCount"]) == 1


# --- what else reaches a client ---


async def test_status_posts(linked: Linked) -> None:
    for text in ("sunset", "sunrise"):
        sent = linked.ana.post_status(text)

        def fits(event: Event, message_id: str = sent.id) -> bool:
            # The key comes before the post, as a message event of its own with the same id.
            known = event.name == "Message" and event.data["Info"]["ID"] == message_id
            return known and "extendedTextMessage" in event.data["Message"]

        event = (await linked.client.events.wait_for(fits)).data
        source = event["Info"]["MessageSource"]
        assert (source["Chat"]["User"], source["Chat"]["Server"]) == ("status", "broadcast")
        assert source["Sender"]["User"] == linked.ana.account.lid_user
        assert event["Message"]["extendedTextMessage"]["text"] == text


async def test_a_status_post_of_the_client(linked: Linked) -> None:
    await linked.client.call("send", to="status@broadcast", message={"conversation": "from the desk"})
    post = await linked.ana.wait_for_message(lambda m: m.text == "from the desk")
    assert (str(post.chat), post.sender.bare) == ("status@broadcast", linked.simulator.phone.account.lid)


async def test_calls_ring_and_are_rejected(linked: Linked) -> None:
    start = len(linked.client.events)
    call = linked.ana.call()
    offer = await linked.client.event("CallOffer", start=start)
    assert offer["basicCallMeta"]["callID"] == call.id
    assert offer["basicCallMeta"]["from"]["User"] == linked.ana.account.lid_user
    await linked.client.call("reject_call", who=str(linked.ana.account.lid), call_id=call.id)
    await call.wait_for("reject")
    assert call.rejected
    with pytest.raises(KeyError):
        linked.ana.find_call("another")
    missed = linked.ana.call(video=True)
    missed.end()
    ended = await linked.client.event("CallTerminate", start=start)
    assert ended["basicCallMeta"]["callID"] == missed.id
    await linked.incoming(linked.ana.say("sorry, wrong number").id)  # the ciphertexts in offers disturb nothing


async def test_pictures_of_people(linked: Linked) -> None:
    profile, ana = linked.simulator.profile, linked.ana.account
    start = len(linked.client.events)
    picture = profile.set_picture(ana, JPEG)
    event = await linked.client.event("Picture", start=start)
    assert event["JID"]["User"] == ana.lid_user
    shown = await linked.client.call("picture", who=linked.ana.number)
    assert (shown["ID"], shown["DirectPath"]) == (picture.id, picture.direct_path)
    ana.privacy["profile"] = "none"
    with pytest.raises(DriverError, match="hidden"):
        await linked.client.call("picture", who=linked.ana.number)
    ana.privacy["profile"] = "all"
    start = len(linked.client.events)
    profile.remove_picture(ana)
    assert (await linked.client.event("Picture", start=start))["Remove"] is True
    with pytest.raises(DriverError):
        await linked.client.call("picture", who=linked.ana.number)
