"""Reading the store through MCP, people, and waiting for messages."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.e2e.harness import Json, body_of, paired, until
from tests.e2e.shared import SharedAccount
from whatsapp_mcp.client.rows import complete


async def test_chat_list_and_messages(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana Júlia")
        bruno = await simulator.add_contact("Bruno")
        cursor = await host.cursor()
        for contact, text in ((ana, "Orçamento pronto"), (bruno, "ПРИВЕТ"), (ana, "ok")):
            contact.say(text)
            cursor = (await host.call("waitForMessage", cursor=cursor, timeout=40))["cursor"]
        chats = await host.call("listChats")
        assert [chat["name"] for chat in chats["data"]] == ["Ana Júlia", "Bruno"]
        assert chats["pagination"] == {"total": 2}
        assert [chat["name"] for chat in (await host.call("listChats", search="julia"))["data"]] == ["Ana Júlia"]
        found = await host.call("getChatMessages", chat_jid=ana.number, search="ORCAMENTO")
        assert [row["content"] for row in found["data"]] == ["Orçamento pronto"]
        assert found["pagination"]["total"] == 1
        found = await host.call("getChatMessages", chat_jid="bruno", search="привет")
        assert [row["content"] for row in found["data"]] == ["ПРИВЕТ"]
        found = await host.call("searchMessages", query="pronto ORCAM")
        assert [(row["content"], row["chat_name"]) for row in found["data"]] == [("Orçamento pronto", "Ana Júlia")]
        assert (await host.call("searchMessages", query="привет", sender="Ana Júlia"))["data"] == []
        first = await host.raw("searchMessages", {"sender": "Ana Júlia", "limit": 1, "context_lines": 1})
        [row] = complete(body_of(first)["results"])["data"]
        assert (row["content"], [line["content"] for line in row["context_before"]]) == ("ok", ["Orçamento pronto"])
        rest = await host.call("searchMessages", sender="Ana Júlia", cursor=body_of(first)["next_cursor"])
        assert [row["content"] for row in rest["data"]] == ["Orçamento pronto"]
        around = await host.call("getMessageContext", chat_jid=ana.number, message_id=row["message_id"], before=1)
        assert [row["content"] for row in around["data"]] == ["Orçamento pronto", "ok"]
        inbox = await host.raw("checkInbox", {})
        assert [row["content"] for row in complete(body_of(inbox)["results"])["data"]] == [
            "Orçamento pronto",
            "ПРИВЕТ",
            "ok",
        ]
        bruno.say("and now?")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
        new = await host.call("checkInbox", cursor=body_of(inbox)["next_cursor"])
        assert [(row["content"], row["chat_name"]) for row in new["data"]] == [("and now?", "Bruno")]
        by_lid = await host.call("getChatMessages", chat_jid=str(ana.account.lid))
        assert len(by_lid["data"]) == 2, "a LID names the same chat as its number"
        page = await host.call("getChatMessages", chat_jid=ana.number, limit=1, offset=1)
        assert [row["content"] for row in page["data"]] == ["Orçamento pronto"]
        assert page["pagination"]["total"] == 2
        error = await host.refused("getChatMessages", chat_jid="15550009999")
        assert error["code"] == "not_found"
        assert "chat_jid" in error["message"]


async def test_a_name_is_a_recipient_only_when_the_owner_knows_one_by_it(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        one = await simulator.add_contact("one", push_name="Maria")
        cursor = await host.cursor()
        one.say("hi")
        cursor = (await host.call("waitForMessage", cursor=cursor, timeout=40))["cursor"]
        error = await host.refused("sendMessage", phone="maria", message="a stranger")
        assert error["code"] == "not_found"
        assert [(near["name"], near["name_source"]) for near in error["details"]["near"]] == [("Maria", "push")]
        await host.call("sendMessage", phone=one.number, message="by number")
        sent = await host.call("sendMessage", phone="maria", message="for you")
        assert sent["to"] == {"name": "Maria", "name_source": "push", "number": f"+{one.number}"}
        await one.wait_for_message(lambda message: message.text == "for you")
        two = await simulator.add_contact("two", push_name="Maria")
        two.say("hi too")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
        await host.call("sendMessage", phone=two.number, message="and you")
        error = await host.refused("sendMessage", phone="Maria", message="for whom?")
        assert error["code"] == "ambiguous_recipient"
        jids = {candidate["jid"] for candidate in error["details"]["candidates"]}
        assert jids == {f"{one.number}@s.whatsapp.net", f"{two.number}@s.whatsapp.net"}
        assert [message.text for message in two.inbox] == ["and you"]
        error = await host.refused("sendMessage", phone="Mari", message="near")
        assert error["code"] == "not_found"
        assert error["details"]["near"]


async def test_wait_misses_nothing_between_calls(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        bruno = await simulator.add_contact("Bruno")
        cursor = await host.cursor()
        texts = [f"message {number}" for number in range(5)]
        for text in texts:
            ana.say(text)
        bruno.say("not for this filter")
        heard: list[str] = []
        while len(heard) < len(texts):
            waited = await host.call("waitForMessage", phone=ana.number, cursor=cursor, timeout=40)
            assert not waited["timed_out"]
            heard.append(waited["message"]["content"])
            cursor = waited["cursor"]
        assert heard == texts
        waited = await host.call("waitForMessage", phone=ana.number, cursor=cursor, timeout=1)
        assert waited["timed_out"]
        assert "message" not in waited


async def test_wait_wakes_up_when_a_message_comes(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        got: list[Json] = []

        async def wait() -> None:
            got.append(await host.call("waitForMessage", timeout=40))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            while not got:  # the first one may come before the call does
                await anyio.sleep(0.5)
                ana.say("now")
        assert not got[0]["timed_out"]
        assert got[0]["message"]["content"] == "now"
        assert got[0]["message"]["chat_name"] == "Ana"


async def test_people(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana", about="At the beach")
        assert (await host.call("userCheck", phone=ana.number))["is_on_whatsapp"]
        assert not (await host.call("userCheck", phone="4915112345678"))["is_on_whatsapp"]
        info = await host.call("userInfo", phone=ana.number)
        assert info["about"] == "At the beach"
        assert info["linked_devices"] == 0
        privacy = await host.call("userMyPrivacy")
        assert privacy["last_seen"] == "all"
        cursor = await host.cursor()
        ana.say("hi")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
        contacts = (await host.call("userMyContacts"))["data"]
        assert {"jid": f"{ana.number}@s.whatsapp.net", "name": "Ana", "name_source": "push"} in contacts
        await host.call("userChangePushName", push_name="Robin the Second")
        phone = simulator.phone.account
        await until(lambda: phone.push_name == "Robin the Second", what="the new name on the phone")


async def test_both_chats_say_that_the_number_was_changed(shared: SharedAccount) -> None:
    """They stay two: the old number may be somebody else's by now."""
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana with a new number", push_name="Ana N.")
        ana.say("from the old number")
        await host.call("waitForMessage", phone=ana.number, cursor="0", timeout=40)
        old, new = ana.number, "12025550999"
        ana.change_number(new)
        ana.say("from the new number")
        said = 'Ana N." changed the phone number to "+12025550999"'
        for number, text in ((old, "from the old number"), (new, "from the new number")):
            rows: list[Json] = []
            with anyio.move_on_after(120):
                while len(rows) < 2:
                    await anyio.sleep(0.1)
                    result = await host.raw("getChatMessages", {"chat_jid": number})
                    rows = [] if result.is_error else complete(body_of(result)["results"])["data"]
            assert {row["content"] for row in rows} == {text, f'"{said}'}, number
            (notice,) = [row for row in rows if row["kind"] == "notice"]
            assert notice["details"]["people"][0]["jid"] == f"{old}@s.whatsapp.net"


async def test_a_group_tells_that_a_member_has_another_number(shared: SharedAccount) -> None:
    """Nothing else does before somebody writes: what WhatsApp tells about a contact, whatsmeow does not read."""
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana of the club", push_name="Ana C.")
        boris = await simulator.add_contact("Boris who moves alone")
        for contact in (ana, boris):
            contact.say("hi")
            await host.call("waitForMessage", phone=contact.number, cursor="0", timeout=40)
        club = await simulator.add_group("Club", [ana, simulator.phone])
        club.addressing_mode = "pn"
        old = ana.number
        boris.change_number("12025550997")
        ana.change_number("12025550998")
        said = '"Ana C." changed the phone number to "+12025550998"'
        for chat in (str(club.jid), old, ana.number):
            texts: list[str] = []
            with anyio.move_on_after(120):
                while said not in texts:
                    await anyio.sleep(0.1)
                    result = await host.raw("getChatMessages", {"chat_jid": chat})
                    found = [] if result.is_error else complete(body_of(result)["results"])["data"]
                    texts = [str(row.get("content")) for row in found]
            assert texts.count(said) == 1, chat
        assert (await host.refused("getChatMessages", chat_jid="12025550997"))["code"] == "not_found"
