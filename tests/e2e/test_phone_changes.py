"""What the owner does on the phone, long after linking: this server shows it within seconds."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.e2e.harness import Host, Json, body_of, chats_with, paired
from tests.e2e.shared import SharedAccount
from whatsapp_mcp.client.rows import complete
from whatsapp_mcp.simulator import VirtualContact
from whatsapp_mcp.simulator.people.chat_settings import ChatSettings

UNTIL_MS, UNTIL = 1999999999000, "2033-05-18T03:33Z"
FOR_EVER = "9999-12-31T23:59Z"
MARKS = ("pinned", "archived", "muted_until")


async def comes_to(host: Host, contact: VirtualContact, **marks: object) -> Json:
    """Wait until a chat is listed with these marks, and no others."""
    shown: Json = {}
    with anyio.move_on_after(120):
        while True:
            rows = await chats_with(host, contact)
            rows = rows or (await host.call("listChats", archived=True, limit=100))["data"]
            shown = {name: row[name] for row in rows for name in MARKS if name in row}
            if rows and shown == marks:
                return rows[0]
            await anyio.sleep(0.1)
    raise AssertionError(f"{shown} is shown, not {marks}")


async def test_what_is_changed_here_stays_until_the_phone_changes_it(shared: SharedAccount) -> None:
    """neonize learns of a change of ours only together with the next one of the phone."""
    async with shared.borrowed() as (simulator, host):
        ana, phone = await simulator.add_contact("Ana changed here"), ChatSettings(simulator.phone)
        boris = await simulator.add_contact("Boris changed there")
        for contact in (ana, boris):
            contact.say("hi")
            await host.call("waitForMessage", phone=contact.number, cursor="0", timeout=40)
        await host.call("pinChat", chat_jid=ana.number, pinned=True)
        await comes_to(host, ana, pinned=True)
        phone.mute(boris.account.pn)
        await comes_to(host, boris, muted_until=FOR_EVER)
        await comes_to(host, ana, pinned=True)
        await host.call("archiveChat", chat_jid=ana.number, archived=True)
        phone.archive(ana.account.lid, archived=False)  # under the address under which we did it
        phone.pin(boris.account.pn)
        await comes_to(host, boris, pinned=True, muted_until=FOR_EVER)
        await comes_to(host, ana)


async def test_a_name_that_is_saved_on_the_phone(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana to be saved", push_name="ana77")
        ana.say("hi")
        await host.call("waitForMessage", phone=ana.number, cursor="0", timeout=40)
        for name in ("Ana Ruiz", "Ana Ruiz Gil"):
            simulator.phone.save_contact(ana.account, name)
            with anyio.fail_after(120):
                while [row["name"] for row in await chats_with(host, ana)] != [name]:
                    await anyio.sleep(0.1)


async def test_a_chat_is_as_the_phone_has_it(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, phone = await simulator.add_contact("Ana on the phone"), ChatSettings(simulator.phone)
        ana.say("hi")
        await host.call("waitForMessage", phone=ana.number, cursor="0", timeout=40)
        await comes_to(host, ana)
        phone.pin(ana.account.pn)
        await comes_to(host, ana, pinned=True)
        phone.mute(ana.account.pn)
        row = await comes_to(host, ana, pinned=True, muted_until=FOR_EVER)
        assert row["chat_jid"] == f"{ana.number}@s.whatsapp.net"
        phone.pin(ana.account.pn, pinned=False)
        phone.mute(ana.account.pn, until_ms=UNTIL_MS)
        phone.archive(ana.account.pn)
        await comes_to(host, ana, archived=True, muted_until=UNTIL)
        phone.archive(ana.account.pn, archived=False)
        phone.mute(ana.account.pn, until_ms=0)
        await comes_to(host, ana)
        phone.pin(ana.account.lid)
        await comes_to(host, ana, pinned=True)


async def test_what_neonize_says_nothing_of_is_read_soon(tmp_path: Path) -> None:
    """Stars, messages deleted for the owner alone, read marks, deleted chats and labels."""
    async with paired(tmp_path, WHATSAPP_MCP_PHONE_CHANGES_DISTANCE="1") as (simulator, host):
        ana, phone = await simulator.add_contact("Ana"), ChatSettings(simulator.phone)
        boris = await simulator.add_contact("Boris")
        boris.say("soon gone")
        kept, starred, deleted = (ana.say(text) for text in ("kept", "starred", "deleted"))
        await shows(host, ana, {"kept": None, "starred": None, "deleted": None})
        phone.pin(ana.account.lid)
        await comes_to(host, ana, pinned=True)  # from now on, what is changed was not there at linking
        phone.star(ana.account.lid, starred.id)
        phone.delete_for_me(ana.account.lid, deleted.id)
        await shows(host, ana, {"kept": None, "starred": True})
        phone.delete_chat(boris.account.lid)
        phone.edit_label("7", "Customers", color=3)
        phone.label_chat("7", ana.account.lid)
        phone.star(ana.account.lid, starred.id, starred=False)
        phone.star(ana.account.lid, kept.id)
        phone.pin(ana.account.lid, pinned=False)
        await shows(host, ana, {"kept": True, "starred": None})
        with anyio.fail_after(120):
            while (await host.call("listLabels"))["data"] == [] or await chats_with(host, boris):
                await anyio.sleep(0.1)
        (label,) = (await host.call("listLabels"))["data"]
        assert label["name"] == "Customers"
        phone.mark_read(ana.account.lid, read=False)
        with anyio.fail_after(120):
            while not (await chats_with(host, ana))[0].get("marked_unread"):
                await anyio.sleep(0.1)
        ana.say("after all that")
        await shows(host, ana, {"kept": True, "starred": None, "after all that": None})


async def shows(host: Host, contact: VirtualContact, wanted: dict[str, bool | None]) -> None:
    """Wait until a chat has these messages, each starred or not."""
    shown: dict[str, bool | None] = {}
    with anyio.move_on_after(120):
        while shown != wanted:
            await anyio.sleep(0.1)
            result = await host.raw("getChatMessages", {"chat_jid": contact.number, "limit": 100})
            rows = [] if result.is_error else complete(body_of(result)["results"])["data"]
            shown = {row["content"]: row.get("starred") for row in rows}
    assert shown == wanted
