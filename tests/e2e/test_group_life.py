"""Life in groups and around them, through MCP: who came and went, which groups we are in, calls, numbers, secrets."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.e2e.harness import Host, Json, body_of, host_on, paired, whatsapp
from tests.e2e.shared import SharedAccount
from tests.e2e.test_messages import row_where

WEEK = 7 * 86400


async def chat_where(host: Host, **wanted: object) -> Json:
    """The first chat that has these values, as soon as there is one."""
    rows: list[Json] = []
    with anyio.move_on_after(120):
        while True:
            rows = (await host.call("listChats"))["data"]
            for row in rows:
                if all(row.get(name) == value for name, value in wanted.items()):
                    return row
            await anyio.sleep(0.05)
    raise AssertionError(f"no chat with {wanted} among {rows}")


async def test_groups_have_their_names_and_timers_from_linking_on(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana, bruno = await simulator.add_contact("Ana"), await simulator.add_contact("Bruno")
        group = await simulator.add_group("Mountaineers", [simulator.phone, bruno], owner=ana)
        group.disappear_after(WEEK, by=ana)
        async with host_on(endpoint, tmp_path / "data") as host:
            await host.pair(simulator)
            chat = await chat_where(host, name="Mountaineers")
            assert (chat["chat_jid"], chat["ephemeral_expiration"]) == (str(group.jid), WEEK)
            await host.call("sendMessage", phone="mountaineers", message="hi all")
            got = await ana.wait_for_message(lambda m: m.text == "hi all", timeout=120)
            assert got.message.extendedTextMessage.contextInfo.expiration == WEEK
            group.disappear_after(0, by=ana)
            await chat_where(host, name="Mountaineers", ephemeral_expiration=None)
            await host.call("sendMessage", phone="Mountaineers", message="and stay")
            got = await ana.wait_for_message(lambda m: m.text == "and stay", timeout=120)
            assert got.message.extendedTextMessage.contextInfo.expiration == 0
            bruno.say("by number", to=group)
            row = await row_where(host, str(group.jid), content="by number")
            assert row["sender_jid"] == f"{bruno.number}@s.whatsapp.net", "known before anybody wrote"


async def test_who_came_went_and_changed_what(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana, ben = await simulator.add_contact("Ana"), await simulator.add_contact("Ben")
        cleo = await simulator.add_contact("Cleo", saved=True)
        group = await simulator.add_group("Club", [simulator.phone, ana, ben], owner=ana)
        jid = str(group.jid)
        ana.say("welcome", to=group)
        await row_where(host, jid, content="welcome")
        cursor = await host.cursor()
        ben.say("hello", to=group)
        await row_where(host, jid, content="hello")
        group.add(cleo, by=ana)
        group.promote(cleo, by=ana)
        ben.leave(group)
        group.rename("Chess club", by=ana)
        group.describe("Be kind", by=cleo)
        group.announce_only(by=ana)
        await row_where(host, jid, content='"Ana" let only admins send messages')
        for told in (
            '"Ana" created the group',
            '"Ana" added "Cleo"',  # her name comes with the contacts, some time after the connection
            '"Ana" made "Cleo" admin',
            '"Ben" left the group',
            '"Ana" named the group "Chess club"',
            '"Cleo" changed the description to "Be kind"',
        ):
            await row_where(host, jid, content=told)
        rows = [row for row in (await host.call("getChatMessages", chat_jid=jid))["data"] if row["kind"] == "notice"]
        (added,) = [row for row in rows if row["content"] == '"Ana" added "Cleo"']
        assert added["details"]["by_name"] == "Ana"
        assert added["details"]["people"] == [{"jid": f"{cleo.number}@s.whatsapp.net", "name": "Cleo"}]
        assert added["sender_jid"] == jid
        (found,) = (await host.call("searchMessages", query="left", kind="notice"))["data"]
        assert found["content"] == '"Ben" left the group'
        waited = await host.call("waitForMessage", cursor=cursor, timeout=40)
        assert waited["message"]["content"] == "hello"
        assert (await host.call("waitForMessage", cursor=waited["cursor"], timeout=0))["timed_out"]
        assert (await chat_where(host, chat_jid=jid))["unread_count"] == 2
        refused = await host.refused("reactMessage", message_id=added["message_id"], phone=jid, emoji="👍")
        assert (refused["code"], refused["details"]["field"]) == ("invalid_argument", "message_id")
        refused = await host.refused("sendMessage", phone=jid, message="?", reply_message_id=added["message_id"])
        assert refused["details"]["field"] == "reply_message_id"


async def test_a_group_that_we_were_removed_from(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        group = await simulator.add_group("Rowing club", [simulator.phone], owner=ana)
        jid = str(group.jid)
        assert "left" not in await chat_where(host, chat_jid=jid)
        group.remove(simulator.phone, by=ana)
        await chat_where(host, chat_jid=jid, left=True)
        await row_where(host, jid, kind="notice", content=f"+{ana.number} removed you")
        refused = await host.refused("sendMessage", phone="Rowing club", message="hi")
        assert (refused["code"], refused["details"]["field"]) == ("not_found", "phone")
        refused = await host.refused("sendMessage", phone=jid, message="hi")
        assert (refused["code"], refused["details"]["field"]) == ("invalid_argument", "phone")
        assert (await host.call("getChatMessages", chat_jid="Rowing club"))["data"], "it can still be read"
        group.add(simulator.phone, by=ana)
        await row_where(host, jid, content=f"+{ana.number} added you")
        await chat_where(host, chat_jid=jid, left=None)
        await host.call("sendMessage", phone="Rowing club", message="back again")
        await ana.wait_for_message(lambda m: m.text == "back again", timeout=120)


async def test_members_of_an_announcement_group_can_answer(shared: SharedAccount) -> None:
    """What they say about a message is sealed under the secret in it."""
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        group = await simulator.add_group("News", [ana], owner=simulator.phone, announce=True)
        await host.call("sendMessage", phone=str(group.jid), message="Today")
        await host.call("sendLocation", phone=str(group.jid), latitude="1.5", longitude="2.5")
        for count in (1, 2):
            got = await ana.wait_for_message(start=count - 1, timeout=120)
            assert len(got.message.messageContextInfo.messageSecret) == 32


async def test_calls_say_how_they_ended(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        ana.say("warm up")  # so that the number of the LID that calls is known
        await row_where(host, ana.number, content="warm up")
        call = ana.call(video=True)
        row = await row_where(host, ana.number, kind="call")
        assert (row["message_id"], row["content"], row["details"]["video"]) == (call.id, "Incoming call", True)
        call.end()
        row = await row_where(host, ana.number, content="Missed call")
        assert row["details"]["outcome"] == "missed"
        other = ana.call()
        await row_where(host, ana.number, message_id=other.id)
        await host.call("rejectCall", caller_jid=ana.number, call_id=other.id)
        await other.wait_for("reject")
        await row_where(host, ana.number, message_id=other.id, content="Call declined")


async def test_numbers_are_those_under_which_whatsapp_knows_people(shared: SharedAccount) -> None:
    """The ninth digit: people write it, and WhatsApp knows many numbers of Brazil without it."""
    async with shared.borrowed() as (simulator, host):
        bia = await simulator.add_contact("Bia", number="551155550111")
        rui = await simulator.add_contact("Rui", number="551155550222")
        bia.account.also_written.add("5511955550111")
        rui.account.also_written.add("5511955550222")
        checked = await host.call("userCheck", phone="+55 11 95555-0111")
        assert checked == {"is_on_whatsapp": True, "jid": "551155550111@s.whatsapp.net"}
        sent = await host.call("sendMessage", phone="+55 11 95555-0111", message="olá")
        assert sent["chat_jid"] == checked["jid"]
        await bia.wait_for_message(lambda m: m.text == "olá", timeout=120)
        sent = await host.call("sendMessage", phone="5511955550222", message="without a check before")
        assert sent["chat_jid"] == "551155550222@s.whatsapp.net"
        await rui.wait_for_message(lambda m: m.text == "without a check before", timeout=120)
        rui.say("oi")
        await row_where(host, "5511955550222", content="oi")
        chats = (await host.call("listChats"))["data"]
        brazilian = {chat["chat_jid"] for chat in chats if chat["chat_jid"].startswith("55")}
        assert brazilian == {"551155550111@s.whatsapp.net", "551155550222@s.whatsapp.net"}
        error = await host.refused("sendMessage", phone="5511955550999", message="nobody")
        assert (error["code"], error["details"]["field"]) == ("not_found", "phone")
        body = body_of(await host.raw("userCheck", {"phone": "5511955550999"}))
        assert body["results"] == {"is_on_whatsapp": False}
