"""Both ends of the pipe understand each other: every command, result and notice as JSON and back."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from tests.unit.pipe.samples import sample
from whatsapp_mcp.errors import RateLimited, from_wire
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import Outgoing, SendOptions
from whatsapp_mcp.pipe import protocol as p
from whatsapp_mcp.supervisor.manager import _SETTLED

ANA = Jid("4915100000001", "s.whatsapp.net")
NOTICE: TypeAdapter[Any] = TypeAdapter(p.Notice)
NOTICES: tuple[type[BaseModel], ...] = get_args(get_args(p.Notice)[0])
OUTGOING: tuple[type[BaseModel], ...] = get_args(get_args(Outgoing)[0])


def test_every_command_is_registered_under_its_name() -> None:
    def subclasses(cls: type[Any]) -> set[type[Any]]:
        return {cls} | {each for sub in cls.__subclasses__() for each in subclasses(sub)}

    named = {cls for cls in subclasses(p.Command) if "name" in vars(cls)}
    assert named == set(p.COMMANDS.values())
    assert all(name == command.name for name, command in p.COMMANDS.items())
    assert len(p.COMMANDS) >= 15


def through_the_pipe(command: p.Command[Any]) -> p.Command[Any]:
    """As Link writes a call and the session process reads it."""
    line = p.Call(id=3, command=command.name, arguments=command.model_dump(mode="json"), timeout=5).model_dump_json()
    assert "\n" not in line
    call = p.Call.model_validate_json(line)
    return p.COMMANDS[call.command].model_validate(call.arguments)


@pytest.mark.parametrize("optional", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("name", sorted(p.COMMANDS))
def test_commands(name: str, *, optional: bool) -> None:
    command = sample(p.COMMANDS[name], optional=optional)
    assert isinstance(command, p.Command)
    assert through_the_pipe(command) == command


@pytest.mark.parametrize("kind", OUTGOING, ids=lambda kind: kind.__name__)
def test_everything_that_can_be_sent(kind: type[BaseModel]) -> None:
    message: Any = sample(kind, optional=True)
    options = SendOptions(reply_to_id="M1", forwarded=True, expiration=86400, mentions=(ANA,))
    command = p.SendMessage(chat=ANA, message=message, options=options)
    assert through_the_pipe(command) == command


@pytest.mark.parametrize("optional", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("name", sorted(p.COMMANDS))
def test_results(name: str, *, optional: bool) -> None:
    """As the session process writes a reply (without nulls at the top) and Link reads it."""
    result = sample(p.COMMANDS[name].result, optional=optional)
    line = p.Reply(id=3, result=result.model_dump(mode="json")).model_dump_json(exclude_none=True)
    reply = NOTICE.validate_json(line)
    assert type(result).model_validate(reply.result) == result


@pytest.mark.parametrize("optional", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("kind", NOTICES, ids=lambda kind: kind.__name__)
def test_notices(kind: type[BaseModel], *, optional: bool) -> None:
    notice = sample(kind, optional=optional)
    line = notice.model_dump_json(exclude_none=True)
    assert "\n" not in line
    assert NOTICE.validate_json(line) == notice


def test_an_error_survives_the_pipe() -> None:
    error = RateLimited("slow down", details={"retry_after_seconds": 60})
    line = p.Reply(id=1, error=error.to_wire()).model_dump_json(exclude_none=True)
    reply = p.Reply.model_validate_json(line)
    assert reply.error is not None
    assert from_wire(reply.error).to_wire() == error.to_wire()


@pytest.mark.parametrize(
    "line", ["", "{}", "hello", '{"type": "fax"}', '{"type": "state", "state": "confused"}', '{"type": "reply"}']
)
def test_what_is_no_notice(line: str) -> None:
    with pytest.raises(ValidationError):
        NOTICE.validate_json(line)


def test_settled_ends_are_known_reasons() -> None:
    assert _SETTLED.keys() <= set(get_args(p.EndReason))
