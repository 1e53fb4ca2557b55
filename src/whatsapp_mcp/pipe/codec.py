"""The lines of the pipe as bytes: one JSON object each, parsed once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Annotated, Any, Final, TypeVar, cast, get_args, get_origin

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from whatsapp_mcp.errors import InvalidArgument, WhatsAppMcpError, from_wire
from whatsapp_mcp.pipe.command import COMMANDS, Command, Wire
from whatsapp_mcp.pipe.lines import Attach, Hello, Notice, Refused, Welcome
from whatsapp_mcp.pipe.pieces import PIECE

_ABOUT_CALLS: Final = ("reply", "part", "waits")
_ANSWER: Final = Annotated[Welcome | Refused, Field(discriminator="type")]
_NOTICE: Final = Annotated[Notice, Field(discriminator="type")]

R = TypeVar("R")


class Moving(Exception):
    """A session process that is about to end did not begin with a call; the next one can be asked."""


class GivenUp(Exception):
    """Nobody waits for the answer to this call any more."""

    def __init__(self, call_id: int) -> None:
        super().__init__(call_id)
        self.call_id = call_id


Json = dict[str, Any]


def encode(line: Wire) -> bytes:
    """A hello or a notice, with the line's end; fields that are None are left out."""
    return line.model_dump_json(exclude_none=True).encode() + b"\n"


def decode_hello(line: bytes) -> Hello:
    """Raises ValidationError."""
    return Hello.model_validate_json(line)


def decode_attach(line: bytes) -> Attach:
    """Raises ValidationError."""
    return Attach.model_validate_json(line)


def decode_answer(line: bytes) -> Welcome | Refused:
    """To ``Attach``. Raises ValidationError."""
    answer: Welcome | Refused = _adapter(_ANSWER).validate_json(line)
    return answer


# ---- calls ----------------------------------------------------------------------------------------------------------


def encode_call(call_id: int, command: Command[Any], timeout: float) -> bytes:
    """``timeout`` in seconds."""
    return _line({"id": call_id, "command": command.name, "timeout": timeout}, "arguments", command.model_dump_json())


def encode_given_up(call_id: int) -> bytes:
    return _line({"id": call_id}, "given_up", "true")


def decode_call(line: bytes) -> tuple[int, float, Command[Any] | WhatsAppMcpError]:
    """Id, seconds, and the command; in its place what is wrong with it.

    Raises:
        GivenUp: it is about an earlier call.
        ValueError, KeyError: the line cannot be read.
    """
    call = _object(line)
    if call.get("given_up"):
        raise GivenUp(call["id"])
    try:
        command = COMMANDS[call["command"]].model_validate(call["arguments"])
    except ValidationError as error:
        return call["id"], call["timeout"], InvalidArgument(str(error))
    except KeyError:
        return call["id"], call["timeout"], WhatsAppMcpError("the session does not know this command")
    return call["id"], call["timeout"], command


# ---- what the session process says ----------------------------------------------------------------------------------


def encode_result(call_id: int, command: Command[R], result: R) -> Iterator[bytes]:
    """The lines of a reply. A list that is long goes in parts, so that neither end makes or reads all of it at once."""
    if (item := _item_of(command)) is not None and isinstance(result, tuple):
        adapter, rows, size = _adapter(item), [], 0
        for row in result:
            rows.append(adapter.dump_json(row).decode())
            size += len(rows[-1])
            if size > PIECE:
                yield _line({"type": "part", "id": call_id}, "rows", f"[{','.join(rows)}]")
                rows, size = [], 0
        yield _line({"type": "reply", "id": call_id}, "result", f"[{','.join(rows)}]")
        return
    yield _line({"type": "reply", "id": call_id}, "result", _adapter(command.result).dump_json(result).decode())


def encode_error(call_id: int, error: WhatsAppMcpError) -> bytes:
    return _line({"type": "reply", "id": call_id}, "error", to_json(error.to_wire()).decode())


def encode_moving(call_id: int) -> bytes:
    """The answer to a call that came too late for this process: nothing was done, the next process can do it."""
    return _line({"type": "reply", "id": call_id}, "moving", "true")


def decode_from_session(line: bytes) -> Notice | Json:
    """A notice, or (a part of) a reply, which only its caller can read: see ``result_in``; or what a call waits for,
    as a `CallWaits`. Raises ValueError."""
    found = _object(line)
    if found.get("type") in _ABOUT_CALLS:
        return found
    notice: Notice = _adapter(_NOTICE).validate_python(found)
    return notice


def decode_reply(line: bytes) -> Json:
    """A reply that comes without notices. Raises ValueError."""
    return _object(line)


def rows_in(part: Json, command: Command[Any]) -> list[Any]:
    """Rows of a reply that more rows follow. Raises ValidationError."""
    rows: list[Any] = _adapter(list[_item_of(command)]).validate_python(part["rows"])  # type: ignore[misc]
    return rows


def result_in(reply: Json, command: Command[R], rows: Sequence[Any] = ()) -> R:
    """``rows`` are those that came before. Raises the WhatsAppMcpError that the reply carries, or ``Moving``."""
    if (error := reply.get("error")) is not None:
        raise from_wire(error)
    if reply.get("moving"):
        raise Moving
    result = _adapter(command.result).validate_python(reply["result"])
    return cast(R, (*rows, *result)) if rows else cast(R, result)


def _item_of(command: Command[Any]) -> Any:
    """The type of the rows, where the command is answered with any number of them."""
    arguments = get_args(command.result) if get_origin(command.result) is tuple else ()
    return arguments[0] if len(arguments) == 2 and arguments[1] is Ellipsis else None


def _line(head: Json, name: str, body: str) -> bytes:
    """The head with one more member, which is JSON already."""
    return f'{json.dumps(head)[:-1]}, "{name}": {body}}}\n'.encode()


def _object(line: bytes) -> Json:
    found = from_json(line)
    if not isinstance(found, dict) or not ("id" in found or found.get("type") not in _ABOUT_CALLS):
        raise ValueError("no line of the pipe")
    return found


@cache
def _adapter(type_: Any) -> TypeAdapter[Any]:
    """Building one costs milliseconds. A ``Field`` equals no other, so types that have one are named above."""
    return TypeAdapter(type_)
