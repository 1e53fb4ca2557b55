"""A value that neonize does not know must not end its event pump.

neonize translates kinds of receipts and the like into enums that are ``required`` in Neonize.proto. A value that
its table lacks stays unset, Go then refuses to serialize the event, and the pump ends for good (neonize 0.5.2: main.go,
``required field neonize.Receipt.Type not set``): the process has to be started anew, and what whatsmeow decrypts in
that moment is lost. Such values are nothing unusual (``server-error`` receipts), and anybody who can write to the
account can make them up. So the descriptors that Go reads at its first use of a message are told, in this process's
memory, that these fields are optional. They arrive unset then, which readers know how to take.

No file is touched. Where the descriptor is not found exactly once, or memory cannot be changed in this way (macOS),
nothing is done: the session process is started anew then, as after any end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from whatsapp_mcp.platform.memory import replace_constants
from whatsapp_mcp.wire.protos import neonize_pb2

_FIELDS: Final = (
    ("Receipt", "Type"),
    ("UndecryptableMessage", "DecryptFailMode"),
    ("GroupLinkChange", "Type"),
    ("LoggedOut", "Reason"),
)
"""Required enums of the events that are subscribed to."""


def make_optional(library: Path) -> int:
    """Before neonize is started; how many of the fields are optional now."""
    return replace_constants(library, dict(_forms(*names) for names in _FIELDS))


def _forms(message: str, field: str) -> tuple[bytes, bytes]:
    """The serialized descriptor of a required field as the library has it, and as an optional one."""
    kind = DescriptorProto()
    neonize_pb2.DESCRIPTOR.message_types_by_name[message].CopyToProto(kind)
    found = next(one for one in kind.field if one.name == field)
    assert found.label == FieldDescriptor.LABEL_REQUIRED
    required = found.SerializeToString()
    found.label = FieldDescriptorProto.LABEL_OPTIONAL
    return required, found.SerializeToString()
