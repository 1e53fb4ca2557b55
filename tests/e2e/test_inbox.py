"""What is new, in which chat it is, and what placeholders say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio

from tests.e2e.harness import Host, chats_with, host_on, whatsapp
from tests.e2e.shared import SharedAccount
from tests.e2e.test_messages import row_where
from whatsapp_mcp.client.rows import complete
from whatsapp_mcp.simulator import Simulator


async def arrived(host: Host, **wanted: Any) -> None:
    """Wait until a message is in the inbox."""
    with anyio.fail_after(120):
        while True:
            inbox = await host.call("checkInbox")
            if any(all(row.get(key) == value for key, value in wanted.items()) for row in inbox["data"]):
                return
            await anyio.sleep(0.05)


async def unread_of(host: Host, chat: str) -> int:
    chats = (await host.call("listChats"))["data"]
    return next((int(one.get("unread_count", 0)) for one in chats if one["chat_jid"].startswith(chat)), 0)


async def test_the_inbox(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, tmp_path / "data") as host:
        await host.pair(simulator)
        for claim in (
            a_post_of_a_channel_is_no_message_from_a_person,
            what_the_owner_writes_to_the_own_chat_is_news,
            an_answer_that_comes_at_once_is_unread,
            it_counts,
        ):
            assert (await host.call("checkInbox"))["data"] == [], claim
            await claim(simulator, host)
        await all_that_happened_is_told_once(simulator, host)
        dan = await simulator.add_contact("Dan")
        said = dan.say("one more")
        await arrived(host, message_id=said.id)
        async with host_on(endpoint, tmp_path / "data") as other:  # the same client, after a restart
            assert [[line["message_id"] for line in row["lines"]] for row in await news(other)] == [[said.id]]
        assert await news(host) == []


async def news(host: Host, **arguments: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await host.call("catchUp", **arguments))["data"]
    return rows


async def all_that_happened_is_told_once(simulator: Simulator, host: Host) -> None:
    assert await news(host), "all of the other claims, which nobody has looked at"
    assert await news(host) == []
    cleo, dora = await simulator.add_contact("Cleo"), await simulator.add_contact("Dora")
    group = await simulator.add_group("Choir", [simulator.phone, cleo, dora], owner=cleo)
    question = cleo.say("are you coming?")
    call = dora.call()
    await arrived(host, kind="call")
    call.end()
    await arrived(host, content="Missed call")
    named = dora.say("look at this", to=group, mentions=[simulator.phone.account])
    group.rename("Chess club", by=cleo)
    await arrived(host, message_id=question.id)
    await arrived(host, message_id=named.id)
    with anyio.fail_after(120):  # what happens to a group comes without a message
        while "Chess club" not in str((await host.call("searchMessages", kind="notice"))["data"]):
            await anyio.sleep(0.05)
    found = {row["chat_name"]: row for row in await news(host)}
    assert set(found) == {"Cleo", "Dora", "Chess club"}
    assert [line["unanswered"] for line in found["Cleo"]["lines"]] == ["question"]
    assert found["Dora"]["missed_calls"] == 1
    club = found["Chess club"]
    assert (club["mentions"], club["unanswered"], club["wrote"][0]["name"]) == (1, 1, "Dora")
    assert club["group_changes"] >= 1
    assert await news(host) == []
    again = {row["chat_name"]: row for row in await news(host, since="1h")}
    await host.call("sendMessage", phone=cleo.number, message="yes")
    assert again["Cleo"]["unanswered"] == 1
    [row] = [row for row in await news(host, since="1h") if row["chat_name"] == "Cleo"]
    assert "unanswered" not in row
    assert [line["content"] for line in row["lines"]] == ["are you coming?", "yes"]


async def an_answer_that_comes_at_once_is_unread(simulator: Simulator, host: Host) -> None:
    clock, simulator.world.clock = simulator.world.clock, lambda: 1_790_000_000.0  # all within one second
    shop = await simulator.add_contact("Shop")
    before = shop.say("hello")
    await arrived(host, message_id=before.id)
    await host.call("sendMessage", phone=shop.number, message="are you open?")
    await shop.wait_for_message()
    answer = shop.say("we are")
    await arrived(host, message_id=answer.id)
    inbox = await host.call("checkInbox")
    assert [row["message_id"] for row in inbox["data"]] == [answer.id], "what was before ours is read"
    assert (inbox["total_messages"], inbox["total_chats"], inbox["more"]) == (1, 1, False)
    assert await unread_of(host, shop.number) == 1
    simulator.world.clock = clock
    await host.call("readMessage", message_id=answer.id, phone=shop.number)


async def it_counts(simulator: Simulator, host: Host) -> None:
    cursor = await host.cursor()
    ana, ben = await simulator.add_contact("Ana"), await simulator.add_contact("Ben")
    said = [contact.say(f"{contact.name} {number}") for number in range(3) for contact in (ana, ben)]
    await arrived(host, message_id=said[-1].id)
    unread = await host.call("checkInbox", limit=4)
    assert [row["message_id"] for row in unread["data"]] == [one.id for one in said[2:]], "the newest"
    assert (unread["total_messages"], unread["total_chats"], unread["more"]) == (6, 2, True)
    body = (await host.raw("checkInbox", {"cursor": cursor, "limit": 4})).structured_content
    assert body is not None
    assert [row["message_id"] for row in complete(body["results"])["data"]] == [one.id for one in said[:4]], "the first"
    assert (body["results"]["total_messages"], body["results"]["more"]) == (6, True)
    rest = await host.call("checkInbox", cursor=body["next_cursor"], limit=4)
    assert [row["message_id"] for row in rest["data"]] == [one.id for one in said[4:]]
    assert (rest["total_messages"], rest["more"]) == (2, False)


async def what_the_owner_writes_to_the_own_chat_is_news(simulator: Simulator, host: Host) -> None:
    cursor, own = await host.cursor(), simulator.phone.account
    said = simulator.phone.say(own, "agent, what is on today?")
    waited = await host.call("waitForMessage", cursor=cursor, timeout=40)
    assert waited["message"]["message_id"] == said.id
    assert (await host.call("waitForMessage", cursor=cursor, timeout=40, phone=own.number))["timed_out"] is False
    await arrived(host, message_id=said.id, is_from_me=True)
    await host.call("sendMessage", phone=own.number, message="nothing is")
    assert (await host.call("checkInbox"))["data"] == [], "answered"
    again = await host.call("waitForMessage", cursor=waited["cursor"], timeout=0)
    assert again["timed_out"], "what this server sends wakes nobody who waits here"
    said = simulator.phone.say(own, "thanks")
    await arrived(host, message_id=said.id)
    await host.call("readMessage", message_id=said.id, phone=own.number)
    assert (await host.call("checkInbox"))["data"] == []


async def a_post_of_a_channel_is_no_message_from_a_person(simulator: Simulator, host: Host) -> None:
    channel = simulator.add_newsletter("News", followed=True)
    cursor = await host.cursor()
    channel.post("read all about it")
    with anyio.fail_after(120):
        while not (posts := (await host.call("checkInbox", channels=True))["data"]):
            await anyio.sleep(0.05)
    assert posts[0]["content"] == "read all about it"
    assert (await host.call("waitForMessage", cursor=cursor, timeout=0))["timed_out"]
    assert (await host.call("checkInbox"))["data"] == (await host.call("checkInbox", cursor=cursor))["data"] == []
    asked = await host.call("waitForMessage", phone=posts[0]["chat_jid"], cursor=cursor, timeout=0)
    assert asked["message"]["message_id"] == posts[0]["message_id"]
    channel.edit(channel.posts[0], "read nothing about it")
    await row_where(host, posts[0]["chat_jid"], message_id=posts[0]["message_id"], content="read nothing about it")
    assert len((await host.call("checkInbox", channels=True))["data"]) == 1


async def test_what_comes_by_a_broadcast_list_is_in_the_chat_with_its_author(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        sent = ana.say_to_list("sale today only", list_id="1795800000")
        waited = await host.call("waitForMessage", cursor=cursor, phone=ana.number, timeout=40)
        row = waited["message"]
        assert (row["message_id"], row["details"]["broadcast_list"]) == (sent.id, "1795800000@broadcast")
        assert [chat["chat_jid"] for chat in await chats_with(host, ana)] == [row["chat_jid"]]
        assert not [
            chat for chat in (await host.call("listChats", limit=100))["data"] if "broadcast" in chat["chat_jid"]
        ]
        await host.call("sendMessage", phone=ana.number, message="how much?", reply_message_id=sent.id)
        assert (await ana.wait_for_message()).text == "how much?"
        await host.call("readMessage", message_id=sent.id, phone=ana.number)
        assert await unread_of(host, ana.number) == 0


async def test_what_only_the_phone_shows_says_so(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        once, other = ana.send_for_phone_only(), ana.send_for_phone_only("")
        row = await row_where(host, ana.number, message_id=once)
        assert (row["kind"], row["view_once"]) == ("undecryptable", True)
        assert "view-once" in row["details"]["note"]
        row = await row_where(host, ana.number, message_id=other)
        assert "view_once" not in row
        assert "phone" in row["details"]["note"]


async def test_what_is_about_another_message_leaves_no_placeholder(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        said = ana.say("one")
        await row_where(host, ana.number, message_id=said.id)
        simulator.faults.corrupt_messages(times=1)
        ana.react("👍", said)
        row = await row_where(host, ana.number, message_id=said.id, reactions=[reaction_of(simulator, ana.number)])
        assert row["content"] == "one"
        simulator.faults.corrupt_messages(times=1)
        ana.edit(said, "uno")
        await row_where(host, ana.number, message_id=said.id, content="uno")
        rows = (await host.call("getChatMessages", chat_jid=ana.number))["data"]
        assert [one["message_id"] for one in rows] == [said.id]
        assert await unread_of(host, ana.number) == 1


def reaction_of(simulator: Simulator, number: str) -> dict[str, str]:
    return {"sender_jid": f"{number}@s.whatsapp.net", "sender_name": "Ana", "emoji": "👍"}
