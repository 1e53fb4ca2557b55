"""Commands about the account: its device, the people it knows."""

from __future__ import annotations

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Device, NumberCheck, Person
from whatsapp_mcp.pipe.command import Command


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


class KeepLook(Command[None]):
    """Note up to where somebody has caught up."""

    unconnected = True
    at_any_time = True

    caller: str
    arrival: int
    looked_at: int
    """Milliseconds since 1970."""


class SetPresence(Command[None]):
    available: bool
