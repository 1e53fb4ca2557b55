"""Commands that a side login carries out, and what the session process and the process of the login say to each other.

The login has a process of its own, for one pause. To it go `LoginBegins`, then the commands, as calls of the pipe, each
answered with `Accepted` or an error at once; `Withdrawn` when a caller gave up; and `LoginGoes` when the device is
free. Back come then `Learned`, a reply to each call, and `LoginDone`. A call without a reply was not begun with.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Final, Literal, cast, get_args

from pydantic import Field, PlainSerializer, PlainValidator, TypeAdapter
from pydantic_core import from_json

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import AppStateChange, ChatMarksSeen
from whatsapp_mcp.models.side_login import Answer, BusinessProfile, JoinRequestResult
from whatsapp_mcp.pipe.command import Command, Wire

_CHANGES: Final = {cls.__name__: cls for cls in get_args(AppStateChange)}


@cache
def _adapter(name: str) -> TypeAdapter[AppStateChange]:
    return TypeAdapter(_CHANGES[name])


def _to_json(change: AppStateChange) -> dict[str, Any]:
    name = type(change).__name__
    return {"change": name, **_adapter(name).dump_python(change, mode="json")}


def _from_json(row: object) -> AppStateChange:
    match row:
        case {"change": str(name), **fields} if name in _CHANGES:
            return _adapter(name).validate_python(fields)
        case _ if type(row) in _CHANGES.values():
            return cast(AppStateChange, row)
    raise ValueError("not a change")


NamedChange = Annotated[AppStateChange, PlainSerializer(_to_json, when_used="json"), PlainValidator(_from_json)]
"""Travels with the name of its class."""


class ChangeAppState(Command[Answer[None]]):
    """Change the account's app state, as on any of its devices; the phone follows.

    Raises AppStateKeysMissing when nothing can be encrypted yet: that costs no pause.
    """

    unconnected = True

    changes: tuple[NamedChange, ...]


class KeepChatMarks(Command[None]):
    """What neonize's database has of pins, archive and mutes goes into the store, where it is news. What else the phone
    has changed is read by a side login."""

    unconnected = True

    seen: ChatMarksSeen


class ReadAppState(Command[Answer[None]]):
    """Learn what other devices changed in some collections, each after this version."""

    unconnected = True

    since: dict[str, int]


class GetBusinessProfile(Command[Answer[BusinessProfile]]):
    """Raises NotFound when the number is no business, or shows nothing."""

    unconnected = True

    jid: Jid


class AnswerJoinRequests(Command[Answer[tuple[JoinRequestResult, ...]]]):
    """Let people who asked to join a group in, or turn them away; a result per person, in the order asked."""

    unconnected = True

    group: Jid
    people: tuple[Jid, ...]
    action: Literal["approve", "reject"]


class RemoveGroupPicture(Command[Answer[None]]):
    unconnected = True

    group: Jid


# ---- between the session process and that of the login ---------------------------------------------------------------


class LoginBegins(Wire):
    """First line: which device logs in, and where."""

    type: Literal["begins"] = "begins"
    keys: str
    """neonize's database, as ``whereabouts.told`` writes it."""
    endpoint: Endpoint | None = None
    require_endpoint: bool = False
    log_level: str = "WARNING"
    record_stanzas: str = ""
    """File for the shapes of stanzas; empty: none."""
    total_seconds: float = 20.0
    """For all requests together."""
    answer_seconds: float = 10.0
    """For one request."""


class Withdrawn(Wire):
    """Nobody waits for this call any more."""

    type: Literal["withdrawn"] = "withdrawn"
    id: int


class LoginGoes(Wire):
    """neonize is disconnected: log in."""

    type: Literal["goes"] = "goes"


class Accepted(Wire):
    """This call can be carried out."""

    type: Literal["accepted"] = "accepted"
    id: int


class Learned(Wire):
    """What was read on the way: our changes, and what other devices changed in the same collections."""

    type: Literal["learned"] = "learned"
    changes: tuple[NamedChange, ...]
    device: str
    """As neonize's database spells it."""
    since: dict[str, int]
    """After which version all of a collection is in ``changes``."""
    versions: dict[str, int]
    """Up to which."""


class LoginDone(Wire):
    """Last line."""

    type: Literal["done"] = "done"


LoginLine = LoginBegins | Withdrawn | LoginGoes | Accepted | Learned | LoginDone


_TYPES: Final = {str(line.model_fields["type"].default) for line in get_args(LoginLine)}


def decode_login_line(line: bytes) -> LoginLine | None:
    """None: a call or a reply, see `codec`. Raises ValueError."""
    found = from_json(line)
    if not isinstance(found, dict) or found.get("type") not in _TYPES:
        return None
    return _login_lines().validate_python(found)


@cache
def _login_lines() -> TypeAdapter[LoginLine]:
    return TypeAdapter(Annotated[LoginLine, Field(discriminator="type")])
