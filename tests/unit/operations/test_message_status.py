"""getMessageStatus: how far a message got, with each person and with all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, ANA_LID, BO, ME, ME_LID, NOW, TEAM, milliseconds
from whatsapp_mcp.errors import InvalidArgument, NotFound, SessionCrashed, WhatsAppMcpError, WhatsAppRefused
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import ContactSeen, PollVoted, ReceiptReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind
from whatsapp_mcp.models.session import SessionSnapshot, SessionState
from whatsapp_mcp.models.views import Group, GroupMember

CARLA = Jid("4915100000003", "s.whatsapp.net")
CARLA_LID = Jid("100000000000003", "lid")


def text(seconds: int) -> str:
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%MZ")


def receipt(bench: Bench, kind: ReceiptKind, seconds: int, *, by: Jid, chat: Jid = TEAM) -> None:
    bench.learn(ReceiptReceived(chat, by, ("S1",), kind, milliseconds(NOW + timedelta(seconds=seconds))))


def in_the_group(bench: Bench, *members: GroupMember) -> None:
    own = GroupMember(jid=ME, lid=ME_LID, admin=True)
    bench.session.answers["get_group"] = Group(jid=TEAM, members=(own, *members))


async def status(bench: Bench, chat: str = "Team", **more: Any) -> Any:
    return await bench.run("getMessageStatus", message_id="S1", phone=chat, **more)


def people(results: Any) -> list[tuple[str, str]]:
    return [(row["jid"], row["status"]) for row in results["data"]]


async def test_a_message_to_one_person(bench: Bench) -> None:
    bench.send("S1")
    waiting = await status(bench, "Ana")
    assert waiting["data"] == [{"jid": str(ANA), "name": "Ana", "status": "sent"}]
    assert waiting["counts"] == {"delivered": 0, "read": 0, "played": 0}
    receipt(bench, ReceiptKind.DELIVERED, 1, by=ANA_LID, chat=ANA_LID)
    receipt(bench, ReceiptKind.READ, 5, by=ANA, chat=ANA)
    assert await status(bench, "Ana") == {
        "message_id": "S1",
        "chat_jid": str(ANA),
        "status": "read",
        "timestamp": (NOW - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "counts": {"delivered": 1, "read": 1, "played": 0},
        "data": [{"jid": str(ANA), "name": "Ana", "status": "read", "delivered_at": text(1), "read_at": text(5)}],
    }
    assert bench.outcome.message == "The status of the message is read."
    assert bench.session.commands == [], "nothing has to be asked"


@pytest.mark.parametrize("known", [DeliveryStatus.PENDING, DeliveryStatus.FAILED, DeliveryStatus.PLAYED])
async def test_what_the_history_tells_without_receipts(bench: Bench, known: DeliveryStatus) -> None:
    bench.send("S1", status=known)
    results = await status(bench, "Ana")
    assert (results["status"], people(results)) == (known.value, [(str(ANA), known.value)])


async def test_a_group_is_as_far_as_the_last_of_its_participants(bench: Bench) -> None:
    bench.send("S1", chat=TEAM)
    in_the_group(bench, GroupMember(jid=ANA, lid=ANA_LID), GroupMember(jid=BO))
    results = await status(bench)
    assert (results["status"], people(results)) == ("sent", [(str(ANA), "sent"), (str(BO), "sent")])
    receipt(bench, ReceiptKind.READ, 3, by=ANA_LID)
    results = await status(bench)
    assert (results["status"], people(results)) == ("sent", [(str(BO), "sent"), (str(ANA), "read")])
    assert results["counts"] == {"participants": 2, "delivered": 1, "read": 1, "played": 0}
    assert results["participants_known"] is True
    assert bench.outcome.message == "Of 2 other participants, 1 got the message and 1 read it."
    receipt(bench, ReceiptKind.DELIVERED, 4, by=BO)
    assert (await status(bench))["status"] == "delivered"
    receipt(bench, ReceiptKind.READ, 9, by=BO)
    assert (await status(bench))["status"] == "read"
    receipt(bench, ReceiptKind.PLAYED, 10, by=BO)
    receipt(bench, ReceiptKind.PLAYED, 11, by=ANA)
    assert (await status(bench))["status"] == "played"


async def test_who_is_known_by_a_hidden_number_only(bench: Bench) -> None:
    bench.send("S1", chat=TEAM)
    in_the_group(bench, GroupMember(jid=CARLA, lid=CARLA_LID))
    bench.learn(ContactSeen(CARLA, push_name="Carla"))
    receipt(bench, ReceiptKind.READ, 3, by=CARLA_LID)  # the store has not learned whose it is
    assert people(await status(bench)) == [(str(CARLA_LID), "read")]


async def test_who_left_does_not_count(bench: Bench) -> None:
    bench.send("S1", chat=TEAM)
    in_the_group(bench, GroupMember(jid=BO))
    receipt(bench, ReceiptKind.DELIVERED, 1, by=ANA)
    receipt(bench, ReceiptKind.READ, 2, by=BO)
    results = await status(bench)
    assert (results["status"], people(results)) == ("read", [(str(BO), "read"), (str(ANA), "delivered")])
    assert [row.get("left") for row in results["data"]] == [None, True]
    assert results["counts"] == {"participants": 1, "delivered": 1, "read": 1, "played": 0}


async def test_a_group_without_anybody_else(bench: Bench) -> None:
    bench.send("S1", chat=TEAM)
    in_the_group(bench)
    results = await status(bench)
    assert (results["status"], results["data"], results["counts"]["participants"]) == ("sent", [], 0)


async def test_a_group_message_of_the_history(bench: Bench) -> None:
    """The phone knew that all had read it."""
    bench.send("S1", chat=TEAM, status=DeliveryStatus.READ)
    in_the_group(bench, GroupMember(jid=BO))
    results = await status(bench)
    assert (results["status"], people(results)) == ("read", [(str(BO), "read")])


async def test_without_a_connection_the_participants_are_missing(bench: Bench) -> None:
    bench.send("S1", chat=TEAM)
    receipt(bench, ReceiptKind.READ, 3, by=ANA)
    bench.session.snapshot = SessionSnapshot(state=SessionState.RECONNECTING, since=NOW, own_jid=ME)
    results = await status(bench)
    assert (results["status"], people(results)) == ("sent", [(str(ANA), "read")])
    assert results["participants_known"] is False
    assert results["counts"] == {"delivered": 1, "read": 1, "played": 0}
    assert "not connected" in bench.outcome.message
    assert bench.session.commands == []


@pytest.mark.parametrize("error", [SessionCrashed("gone"), WhatsAppRefused("you're not participating in that group")])
async def test_participants_that_whatsapp_does_not_tell(bench: Bench, error: WhatsAppMcpError) -> None:
    bench.send("S1", chat=TEAM)
    bench.session.answers["get_group"] = error
    assert (await status(bench))["participants_known"] is False


async def test_paging(bench: Bench) -> None:
    bench.send("S1", chat=TEAM)
    in_the_group(bench, GroupMember(jid=ANA), GroupMember(jid=BO))
    assert people(await status(bench, offset=1)) == [(str(BO), "sent")]


async def test_only_of_own_messages_that_exist(bench: Bench) -> None:
    bench.receive("S1")
    with pytest.raises(InvalidArgument, match="message_id"):
        await status(bench, "Ana")
    with pytest.raises(NotFound, match="message_id"):
        await status(bench, "Bo")


async def test_who_has_not_read(bench: Bench) -> None:
    bench.send("S1", chat=TEAM)
    in_the_group(bench, GroupMember(jid=ANA, lid=ANA_LID), GroupMember(jid=BO), GroupMember(jid=CARLA))
    receipt(bench, ReceiptKind.READ, 3, by=ANA_LID)
    receipt(bench, ReceiptKind.DELIVERED, 3, by=BO)
    assert (await status(bench))["not_read"] == [
        {"jid": str(CARLA), "name": f"+{CARLA.user}"},
        {"jid": str(BO), "name": "Bo"},
    ]


async def test_who_has_not_voted(bench: Bench) -> None:
    content = Content(MessageKind.POLL, "When?", extra={"options": ["Fri", "Sat"]})
    bench.receive("S1", chat=TEAM, sender=BO, content=content)
    in_the_group(bench, GroupMember(jid=ANA, lid=ANA_LID), GroupMember(jid=BO))
    bench.learn(PollVoted(TEAM, "S1", ANA_LID, ("Sat",), milliseconds(NOW)))
    poll = (await status(bench))["poll"]
    assert poll["votes"] == [
        {"option": "Fri", "count": 0, "voters": []},
        {"option": "Sat", "count": 1, "voters": [{"jid": str(ANA), "name": "Ana"}]},
    ]
    assert [one["jid"] for one in poll["not_voted"]] == [str(BO), str(ME)]
    assert (poll["voted"], poll["not_voted_count"]) == (1, 2)
    assert bench.outcome.message == "1 voted and 2 did not."
    bench.session.snapshot = SessionSnapshot(state=SessionState.RECONNECTING, since=NOW)
    assert "not_voted" not in (await status(bench))["poll"], "who is asked is not known"
