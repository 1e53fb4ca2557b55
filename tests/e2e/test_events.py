"""What people do beside writing, told in order and once: by people who do it, on the real neonize."""

from __future__ import annotations

from typing import Any

from tests.e2e.harness import Host
from tests.e2e.shared import SharedAccount
from whatsapp_mcp.client.rows import complete
from whatsapp_mcp.simulator.people.contact import VirtualContact

Json = dict[str, Any]


async def events_of(host: Host, cursor: str, *kinds: str, **arguments: Any) -> tuple[list[Json], str]:
    """The next events until one of each of these kinds is among them, and where to go on."""
    found: list[Json] = []
    while not set(kinds) <= {event["kind"] for event in found}:
        body: Any = (await host.raw("waitForEvent", {"cursor": cursor, "timeout": 40} | arguments)).structured_content
        assert not body["results"]["timed_out"], (found, body)
        found += complete(body["results"])["data"]
        cursor = body["next_cursor"]
    return found, cursor


def short(events: list[Json]) -> list[tuple[str, str]]:
    return [(event["kind"], event["message_id"]) for event in events]


async def test_events(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        said = ana.say("soup?")
        found, cursor = await events_of(host, cursor, "message", phone=ana.number)
        assert short(found) == [("message", said.id)]
        sent = await host.call("sendMessage", phone=ana.number, message="salad")
        salad = await ana.wait_for_message()
        ana.edit(said, "soup or salad?")
        ana.react("👍", salad)
        by_phone = simulator.phone.say(ana.account, "I take over")
        ana.revoke(said)
        call = ana.call()
        kinds = ("own_message", "reaction", "edit", "deletion", "call")
        found, cursor = await events_of(host, cursor, *kinds, phone=ana.number)
        by_kind = {event["kind"]: event for event in found}
        assert by_kind["own_message"]["message_id"] == by_phone.id, "the owner speaks for themselves"
        assert by_kind["own_message"]["content"] == "I take over"
        assert sent["message_id"] not in [event["message_id"] for event in found if event["kind"] != "reaction"]
        assert (by_kind["reaction"]["message_id"], by_kind["reaction"]["emoji"]) == (sent["message_id"], "👍")
        assert by_kind["reaction"]["about"] == "salad"
        assert (by_kind["edit"]["message_id"], by_kind["deletion"]["message_id"]) == (said.id, said.id)
        assert by_kind["call"]["message_id"] == call.id
        assert {event["chat_name"] for event in found} == {"Ana"}
        await a_receipt(host, ana, cursor)


async def a_receipt(host: Host, ana: VirtualContact, cursor: str) -> None:
    sent = await host.call("sendMessage", phone=ana.number, message="did you read it?")
    ana.read(await ana.wait_for_message())
    seen: set[str] = set()
    while "read" not in seen:
        found, cursor = await events_of(host, cursor, "receipt", phone=ana.number, kinds=["receipt"])
        seen |= {event["status"] for event in found if event["message_id"] == sent["message_id"]}


async def test_what_happens_in_a_group(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, ben = await simulator.add_contact("Ana"), await simulator.add_contact("Ben")
        group: Any = await host.call("createGroup", title="Walks", participants=[ana.number])
        chat = group["group_id"]
        cursor = await host.cursor()
        poll = await host.call("sendPoll", phone=chat, question="When?", options=["Fri", "Sat"], max_answer=1)
        ana.vote(await ana.wait_for_message(lambda message: message.kind == "poll"), ["Sat"])
        await host.call("setGroupName", group_id=chat, name="Long walks")
        state = simulator.group("Long walks")
        state.approval_required = True
        ben.request_to_join(state)
        found, _ = await events_of(host, cursor, "vote", "group_change", "join_request", phone=chat)
        by_kind = {event["kind"]: event for event in found}
        assert (by_kind["vote"]["message_id"], by_kind["vote"]["options"]) == (poll["message_id"], ["Sat"])
        assert by_kind["vote"]["sender_name"] == "Ana"
        renamed = next(event for event in found if event.get("change") == "renamed")
        assert renamed["is_from_me"], "by this server, which is the owner to WhatsApp"
        assert by_kind["join_request"]["sender_jid"] in (str(ben.account.lid), f"{ben.number}@s.whatsapp.net")
        assert {event["chat_name"] for event in found} == {"Long walks"}
