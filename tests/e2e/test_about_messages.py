"""What people do with messages: move, cancel and answer events, comment, react, pin, keep, change polls."""

from __future__ import annotations

import anyio

from tests.e2e.harness import Host, Json
from tests.e2e.shared import SharedAccount
from tests.e2e.test_messages import row_where
from whatsapp_mcp.simulator import HistoryChat, HistoryMessage, SentMessage
from whatsapp_mcp.simulator.content import compose
from whatsapp_mcp.wire.protos import e2e

START = 1_796_000_000


async def details_of(host: Host, chat: str, message_id: str, *wanted: str) -> Json:
    """The facts of a message, as soon as they have what is wanted."""
    details: Json = {}
    with anyio.move_on_after(120):
        while True:
            details = (await row_where(host, chat, message_id=message_id)).get("details") or {}
            if all(name in details for name in wanted):
                return details
            await anyio.sleep(0.05)
    raise AssertionError(f"wanted {wanted}, got {details}")


async def test_an_event_is_moved_cancelled_and_answered(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        event = ana.send_event("Dinner", START, place="Luigi")
        await row_where(host, ana.number, message_id=event.id)
        ana.edit_event(event, "Dinner at eight", START + 7200)
        moved = await details_of(host, ana.number, event.id, "moved_from")
        assert (moved["start_time"], moved["moved_from"]) == ("2026-11-30T02:53Z", "2026-11-30T00:53Z")
        ana.answer_event(event, "going", guests=2)
        answered = await details_of(host, ana.number, event.id, "answers")
        jid = f"{ana.number}@s.whatsapp.net"
        assert answered["answers"] == {"going": [{"jid": jid, "name": "Ana", "guests": 2}]}
        ana.edit_event(event, "Dinner at eight", START + 7200, canceled=True)
        assert (await details_of(host, ana.number, event.id, "canceled"))["canceled"] is True
        row = await row_where(host, ana.number, message_id=event.id)
        assert (row["content"], row["edited"]) == ("Dinner at eight", True)


async def test_comments_reactions_pins_keeps_and_options(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        said = ana.say("the plan")
        await row_where(host, ana.number, message_id=said.id)
        comment = ana.comment(said, "and a remark")
        row = await row_where(host, ana.number, message_id=comment.id)
        assert (row["kind"], row["content"], row["reply_to_id"]) == ("text", "and a remark", said.id)
        ana.react_sealed(said, "👍")
        ana.pin(said)
        ana.keep(said)
        details = await details_of(host, ana.number, said.id, "pinned", "kept")
        assert details["pinned"]["by_jid"] == details["kept"]["by_jid"] == f"{ana.number}@s.whatsapp.net"
        assert "until" in details["pinned"]
        row = await row_where(host, ana.number, message_id=said.id)
        assert [one["emoji"] for one in row["reactions"]] == ["👍"]
        poll = e2e.Message()
        poll.pollCreationMessageV3.name, poll.pollCreationMessageV3.allowAddOption = "Where?", True
        poll.pollCreationMessageV3.options.add(optionName="here")
        sent = ana.send_content(poll)
        ana.add_poll_option(sent, "there")
        with anyio.fail_after(120):
            while (await details_of(host, ana.number, sent.id, "options"))["options"] != ["here", "there"]:
                await anyio.sleep(0.05)


async def test_what_cannot_be_opened_is_seen_and_opened_later(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        poll = compose.poll("When?", ["Fri", "Sat"], selectable=1)
        old = HistoryMessage(poll, author=ana)
        ana.secrets.give(poll)
        ana.secrets.remember(old.id, ana.account.lid, poll)
        known = ana.say("hello")
        await row_where(host, ana.number, message_id=known.id)
        vote = ana.vote(SentMessage(old.id, known.time, known.chat, poll), ["Sat"])
        closed = await row_where(host, ana.number, message_id=vote.id)
        assert closed["kind"] == "undecryptable"
        assert closed["details"]["note"].startswith("A vote in a poll came and could not be opened: the message that")
        assert closed["reply_to_id"] == old.id
        simulator.phone.share_history([HistoryChat(ana, [old])])
        counts: dict[str, int] = {}
        with anyio.fail_after(120):  # the message is there a moment before what came about it is opened
            while counts != {"Fri": 0, "Sat": 1}:
                votes = (await details_of(host, ana.number, old.id, "votes"))["votes"]
                counts = {one["option"]: one["count"] for one in votes}
        rows = (await host.call("getChatMessages", chat_jid=ana.number))["data"]
        assert vote.id not in [one["message_id"] for one in rows], "its place is taken by what it said"


async def test_a_history_tells_what_people_did(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        event = e2e.Message()
        event.eventMessage.name, event.eventMessage.startTime = "Dinner", START
        asked = HistoryMessage(event, author=ana, answers=[(ana, "maybe"), (None, "going")])
        pinned = HistoryMessage("the address", author=ana, pinned_by=ana)
        gone = HistoryMessage("oops", author=ana, deleted=True)
        rang = HistoryMessage("", author=ana, missed_call="video")
        simulator.phone.share_history([HistoryChat(ana, [asked, pinned, gone, rang])])
        assert set((await details_of(host, ana.number, asked.id, "answers"))["answers"]) == {"going", "maybe"}
        assert (await details_of(host, ana.number, pinned.id, "pinned"))["pinned"]["by_name"] == "Ana"
        row = await row_where(host, ana.number, message_id=gone.id)
        assert (row["revoked"], row["content"]) == (True, "")
        row = await row_where(host, ana.number, message_id=rang.id)
        assert (row["kind"], row["details"]["outcome"], row["details"]["video"]) == ("call", "missed", True)


async def test_what_a_history_does_not_tell_is_unknown(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, ben = await simulator.add_contact("Ana"), await simulator.add_contact("Ben")
        await simulator.add_group("Club", [simulator.phone, ana, ben], owner=ana)
        club = list(simulator.world.groups.values())[-1]
        told = HistoryMessage("told", status="sent", receipts=[(ana, "read"), (ben, "delivered")])
        untold = HistoryMessage("untold", status="delivered")
        simulator.phone.share_history([HistoryChat(club, [told, untold])])
        await row_where(host, str(club.jid), message_id=untold.id)
        status = await host.call("getMessageStatus", message_id=told.id, phone=str(club.jid))
        assert (status["counts"]["delivered"], status["counts"]["read"]) == (2, 1)
        status = await host.call("getMessageStatus", message_id=untold.id, phone=str(club.jid))
        assert status["status"] == "unknown"
        assert status["counts"] == {"unknown": 2, "participants": 2}
        assert (await row_where(host, str(club.jid), message_id=untold.id))["status"] == "unknown"
