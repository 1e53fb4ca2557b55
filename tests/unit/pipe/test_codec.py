"""Both ends of the pipe understand each other: every command, result and notice as JSON and back."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from tests.unit.pipe.samples import sample, value
from whatsapp_mcp.errors import RateLimited, from_wire
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import Outgoing, SendOptions
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe.command import COMMANDS, Command, Wire
from whatsapp_mcp.pipe.lines import EndReason, Notice, Reply
from whatsapp_mcp.pipe.messages import SendMessage
from whatsapp_mcp.supervisor.manager import _STAYS_DOWN

ANA = Jid("4915100000001", "s.whatsapp.net")
NOTICES: tuple[type[BaseModel], ...] = get_args(Notice)
OUTGOING: tuple[type[BaseModel], ...] = get_args(get_args(Outgoing)[0])


def test_every_command_is_registered_under_its_name() -> None:
    def subclasses(cls: type[Any]) -> set[type[Any]]:
        return {cls} | {each for sub in cls.__subclasses__() for each in subclasses(sub)}

    named = {cls for cls in subclasses(Command) if "name" in vars(cls)}
    assert named == set(COMMANDS.values())
    assert all(name == command.name for name, command in COMMANDS.items())
    assert len(COMMANDS) >= 15


def through_the_pipe(command: Command[Any]) -> Command[Any]:
    """As Link writes a call and the session process reads it."""
    line = codec.encode(codec.call_of(3, command, timeout=5))
    assert line.index(b"\n") == len(line) - 1
    return codec.command_in(codec.decode_call(line))


@pytest.mark.parametrize("optional", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_commands(name: str, *, optional: bool) -> None:
    command = sample(COMMANDS[name], optional=optional)
    assert isinstance(command, Command)
    assert through_the_pipe(command) == command


@pytest.mark.parametrize("kind", OUTGOING, ids=lambda kind: kind.__name__)
def test_everything_that_can_be_sent(kind: type[BaseModel]) -> None:
    message: Any = sample(kind, optional=True)
    options = SendOptions(reply_to_id="M1", forwarded=True, expiration=86400, mentions=(ANA,))
    command = SendMessage(chat=ANA, message=message, options=options)
    assert through_the_pipe(command) == command


@pytest.mark.parametrize("optional", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_results(name: str, *, optional: bool) -> None:
    """As the session process writes a reply and Link reads it."""
    command = sample(COMMANDS[name], optional=optional)
    assert isinstance(command, Command)
    result = value(command.result, optional=optional)
    line = codec.encode(codec.reply_of(codec.call_of(3, command, timeout=5), command, result))
    reply = codec.decode_from_session(line)
    assert isinstance(reply, Reply)
    assert codec.result_in(reply, command) == result


@pytest.mark.parametrize("optional", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("kind", NOTICES, ids=lambda kind: kind.__name__)
def test_notices(kind: type[BaseModel], *, optional: bool) -> None:
    notice = sample(kind, optional=optional)
    assert isinstance(notice, Wire)
    assert codec.decode_from_session(codec.encode(notice)) == notice


def test_an_error_survives_the_pipe() -> None:
    error = RateLimited("slow down", details={"retry_after_seconds": 60})
    reply = codec.decode_from_session(codec.encode(Reply(id=1, error=error.to_wire())))
    assert isinstance(reply, Reply)
    assert reply.error is not None
    assert from_wire(reply.error).to_wire() == error.to_wire()


@pytest.mark.parametrize(
    "line", ["", "{}", "hello", '{"type": "fax"}', '{"type": "state", "state": "confused"}', '{"type": "reply"}']
)
def test_what_is_no_notice(line: str) -> None:
    with pytest.raises(ValidationError):
        codec.decode_from_session(line.encode())


def test_settled_ends_are_known_reasons() -> None:
    assert _STAYS_DOWN.keys() <= set(get_args(EndReason))
