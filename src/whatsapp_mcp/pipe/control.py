"""Commands about the session process and its link to the account: all that the session manager itself gives.

Every server loads them before it answers anything, so they know of no models but those of the lines.
"""

from __future__ import annotations

from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.lines import AttachedClient


class PairPhone(Command[str]):
    """Answered with the pairing code."""

    digits: str


class Logout(Command[bool]):
    """Unlink the device. Whether WhatsApp confirmed it is answered; then the process ends, and the session is deleted,
    the messages too if that is wanted."""

    unconnected = True
    erase_messages: bool = False


class Restart(Command[None]):
    """End in order, so that the next process begins anew."""

    unconnected = True


class Move(Command[None]):
    """End in order, so that another node goes on with the account."""

    unconnected = True


class GetClients(Command[tuple[AttachedClient, ...]]):
    """Who is attached."""

    unconnected = True


class GetQueue(Command[int]):
    """How much waits to be stored."""

    unconnected = True
    at_any_time = True


class Reindex(Command[int]):
    """Make the search index anew, during a pause, then end; how many messages are in it."""

    unconnected = True


class Vacuum(Command[tuple[int, int]]):
    """Write the store anew without what is free in it, during a pause, then end; its bytes before and after."""

    unconnected = True


class Ping(Command[None]):
    """Whether the process still answers."""

    unconnected = True
