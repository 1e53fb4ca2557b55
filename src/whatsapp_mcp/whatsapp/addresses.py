"""neonize's protobuf form of a JID and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire.protos import neonize_pb2

if TYPE_CHECKING:
    from neonize.proto.Neonize_pb2 import JID


def to_proto(jid: Jid) -> JID:
    return neonize_pb2.JID(User=jid.user, Server=jid.server, Device=jid.device, RawAgent=0, Integrator=0, IsEmpty=False)


def from_proto(jid: JID) -> Jid:
    """With its device number; use ``.bare`` for the person. Raises ValueError for what is no address."""
    return Jid.checked(jid.User, jid.Server, jid.Device)


def optional(jid: JID) -> Jid | None:
    """None for what neonize calls an empty JID."""
    if jid.IsEmpty or not jid.Server:
        return None
    return from_proto(jid)


def person(jid: JID) -> Jid | None:
    """A person's or group's address without device; None for none, and for what is no address."""
    try:
        found = optional(jid)
    except ValueError:
        return None
    return found.bare if found is not None and found.user else None
