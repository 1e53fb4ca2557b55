"""Both ends of the pipe understand each other: every command, result and notice as JSON and back."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tests.unit.pipe.samples import sample, value
from whatsapp_mcp.errors import RateLimited, WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import Outgoing, SendOptions
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe.account import GetDevice
from whatsapp_mcp.pipe.command import COMMANDS, Command, Wire
from whatsapp_mcp.pipe.control import Vacuum
from whatsapp_mcp.pipe.lines import Notice, Stored
from whatsapp_mcp.pipe.messages import SendMessage
from whatsapp_mcp.worker.dispatch import COMMAND_MODULES

ANA = Jid("4915100000001", "s.whatsapp.net")
NOTICES: tuple[type[BaseModel], ...] = get_args(Notice)
OUTGOING: tuple[type[BaseModel], ...] = get_args(get_args(Outgoing)[0])


def test_every_command_is_registered_under_its_name() -> None:
    def subclasses(cls: type[Any]) -> set[type[Any]]:
        return {cls} | {each for sub in cls.__subclasses__() for each in subclasses(sub)}

    assert {module.__name__ for module in COMMAND_MODULES} <= {cls.__module__ for cls in COMMANDS.values()}
    named = {cls for cls in subclasses(Command) if "name" in vars(cls)}
    assert named == set(COMMANDS.values())
    assert all(name == command.name for name, command in COMMANDS.items())
    assert len(COMMANDS) >= 15


def through_the_pipe(command: Command[Any]) -> Command[Any]:
    """As Link writes a call and the session process reads it."""
    line = codec.encode_call(3, command, timeout=5)
    assert line.index(b"\n") == len(line) - 1
    call_id, timeout, found = codec.decode_call(line)
    assert (call_id, timeout) == (3, 5)
    assert isinstance(found, Command)
    return found


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
    (line,) = codec.encode_result(3, command, result)
    assert line.index(b"\n") == len(line) - 1
    reply = codec.decode_from_session(line)
    assert isinstance(reply, dict)
    assert reply["id"] == 3
    assert codec.result_in(reply, command) == result


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_long_results(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list goes in parts; the rest in one line. What vacuum answers is a pair, not a list of any length."""
    monkeypatch.setattr(codec, "PIECE", 0)
    command = sample(COMMANDS[name], optional=True)
    assert isinstance(command, Command)
    result = value(command.result, optional=True)
    is_list = isinstance(result, tuple) and not isinstance(command, Vacuum)
    result = result * 3 if is_list else result
    *parts, last = [codec.decode_from_session(line) for line in codec.encode_result(3, command, result)]
    rows: list[Any] = []
    for part in parts:
        assert isinstance(part, dict)
        rows += codec.rows_in(part, command)
    assert isinstance(last, dict)
    assert codec.result_in(last, command, rows) == result
    assert len(parts) == (len(result) if is_list else 0)


@pytest.mark.parametrize("optional", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("kind", NOTICES, ids=lambda kind: kind.__name__)
def test_notices(kind: type[BaseModel], *, optional: bool) -> None:
    notice = sample(kind, optional=optional)
    assert isinstance(notice, Wire)
    assert codec.decode_from_session(codec.encode(notice)) == notice


def test_what_reads_notices_is_built_once() -> None:
    line = codec.encode(Stored(newest_arrival=1))
    codec.decode_from_session(line)
    before = codec._adapter.cache_info().misses
    codec.decode_from_session(line)
    assert codec._adapter.cache_info().misses == before


def test_an_error_survives_the_pipe() -> None:
    error = RateLimited("slow down", details={"retry_after_seconds": 60})
    reply = codec.decode_from_session(codec.encode_error(1, error))
    assert isinstance(reply, dict)
    with pytest.raises(RateLimited) as raised:
        codec.result_in(reply, GetDevice())
    assert raised.value.to_wire() == error.to_wire()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"id": 1, "command": "fly", "timeout": 5, "arguments": {}}', "internal_error"),
        (b'{"id": 1, "command": "pair_phone", "timeout": 5, "arguments": {}}', "invalid_argument"),
    ],
)
def test_what_is_wrong_with_a_command(line: bytes, code: str) -> None:
    call_id, _, found = codec.decode_call(line)
    assert call_id == 1
    assert isinstance(found, WhatsAppMcpError)
    assert found.code == code


@pytest.mark.parametrize(
    "line", ["", "{}", "hello", '{"type": "fax"}', '{"type": "state", "state": "confused"}', '{"type": "reply"}']
)
def test_what_is_no_notice(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        codec.decode_from_session(line.encode())
