"""Commands about the account: pairing, its device, the people it knows."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Final, cast, get_args

from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import AppStateChange
from whatsapp_mcp.models.views import Device, NumberCheck, Person
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.lines import AttachedClient


class PairPhone(Command[str]):
    """Answered with the pairing code."""

    digits: str


class Logout(Command[bool]):
    """Unlink the device. Whether WhatsApp confirmed it is answered; then the process ends, and session and messages are
    erased."""

    unconnected = True


class Restart(Command[None]):
    """End in order, so that the next process begins anew."""

    unconnected = True


class GetClients(Command[tuple[AttachedClient, ...]]):
    """Who is attached."""

    unconnected = True


class Ping(Command[None]):
    """Whether the process still answers."""

    unconnected = True


class GetDevice(Command[Device]): ...


class GetPerson(Command[Person]):
    jid: Jid


class CheckNumbers(Command[tuple[NumberCheck, ...]]):
    numbers: tuple[str, ...]


class GetPrivacy(Command[dict[str, str]]):
    """Who may see or do what, per setting."""


class ChangePushName(Command[None]):
    push_name: str


class SyncContacts(Command[None]):
    """Copy the names that the linked device knows into the store."""


class SetPresence(Command[None]):
    available: bool


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


_NamedChange = Annotated[AppStateChange, PlainSerializer(_to_json, when_used="json"), PlainValidator(_from_json)]
"""Travels with the name of its class."""


class RecordChanges(Command[None]):
    """Store what was learned beside the session process."""

    changes: tuple[_NamedChange, ...]
