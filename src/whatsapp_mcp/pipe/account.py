"""Commands about the account: pairing, its device, the people it knows."""

from __future__ import annotations

from whatsapp_mcp.jid import Jid
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


class Reindex(Command[int]):
    """Make the search index anew, during a pause, then end; how many messages are in it."""

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
