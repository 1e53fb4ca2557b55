"""Both ends of the pipe understand each other: every command, result and notice as JSON and back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from whatsapp_mcp.errors import RateLimited, from_wire
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models import SessionState
from whatsapp_mcp.outgoing import ContactOut, LinkOut, LocationOut, PollOut, SendOptions, TextOut
from whatsapp_mcp.session import protocol as p
from whatsapp_mcp.session.manager import _SETTLED

ANA = Jid("4915100000001", "s.whatsapp.net")
TARGET = p.ChatRef(chat=ANA, message_id="M1")

COMMANDS: list[p.Command[Any]] = [
    p.PairPhone(digits="4915100000009"),
    p.Logout(),
    p.GetDevice(),
    p.GetPerson(jid=ANA),
    p.CheckNumbers(numbers=("49151", "49152")),
    p.GetPrivacy(),
    p.ChangePushName(push_name="Zoë"),
    p.SyncContacts(),
    p.SendMessage(chat=ANA, message=TextOut(text="hi\n\u2028\0 🙂")),
    p.SendMessage(chat=ANA, message=LinkOut(link="https://a.example"), options=SendOptions(mentions=(ANA,))),
    p.SendMessage(chat=ANA, message=LocationOut(latitude=1, longitude=2), options=SendOptions(reply_to_id="M0")),
    p.SendMessage(chat=ANA, message=ContactOut(name="Bo", number="49151")),
    p.SendMessage(chat=ANA, message=PollOut(question="?", options=("a", "b"), selectable_count=1)),
    p.React(target=TARGET, emoji="👍"),
    p.Revoke(target=TARGET),
    p.EditMessage(target=TARGET, text="new"),
    p.MarkRead(target=TARGET),
    p.SetPresence(available=True),
    p.SetChatPresence(chat=ANA, composing=False),
]

RESULTS: list[BaseModel] = [
    p.Done(),
    p.SentMessage(message_id="M1", chat=ANA, timestamp=1_700_000_000_123),
    p.PairingCode(code="ABCD-1234"),
    p.OwnDevice(jid=ANA, lid=None, push_name="", business_name="", platform=""),
    p.PersonInfo(jid=ANA, verified_name="", status="", picture_id="", devices=(ANA, ANA.with_device(2))),
    p.NumberResults(numbers=(p.NumberResult(number="49151", registered=False, jid=None),)),
    p.PrivacyResult(settings={"online": "all"}),
]

NOTICES: list[BaseModel] = [
    p.Reply(id=1, result={"code": None}),
    p.Reply(id=1, error=RateLimited("slow down").to_wire()),
    p.StateChanged(state=SessionState.CONNECTED, own_jid=ANA.with_device(3), push_name="Zoë"),
    p.Shown(text="https://wa.me/settings/linked_devices#1", seconds=60),
    p.Stored(newest_arrival=7),
    p.Ended(reason="logged_out", detail="by the phone"),
]


def test_every_command_is_here() -> None:
    assert {type(command) for command in COMMANDS} == set(p.COMMANDS.values())
    assert {type(result) for result in RESULTS} == {command.result for command in p.COMMANDS.values()}


def test_every_command_of_the_module_is_registered() -> None:
    def subclasses(cls: type[Any]) -> set[type[Any]]:
        return {cls} | {each for sub in cls.__subclasses__() for each in subclasses(sub)}

    named = {cls for cls in subclasses(p.Command) if "name" in vars(cls)}
    assert named == set(p.COMMANDS.values())
    assert all(name == command.name for name, command in p.COMMANDS.items())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_commands(command: p.Command[Any]) -> None:
    """As Link writes a call and the session process reads it."""
    line = p.Call(id=3, command=command.name, arguments=command.model_dump(mode="json"), timeout=5).model_dump_json()
    assert "\n" not in line
    call = p.Call.model_validate_json(line)
    assert p.COMMANDS[call.command].model_validate(call.arguments) == command


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_results(result: BaseModel) -> None:
    """As the session process writes a reply (without nulls at the top) and Link reads it."""
    line = p.Reply(id=3, result=result.model_dump(mode="json")).model_dump_json(exclude_none=True)
    reply = TypeAdapter[Any](p.Notice).validate_json(line)
    assert type(result).model_validate(reply.result) == result


@pytest.mark.parametrize("notice", NOTICES, ids=lambda notice: type(notice).__name__)
def test_notices(notice: BaseModel) -> None:
    line = notice.model_dump_json(exclude_none=True)
    assert "\n" not in line
    assert TypeAdapter[Any](p.Notice).validate_json(line).model_dump(exclude_none=True) == notice.model_dump(
        exclude_none=True
    )


def test_an_error_survives_the_pipe() -> None:
    error = RateLimited("slow down", details={"retry_after_seconds": timedelta(minutes=1).seconds})
    line = p.Reply(id=1, error=error.to_wire()).model_dump_json(exclude_none=True)
    reply = p.Reply.model_validate_json(line)
    assert reply.error is not None
    assert from_wire(reply.error).to_wire() == error.to_wire()


@pytest.mark.parametrize(
    "line", ["", "{}", "hello", '{"type": "fax"}', '{"type": "state", "state": "confused"}', '{"type": "reply"}']
)
def test_what_is_no_notice(line: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[Any](p.Notice).validate_json(line)


def test_settled_ends_are_known_reasons() -> None:
    for reason in _SETTLED:
        p.Ended(reason=reason)
