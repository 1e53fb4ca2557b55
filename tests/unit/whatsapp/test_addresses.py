"""neonize's JIDs and ours."""

from __future__ import annotations

import pytest

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.whatsapp.addresses import from_proto, optional, to_proto
from whatsapp_mcp.wire.protos import neonize_pb2

ADDRESSES = [
    Jid("4915100000001", "s.whatsapp.net"),
    Jid("4915100000001", "s.whatsapp.net", 12),
    Jid("100000000000001", "lid", 3),
    Jid("120363000000000001", "g.us"),
    Jid("status", "broadcast"),
]


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
def test_round_trip(address: Jid) -> None:
    message = neonize_pb2.JID.FromString(to_proto(address).SerializeToString())
    assert message.IsInitialized(), "neonize refuses a JID with a required field missing"
    assert from_proto(message) == address
    assert optional(message) == address


def test_what_neonize_calls_empty_is_none() -> None:
    nothing = neonize_pb2.JID(User="", Server="", Device=0, RawAgent=0, Integrator=0)
    assert optional(nothing) is None
    flagged = neonize_pb2.JID(User="1", Server="lid", Device=0, RawAgent=0, Integrator=0, IsEmpty=True)
    assert optional(flagged) is None
    assert optional(neonize_pb2.Device().LID) is None
