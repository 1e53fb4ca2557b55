"""The lines of the pipe as bytes: one JSON object each, parsed once."""

from __future__ import annotations

import json
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from whatsapp_mcp.errors import InvalidArgument, WhatsAppMcpError, from_wire
from whatsapp_mcp.pipe import account, groups, messages, profiles
from whatsapp_mcp.pipe.command import COMMANDS, Command, Wire
from whatsapp_mcp.pipe.lines import Hello, Notice

COMMAND_MODULES = (account, groups, messages, profiles)
"""Imported here so that every command is known wherever lines are read."""

R = TypeVar("R")
Json = dict[str, Any]


def encode(line: Wire) -> bytes:
    """A hello or a notice, with the line's end; fields that are None are left out."""
    return line.model_dump_json(exclude_none=True).encode() + b"\n"


def decode_hello(line: bytes) -> Hello:
    """Raises ValidationError."""
    return Hello.model_validate_json(line)


# ---- calls ----------------------------------------------------------------------------------------------------------


def encode_call(call_id: int, command: Command[Any], timeout: float) -> bytes:
    """``timeout`` in seconds."""
    return _line({"id": call_id, "command": command.name, "timeout": timeout}, "arguments", command.model_dump_json())


def decode_call(line: bytes) -> tuple[int, float, Command[Any] | WhatsAppMcpError]:
    """Id, seconds, and the command; in its place what is wrong with it.

    Raises:
        ValueError, KeyError: the line cannot be read.
    """
    call = _object(line)
    try:
        command = COMMANDS[call["command"]].model_validate(call["arguments"])
    except ValidationError as error:
        return call["id"], call["timeout"], InvalidArgument(str(error))
    except KeyError:
        return call["id"], call["timeout"], WhatsAppMcpError("the session does not know this command")
    return call["id"], call["timeout"], command


# ---- what the session process says ----------------------------------------------------------------------------------


def encode_result(call_id: int, command: Command[R], result: R) -> bytes:
    return _line({"type": "reply", "id": call_id}, "result", _adapter(command.result).dump_json(result).decode())


def encode_error(call_id: int, error: WhatsAppMcpError) -> bytes:
    return _line({"type": "reply", "id": call_id}, "error", to_json(error.to_wire()).decode())


def decode_from_session(line: bytes) -> Notice | Json:
    """A notice, or a reply, which only its caller can read: see ``result_in``. Raises ValueError."""
    found = _object(line)
    if found.get("type") == "reply":
        return found
    notice: Notice = _adapter(Annotated[Notice, Field(discriminator="type")]).validate_python(found)
    return notice


def result_in(reply: Json, command: Command[R]) -> R:
    """Raises the WhatsAppMcpError that the reply carries."""
    if (error := reply.get("error")) is not None:
        raise from_wire(error)
    result: R = _adapter(command.result).validate_python(reply["result"])
    return result


def _line(head: Json, name: str, body: str) -> bytes:
    """The head with one more member, which is JSON already."""
    return f'{json.dumps(head)[:-1]}, "{name}": {body}}}\n'.encode()


def _object(line: bytes) -> Json:
    found = from_json(line)
    if not isinstance(found, dict) or not ("id" in found or found.get("type") != "reply"):
        raise ValueError("no line of the pipe")
    return found


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    """Building one costs milliseconds."""
    return TypeAdapter(type_)
