"""Which message another one is about: what a MessageKey says (waCommon).

A reaction, edit, revoke, vote, pin, comment … carries the key of the message it is about, written from the point of
view of whoever sent it: ``fromMe`` is that person's own message, ``participant`` names the author in a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire.boundary import jid

if TYPE_CHECKING:
    from neonize.proto.waCommon.WACommon_pb2 import MessageKey


class KeyCarrier(Protocol):
    """Where what carries the key came from; ``MessageOrigin`` is one."""

    @property
    def chat(self) -> Jid: ...
    @property
    def sender(self) -> Jid: ...
    @property
    def from_me(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """A ``KeyCarrier`` in so many words."""

    chat: Jid
    sender: Jid
    from_me: bool


def author_of(key: MessageKey, where: KeyCarrier, own: tuple[Jid, ...]) -> Jid | None:
    """The author of the message that a key names; None where it does not tell.

    Args:
        where: of the message that carries the key.
        own: our own addresses, the number first.
    """
    if key.fromMe:
        return where.sender
    if where.chat.is_person:  # of two people, the other one
        return where.chat if where.from_me else next(iter(own), None)
    author = jid(key.participant)
    return author if author is not None and author.is_person else None
