"""The lines of the pipe as bytes: one JSON object each."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from whatsapp_mcp.pipe import account, groups, messages, profiles
from whatsapp_mcp.pipe.command import COMMANDS, Command, Wire
from whatsapp_mcp.pipe.lines import Call, FromSession, Hello, Notice, Reply

COMMAND_MODULES = (account, groups, messages, profiles)
"""Imported here so that every command is known wherever lines are read."""

R = TypeVar("R")


def encode(line: Wire) -> bytes:
    """With the line's end; fields that are None are left out."""
    return line.model_dump_json(exclude_none=True).encode() + b"\n"


def decode_hello(line: bytes) -> Hello:
    """Raises ValidationError, as every function here that reads."""
    return Hello.model_validate_json(line)


def decode_call(line: bytes) -> Call:
    return Call.model_validate_json(line)


def decode_from_session(line: bytes) -> Reply | Notice:
    return _adapter(FromSession).validate_json(line)  # type: ignore[no-any-return]


def call_of(call_id: int, command: Command[Any], timeout: float) -> Call:
    return Call(id=call_id, command=command.name, arguments=command.model_dump(mode="json"), timeout=timeout)


def command_in(call: Call) -> Command[Any]:
    """Raises KeyError for a command that does not exist."""
    return COMMANDS[call.command].model_validate_json(json.dumps(call.arguments))


def reply_of(call: Call, command: Command[R], result: R) -> Reply:
    return Reply(id=call.id, result=_adapter(command.result).dump_python(result, mode="json"))


def result_in(reply: Reply, command: Command[R]) -> R:
    result: R = _adapter(command.result).validate_json(json.dumps(reply.result))
    return result


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    """Building one costs milliseconds."""
    return TypeAdapter(type_)
