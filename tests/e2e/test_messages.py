"""Operations on a message, and what others do to theirs."""

from __future__ import annotations

from typing import Any

import anyio

from tests.e2e.harness import Host, Json, body_of, chats_with
from tests.e2e.shared import SharedAccount
from whatsapp_mcp.client.rows import complete


async def row_where(host: Host, chat: str, **wanted: Any) -> Json:
    """The first stored message of a chat that has these values, as soon as there is one."""
    rows: list[Json] = []
    with anyio.move_on_after(120):
        while True:
            found = body_of(await host.raw("getChatMessages", {"chat_jid": chat}))
            rows = complete(found.get("results") or {"data": []})["data"]
            for row in rows:
                if all(row.get(name) == value for name, value in wanted.items()):
                    return row
            await anyio.sleep(0.02)
    raise AssertionError(f"no message with {wanted} among {rows}")


async def test_react_and_take_back(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        said = ana.say("News!")
        message = (await host.call("waitForMessage", cursor=cursor, timeout=40))["message"]
        await host.call("reactMessage", message_id=said.id, phone=ana.number, emoji="👍🏽")
        reaction = await ana.wait_for_message()
        assert (reaction.kind, reaction.summary.emoji, reaction.summary.target) == ("reaction", "👍🏽", said.id)
        row = await row_where(host, ana.number, message_id=said.id)
        assert [one["emoji"] for one in row["reactions"]] == ["👍🏽"]
        await host.call("reactMessage", message_id=said.id, phone=message["chat_jid"], emoji="")
        taken_back = await ana.wait_for_message(start=1)
        assert taken_back.summary.emoji == ""
        assert "reactions" not in await row_where(host, ana.number, message_id=said.id)


async def test_edit_own_message(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        sent = await host.call("sendMessage", phone=ana.number, message="Frday")
        await host.call("updateMessage", message_id=sent["message_id"], phone=ana.number, message="Friday")
        edit = await ana.wait_for_message(lambda message: message.kind == "edit")
        assert (edit.text, edit.summary.target) == ("Friday", sent["message_id"])
        row = await row_where(host, ana.number, message_id=sent["message_id"], content="Friday")
        assert row["edited"]
        found = await host.call("getChatMessages", chat_jid=ana.number, search="friday")
        assert [one["message_id"] for one in found["data"]] == [sent["message_id"]]
        assert (await host.call("getChatMessages", chat_jid=ana.number, search="frday"))["data"] == []


async def test_revoke_own_message(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        sent = await host.call("sendMessage", phone=ana.number, message="secret")
        await host.call("revokeMessage", message_id=sent["message_id"], phone=ana.number)
        revoke = await ana.wait_for_message(lambda message: message.kind == "revoke")
        assert revoke.summary.target == sent["message_id"]
        row = await row_where(host, ana.number, message_id=sent["message_id"])
        assert row["revoked"]
        assert row["content"] == ""


async def test_what_others_do_arrives(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        sent = await host.call("sendMessage", phone=ana.number, message="hello")
        received = await ana.wait_for_message()
        ana.react("❤️", received)
        row = await row_where(
            host,
            ana.number,
            message_id=sent["message_id"],
            reactions=[{"sender_jid": f"{ana.number}@s.whatsapp.net", "sender_name": "Ana", "emoji": "❤️"}],
        )
        assert row["is_from_me"]
        first = ana.say("See you at 8")
        ana.edit(first, "See you at 9")
        row = await row_where(host, ana.number, message_id=first.id, content="See you at 9")
        assert row["edited"]
        gone = ana.say("oops")
        ana.revoke(gone)
        row = await row_where(host, ana.number, message_id=gone.id, revoked=True)
        assert row["content"] == ""
        reply = ana.say("to that", reply_to=received)
        row = await row_where(host, ana.number, message_id=reply.id)
        assert row["reply_to_id"] == sent["message_id"]


async def test_messages_written_on_the_phone_arrive(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        said = simulator.phone.say(ana.account, "from the phone")
        row = await row_where(host, ana.number, message_id=said.id)
        assert (row["content"], row["is_from_me"]) == ("from the phone", True)


async def test_mark_read(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        said = ana.say("read me")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
        (chat,) = await chats_with(host, ana)
        assert chat["unread_count"] == 1
        await host.call("readMessage", message_id=said.id, phone=ana.number)
        receipt = await ana.receipts.wait_for(lambda one: one.kind == "read")
        assert said.id in receipt.ids
        (chat,) = await chats_with(host, ana)
        assert "unread_count" not in chat


async def test_refusals_name_the_field(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        said = ana.say("mine")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
        sent = await host.call("sendMessage", phone=ana.number, message="yours")
        cases: list[tuple[str, Json, str]] = [
            ("updateMessage", {"message_id": said.id, "phone": ana.number, "message": "x"}, "message_id"),
            ("revokeMessage", {"message_id": said.id, "phone": ana.number}, "message_id"),
            ("readMessage", {"message_id": sent["message_id"], "phone": ana.number}, "message_id"),
            ("reactMessage", {"message_id": said.id, "phone": ana.number, "emoji": "not an emoji"}, "emoji"),
            ("reactMessage", {"message_id": "NOSUCH", "phone": ana.number, "emoji": "👍"}, "message_id"),
            ("reactMessage", {"message_id": said.id, "phone": "nobody at all", "emoji": "👍"}, "phone"),
            ("updateMessage", {"message_id": sent["message_id"], "phone": ana.number, "message": " "}, "message"),
        ]
        before = len(ana.inbox)
        for tool, arguments, field in cases:
            error = await host.refused(tool, **arguments)
            assert field in error["message"], (tool, error)
        assert len(ana.inbox) == before, "nothing was sent"
