"""What else people send: votes, sealed edits, calls, places, cards, links, albums, stickers, status; and forwarding."""

from __future__ import annotations

from typing import Any

import anyio

from tests.e2e.harness import Host, Json, chats_with
from tests.e2e.shared import SharedAccount
from tests.e2e.test_messages import row_where
from tests.unit.media import samples


async def votes_of(host: Host, chat: str, poll_id: str, wanted: dict[str, int]) -> list[Json]:
    votes: list[Json] = []
    with anyio.move_on_after(120):
        while True:
            row = await row_where(host, chat, message_id=poll_id)
            votes = row["details"].get("votes", [])
            if {vote["option"]: vote["count"] for vote in votes} == wanted:
                return votes
            await anyio.sleep(0.05)
    raise AssertionError(f"wanted {wanted}, got {votes}")


async def test_votes_are_opened_and_counted(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        sent = await host.call("sendPoll", phone=ana.number, question="When?", options=["Fri", "Sat"], max_answer=2)
        poll = await ana.wait_for_message()
        ana.vote(poll, ["Fri", "Sat"])
        votes = await votes_of(host, ana.number, sent["message_id"], {"Fri": 1, "Sat": 1})
        assert [one["jid"] for one in votes[0]["voters"]] == [f"{ana.number}@s.whatsapp.net"]
        ana.vote(poll, ["Sat"])
        await votes_of(host, ana.number, sent["message_id"], {"Fri": 0, "Sat": 1})
        hers = ana.send_poll("Pizza?", ["yes", "no"])
        await row_where(host, ana.number, message_id=hers.id)
        ana.vote(hers, ["yes"])
        await votes_of(host, ana.number, hers.id, {"yes": 1, "no": 0})


async def test_sealed_edit(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        said = ana.say("at eigth")
        await row_where(host, ana.number, message_id=said.id)
        ana.edit_secretly(said, "at eight")
        row = await row_where(host, ana.number, message_id=said.id, content="at eight")
        assert row["edited"]


async def test_places_cards_links_stickers_and_albums(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        place = ana.send_location(48.85, 2.35, name="Café", address="Rue 1")
        card = ana.send_contacts(("Bruno", "351912345678"))
        link = ana.send_link("see https://example.com", "https://example.com", title="Example", description="A page")
        sticker = ana.send_sticker(samples.jpeg())
        album = ana.send_album([samples.jpeg(), samples.jpeg(48)], caption="two")
        row = await row_where(host, ana.number, message_id=place.id)
        assert (row["kind"], row["details"]["latitude"], row["content"]) == ("location", 48.85, "Café, Rue 1")
        row = await row_where(host, ana.number, message_id=card.id)
        assert (row["kind"], row["content"]) == ("contact", "Bruno")
        assert "351912345678" in row["details"]["vcards"][0]
        row = await row_where(host, ana.number, message_id=link.id)
        assert (row["kind"], row["details"]["title"]) == ("text", "Example")
        assert (await row_where(host, ana.number, message_id=sticker.id))["kind"] == "sticker"
        kinds = [(await row_where(host, ana.number, message_id=one.id))["kind"] for one in album]
        assert kinds == ["album", "image", "image"]


async def test_status_stays_out_of_chats(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        ana.post_status("at the beach")
        ana.say("and a message")
        waited = await host.call("waitForMessage", cursor=cursor, timeout=40)
        assert waited["message"]["content"] == "and a message"
        assert len(await chats_with(host, ana)) == 1
        assert not [chat for chat in (await host.call("listChats", limit=100))["data"] if "status" in chat["chat_jid"]]


async def test_call_is_kept_and_rejected(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        ana.say("warm up")
        await row_where(host, ana.number, content="warm up")
        call = ana.call()
        row = await row_where(host, ana.number, kind="call")
        assert row["message_id"] == call.id
        await host.call("rejectCall", caller_jid=ana.number, call_id=row["message_id"])
        await call.wait_for("reject")


async def test_forward_and_disappearing_timer(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await simulator.add_contact("Ana"), await simulator.add_contact("Bruno")
        said = ana.send_image(samples.jpeg(), caption="look")
        await row_where(host, ana.number, message_id=said.id)
        await host.call("forwardMessage", message_id=said.id, phone=bruno.number)
        forwarded = await bruno.wait_for_message()
        assert (forwarded.kind, forwarded.text, forwarded.summary.forwarded) == ("image", "look", True)
        assert await forwarded.download() == samples.jpeg()
        await host.call("forwardMessage", message_id=said.id, phone=bruno.number, force_reupload=True)
        anew = await bruno.wait_for_message(lambda message: message.id != forwarded.id)
        assert await anew.download() == samples.jpeg()
        first, second = forwarded.message.imageMessage, anew.message.imageMessage
        assert first.directPath != second.directPath and first.mediaKey != second.mediaKey
        await host.call("setDisappearingTimer", chat_jid=ana.number, timer_seconds=86400)
        setting = await ana.wait_for_message(lambda message: message.kind == "disappearing")
        assert setting.message.protocolMessage.ephemeralExpiration == 86400
        await host.call("sendMessage", phone=ana.number, message="gone tomorrow")
        text = await ana.wait_for_message(lambda message: message.text == "gone tomorrow")
        assert text.summary.expiration == 86400, "the chat's timer goes along by itself"


async def test_participants_newsletter_posts_and_status(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        ana.say("hi")
        await row_where(host, ana.number, content="hi")
        group: Any = await host.call("createGroup", title="Two", participants=[ana.number])
        people = (await host.call("getGroupParticipants", group_id=group["group_id"]))["data"]
        assert {row["jid"]: row.get("name") for row in people}[f"{ana.number}@s.whatsapp.net"] == "Ana"
        news = simulator.add_newsletter("Coffee", posts=["Arabica", "Robusta"], followed=True)
        posts = (await host.call("getNewsletterMessages", newsletter_id=str(news.jid)))["data"]
        assert {post["content"] for post in posts} == {"Arabica", "Robusta"}
        status = await host.call("appStatus")
        assert (status["state"], status["is_connected"], status["is_logged_in"]) == ("connected", True, True)
