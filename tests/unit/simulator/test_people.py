"""Simulated people among themselves: no client, no socket, the same relay and Signal sessions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import ReceivedMessage, Record, Simulator
from whatsapp_mcp.simulator.content.summary import summarise
from whatsapp_mcp.simulator.people.personas import Answer, CastMember, Echo, Reaction, Say, Talker, cast
from whatsapp_mcp.wire.protos import e2e


def message(text: str) -> ReceivedMessage:
    raw = e2e.Message(conversation=text)
    return ReceivedMessage("1", datetime.now(UTC), Jid("1", "lid"), Jid("1", "lid"), raw, summarise(raw))


async def test_ping_pong_between_contact_and_phone() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    for number in range(10):
        ana.say(f"ping {number}")
        assert (await simulator.phone.received.wait_for(start=number)).text == f"ping {number}"
        simulator.phone.say(ana.account, f"pong {number}")
        received = await ana.wait_for_message(start=number)
        assert (received.text, received.chat) == (f"pong {number}", simulator.phone.account.lid)
    kinds = {receipt.kind for receipt in simulator.phone.receipts}
    assert kinds == {"", "read"}


async def test_a_blocked_person_reaches_nobody() -> None:
    simulator = Simulator()
    ana, bea = await simulator.add_contact("Ana"), await simulator.add_contact("Bea")
    simulator.phone.account.blocked.add(ana.account)
    ana.say("hello?")
    bea.say("hello!")
    assert (await simulator.phone.received.wait_for()).text == "hello!"
    assert len(simulator.phone.received) == 1


async def test_names_and_numbers_are_unique() -> None:
    simulator = Simulator()
    await simulator.add_contact("Ana", number="12025550111")
    with pytest.raises(ValueError, match="Ana"):
        await simulator.add_contact("Ana")
    with pytest.raises(ValueError, match="account"):
        await simulator.add_contact("Anna", number="12025550111")
    with pytest.raises(ValueError, match="digits"):
        await simulator.add_contact("Nobody", number="+1 202")
    with pytest.raises(KeyError, match="Zoe"):
        simulator.contact("Zoe")
    assert simulator.contact("12025550111").name == "Ana"


async def test_a_record_tells_what_there_was_instead() -> None:
    record: Record[int] = Record("number")
    record.add(1)
    record.add(2)
    assert await record.wait_for(lambda n: n > 1) == 2
    assert await record.wait_for(start=1) == 2
    with pytest.raises(TimeoutError, match=r"number.*\[1, 2\]"):
        await record.wait_for(lambda n: n > 2, timeout=0.01)


@pytest.mark.parametrize("member", cast(), ids=lambda member: member.name)
def test_everybody_of_the_cast_answers_everything_predictably(member: CastMember) -> None:
    def conversation() -> list[list[Answer]]:
        persona = next(other for other in cast() if other.name == member.name).persona
        said = [message(text) for text in ("Hello", "ping", "When?", "thanks", "a", "b", "c", "{braces}", "谢谢", "")]
        return [list(persona.answer(received)) for received in said]

    first = conversation()
    assert first == conversation()
    assert all(first[:3])
    for answers in first:
        assert all(isinstance(answer, Reaction) or (isinstance(answer, Say) and answer.text) for answer in answers)


def test_answers_fit_the_message() -> None:
    assert Echo().answer(message("Grüße")) == (Say("Grüße", reply=True),)
    talker = Talker(rules=((r"coffee", "Yes, {text}!"),), lines=("one", "two"), thanks_emoji="❤️")
    assert talker.answer(message("COFFEE")) == [Say("Yes, COFFEE!", reply=True)]
    assert [talker.answer(message(text)) for text in ("x", "y", "z")] == [[Say("one")], [Say("two")], [Say("one")]]
    assert talker.answer(message("Thank you")) == [Reaction("❤️")]


def test_wrapped_and_plain_messages_are_summarised_alike() -> None:
    inner = e2e.Message()
    inner.imageMessage.caption = "look"
    inner.imageMessage.contextInfo.stanzaID = "A1"
    inner.imageMessage.contextInfo.isForwarded = True
    wrapped = e2e.Message()
    wrapped.ephemeralMessage.message.viewOnceMessageV2.message.CopyFrom(inner)
    for raw in (inner, wrapped):
        summary = summarise(raw)
        assert (summary.kind, summary.text, summary.reply_to, summary.forwarded) == ("image", "look", "A1", True)
    assert summarise(e2e.Message()).kind == "unknown"
