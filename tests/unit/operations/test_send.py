"""Sending: what reaches the session, and what is refused before it does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.operations.bench import BadArguments, Bench
from tests.unit.operations.fakes import ANA, ANA_LID, BO, NOW, TEAM
from whatsapp_mcp.errors import NotFound, ReachoutTimelock, WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.outgoing import ContactOut, LinkOut, LocationOut, PollOut, SendOptions, TextOut
from whatsapp_mcp.operations import addressee
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import resolve
from whatsapp_mcp.pipe.account import SetPresence
from whatsapp_mcp.pipe.messages import SendMessage, SetChatPresence

MESSAGE: dict[str, Any] = {"phone": "Ana", "message": "hello"}


def number(digits: str) -> Jid:
    return Jid(digits, "s.whatsapp.net")


async def test_message(bench: Bench) -> None:
    results = await bench.run("sendMessage", **MESSAGE)
    assert results == {
        "message_id": "S1",
        "status": "sent",
        "chat_jid": str(ANA),
        "to": {"name": "Ana", "name_source": "saved", "number": f"+{ANA.user}"},
        "timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert bench.session.last(SendMessage) == SendMessage(chat=ANA, message=TextOut(text="hello"))


async def test_text_goes_out_as_it_is(bench: Bench) -> None:
    text = "  two\nlines, *bold*, 🙂\u200d "
    await bench.run("sendMessage", phone="Ana", message=text)
    assert bench.session.last(SendMessage).message == TextOut(text=text)


async def test_options(bench: Bench) -> None:
    bench.receive("M1")
    await bench.run("sendMessage", **MESSAGE, reply_message_id="M1", is_forwarded=True, duration=86400)
    assert bench.session.last(SendMessage).options == SendOptions(
        reply_to_id="M1", reply_to_author=ANA, forwarded=True, expiration=86400
    )


async def test_the_timer_of_the_chat_applies(bench: Bench) -> None:
    bench.receive("M1")
    bench.learn(ChatChanged(ANA, ephemeral_expiration=604800))
    await bench.run("sendMessage", **MESSAGE)
    assert bench.session.last(SendMessage).options.expiration == 604800
    await bench.run("sendMessage", **MESSAGE, duration=0)
    assert bench.session.last(SendMessage).options.expiration == 0, "unless the caller says otherwise"


async def test_who_is_sent_to_is_looked_for_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.people()
    looked_for: list[str] = []

    async def noted(services: Services, text: str, *, field: str = "phone") -> Jid:
        looked_for.append(text)
        return await resolve(services, text, field=field)

    monkeypatch.setattr(addressee, "resolve", noted)
    for name in ("Ana", "Team", str(ANA_LID)):
        await bench.run("sendMessage", phone=name, message="hello")
    assert looked_for == ["Ana", "Team", str(ANA_LID)]
    chats = [command.chat for command in bench.session.commands if isinstance(command, SendMessage)]
    assert chats == [ANA, TEAM, ANA]


async def test_reply_to_what_is_not_in_the_chat(bench: Bench) -> None:
    bench.receive("G1", chat=TEAM)
    for message_id in ("G1", "nope"):
        with pytest.raises(NotFound) as caught:
            await bench.run("sendMessage", **MESSAGE, reply_message_id=message_id)
        assert caught.value.details["field"] == "reply_message_id"
    assert bench.session.commands == []


async def test_mentions(bench: Bench) -> None:
    await bench.run(
        "sendMessage",
        phone="Team",
        message="@4915100000002 and @4915100000005 look",
        mentions=["Ana", "+49 151 00000002"],
    )
    assert bench.session.last(SendMessage).options.mentions == (ANA, BO, number("4915100000005"))


async def test_a_mentioned_name_after_an_at_gives_way_to_the_digits_that_phones_show_it_for(bench: Bench) -> None:
    words = "@ana, ask @Anatol or mail@Ana.example, @Ana. @+49 151 00000002!"
    await bench.run("sendMessage", phone="Team", message=words, mentions=["@Ana", "+49 151 00000002"])
    sent = bench.session.last(SendMessage)
    assert sent.message == TextOut(text=f"@{ANA.user}, ask @Anatol or mail@Ana.example, @{ANA.user}. @4915100000002!")
    assert sent.options.mentions == (ANA, BO)


@pytest.mark.parametrize(
    ("text", "mentioned"),
    [
        ("@4915100000002", ["4915100000002"]),
        ("(@4915100000002)", ["4915100000002"]),
        ("hi@4915100000002.example", []),
        ("@0151000000", []),
        ("@12345", []),
        ("@1234567890123456", []),
        ("@٤٩١٥١٠٠٠٠٠", []),
    ],
)
async def test_mentions_in_the_text(bench: Bench, text: str, mentioned: list[str]) -> None:
    await bench.run("sendMessage", phone="Team", message=text)
    assert bench.session.last(SendMessage).options.mentions == tuple(map(number, mentioned))


@pytest.mark.parametrize("mention", ["Team", "nobody", "12"])
async def test_wrong_mentions(bench: Bench, mention: str) -> None:
    with pytest.raises((WhatsAppMcpError, BadArguments)) as caught:
        await bench.run("sendMessage", **MESSAGE, mentions=[mention])
    assert "mentions" in str(caught.value)
    assert not any(isinstance(command, SendMessage) for command in bench.session.commands)


async def test_link(bench: Bench) -> None:
    await bench.run("sendLink", phone="Ana", link=" https://a.example/x?y=1 ", caption="look")
    assert bench.session.last(SendMessage).message == LinkOut(link="https://a.example/x?y=1", caption="look")


@pytest.mark.parametrize(
    "link",
    [
        "a.example",
        "ftp://a.example",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://a b.example",
        "http://[::1",
        "https://a.example\n.example",
        "   ",
    ],
)
async def test_no_link(bench: Bench, link: str) -> None:
    await refused(bench, "sendLink", "link", phone="Ana", link=link)


async def test_location(bench: Bench) -> None:
    await bench.run("sendLocation", phone="Ana", latitude="52.5", longitude="-13.25")
    assert bench.session.last(SendMessage).message == LocationOut(latitude=52.5, longitude=-13.25)


@pytest.mark.parametrize("value", ["90.1", "-91", "north", "nan", "inf", "1e400", "", "1,5"])
async def test_no_latitude(bench: Bench, value: str) -> None:
    await refused(bench, "sendLocation", "latitude", phone="Ana", latitude=value, longitude="0")


@pytest.mark.parametrize("value", ["180.1", "-181", "west", "nan"])
async def test_no_longitude(bench: Bench, value: str) -> None:
    await refused(bench, "sendLocation", "longitude", phone="Ana", latitude="0", longitude=value)


async def test_contact(bench: Bench) -> None:
    await bench.run("sendContact", phone="Ana", contact_name=" Bo ", contact_phone="+49 151 00000002")
    assert bench.session.last(SendMessage).message == ContactOut(name="Bo", number=BO.user)


@pytest.mark.parametrize(
    ("field", "value"), [("contact_name", "  "), ("contact_phone", "Bo"), ("contact_phone", str(TEAM))]
)
async def test_no_contact(bench: Bench, field: str, value: str) -> None:
    good = {"contact_name": "Bo", "contact_phone": BO.user}
    await refused(bench, "sendContact", field, phone="Ana", **(good | {field: value}))


POLL: dict[str, Any] = {"phone": "Team", "question": "Lunch?", "options": [" yes ", "no"], "max_answer": 1}


async def test_poll(bench: Bench) -> None:
    await bench.run("sendPoll", **POLL)
    assert bench.session.last(SendMessage) == SendMessage(
        chat=TEAM, message=PollOut(question="Lunch?", options=("yes", "no"), selectable_count=1)
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("options", ["yes", " "]),
        ("options", ["yes", " yes"]),
        ("options", []),
        ("question", "  "),
        ("max_answer", 3),
        ("max_answer", 0),
    ],
)
async def test_no_poll(bench: Bench, field: str, value: object) -> None:
    await refused(bench, "sendPoll", field, **(POLL | {field: value}))


@pytest.mark.parametrize("kind", ["available", "unavailable"])
async def test_presence(bench: Bench, kind: str) -> None:
    await bench.run("sendPresence", type=kind)
    assert bench.session.last(SetPresence).available is (kind == "available")


@pytest.mark.parametrize("action", ["start", "stop"])
async def test_chat_presence(bench: Bench, action: str) -> None:
    await bench.run("sendChatPresence", phone="Team", action=action)
    assert bench.session.last(SetChatPresence) == SetChatPresence(chat=TEAM, composing=action == "start")


async def test_what_whatsapp_refuses(bench: Bench) -> None:
    bench.session.answers["send_message"] = ReachoutTimelock("463")
    with pytest.raises(ReachoutTimelock):
        await bench.run("sendMessage", **MESSAGE)


ARGUMENTS: dict[str, dict[str, Any]] = {
    "sendMessage": MESSAGE,
    "sendLink": {"link": "https://a.example"},
    "sendLocation": {"latitude": "0", "longitude": "0"},
    "sendContact": {"contact_name": "Bo", "contact_phone": BO.user},
    "sendPoll": POLL,
    "sendChatPresence": {"action": "start"},
}


@pytest.mark.parametrize("operation", ARGUMENTS)
@pytest.mark.parametrize("phone", ["nobody", "12", "1@2@lid", "status@broadcast", " "])
async def test_no_recipient(bench: Bench, operation: str, phone: str) -> None:
    await refused(bench, operation, "phone", **(ARGUMENTS[operation] | {"phone": phone}))


async def test_blank_message(bench: Bench) -> None:
    await refused(bench, "sendMessage", "message", phone="Ana", message=" \n ")


async def refused(bench: Bench, operation: str, field: str, **arguments: Any) -> None:
    """The field is named, and nothing was sent."""
    with pytest.raises((WhatsAppMcpError, BadArguments)) as caught:
        await bench.run(operation, **arguments)
    if isinstance(caught.value, BadArguments):
        assert [name.partition("[")[0] for name in caught.value.fields] == [field]
    else:
        assert isinstance(caught.value, WhatsAppMcpError)
        assert caught.value.details["field"] == field
    assert not any(isinstance(command, SendMessage) for command in bench.session.commands)
