"""The protobuf classes come from neonize's wheel without its Go library."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.unit.systems import CHILD_LIMIT

from whatsapp_mcp.wire import protos

ALL_MODULES = """
import sys
from whatsapp_mcp.wire import protos
for name in protos.__all__:
    getattr(protos, name)
loaded = [name for name in sys.modules if name == "neonize" or name.startswith("neonize.")]
assert not loaded, loaded
"""

IDENTITY = """
from whatsapp_mcp.wire.protos import e2e, neonize_pb2
import neonize
from neonize.proto import Neonize_pb2
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
assert Message is e2e.Message
assert Neonize_pb2.JID is neonize_pb2.JID
"""

START_UP = """
import sys
import whatsapp_mcp.wire.protos
assert not [name for name in sys.modules if name.endswith("_pb2")]
"""


@pytest.mark.parametrize("program", [ALL_MODULES, IDENTITY, START_UP], ids=["no-go-library", "same-classes", "lazy"])
def test_in_a_process_of_its_own(program: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=CHILD_LIMIT, check=False
    )
    assert result.returncode == 0, result.stderr


def test_the_messages_that_the_transport_needs() -> None:
    assert protos.wa6.HandshakeMessage.DESCRIPTOR.name == "HandshakeMessage"
    assert protos.cert.CertChain.NoiseCertificate.Details.DESCRIPTOR.name == "Details"
    assert protos.e2e.Message(conversation="x").SerializeToString() == b"\x0a\x01x"


def test_other_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(protos, "nothing")  # noqa: B009
