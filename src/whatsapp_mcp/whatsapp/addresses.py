"""neonize's protobuf form of a JID and ours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from whatsapp_mcp.errors import WhatsAppRefused
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire.protos import neonize_pb2

if TYPE_CHECKING:
    from neonize.proto.Neonize_pb2 import JID

logger = logging.getLogger(__name__)

E = TypeVar("E")
R = TypeVar("R")


def to_proto(jid: Jid) -> JID:
    return neonize_pb2.JID(User=jid.user, Server=jid.server, Device=jid.device, RawAgent=0, Integrator=0, IsEmpty=False)


def from_proto(jid: JID) -> Jid:
    """With its device number; use ``.bare`` for the person. Raises WhatsAppRefused for what is no address."""
    try:
        return Jid.checked(jid.User, jid.Server, jid.Device)
    except ValueError:
        raise WhatsAppRefused("WhatsApp named an address that is none") from None


def optional(jid: JID) -> Jid | None:
    """None for what neonize calls an empty JID, and for what is none."""
    if jid.IsEmpty or not jid.Server:
        return None
    with suppress(WhatsAppRefused):
        return from_proto(jid)
    return None


def readable(read: Callable[[E], R], entries: Iterable[E]) -> list[R]:
    """What can be read of a list: an entry whose address is none costs nothing but itself."""
    found: list[R] = []
    for entry in entries:
        try:
            found.append(read(entry))
        except WhatsAppRefused:
            logger.warning("an entry of a list has no address and is left out")
    return found


def person(jid: JID) -> Jid | None:
    """A person's or group's address without device; None for none, and for what is no address."""
    found = optional(jid)
    return found.bare if found is not None and found.user else None
