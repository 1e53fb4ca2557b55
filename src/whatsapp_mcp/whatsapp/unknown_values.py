"""A value that neonize does not know must not end its event pump.

neonize translates kinds of receipts and the like into enums that are ``required`` in Neonize.proto. A value that
its table lacks stays unset, Go then refuses to serialize the event, and the pump ends for good (neonize 0.5.2: main.go,
``required field neonize.Receipt.Type not set``): the process has to be started anew, and what whatsmeow decrypts in
that moment is lost. Such values are nothing unusual (``server-error`` receipts), and anybody who can write to the
account can make them up. So the descriptors that Go reads at its first use of a message are told, in this process's
memory, that these fields are optional. They arrive unset then, which readers know how to take.

No file is touched. Where the descriptor is not found exactly once, or memory cannot be changed in this way (Linux
only), nothing is done: the session process is started anew then, as after any end.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from whatsapp_mcp.wire.protos import neonize_pb2

_FIELDS: Final = (
    ("Receipt", "Type"),
    ("UndecryptableMessage", "DecryptFailMode"),
    ("GroupLinkChange", "Type"),
    ("LoggedOut", "Reason"),
)
"""Required enums of the events that are subscribed to."""
_READ, _WRITE = 1, 2
"""PROT_READ and PROT_WRITE of mprotect(2)."""


class _Mapping(NamedTuple):
    """Constant data of the library."""

    start: int
    data: bytes


def make_optional(library: Path) -> int:
    """Before neonize is started; how many of the fields are optional now."""
    if not sys.platform.startswith("linux"):
        return 0
    mappings = list(_read_only(library))
    return sum(_patch(mappings, *_forms(*names)) for names in _FIELDS)


def _forms(message: str, field: str) -> tuple[bytes, bytes]:
    """The serialized descriptor of a required field as the library has it, and as an optional one."""
    kind = DescriptorProto()
    neonize_pb2.DESCRIPTOR.message_types_by_name[message].CopyToProto(kind)
    found = next(one for one in kind.field if one.name == field)
    assert found.label == FieldDescriptor.LABEL_REQUIRED
    required = found.SerializeToString()
    found.label = FieldDescriptorProto.LABEL_OPTIONAL
    return required, found.SerializeToString()


def _read_only(library: Path) -> Iterator[_Mapping]:
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith(str(library)) and line.split()[1].startswith("r--"):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            yield _Mapping(start, ctypes.string_at(start, end - start))


def _patch(mappings: list[_Mapping], old: bytes, new: bytes) -> bool:
    holders = [mapping for mapping in mappings if old in mapping.data]
    if len(holders) != 1 or holders[0].data.count(old) != 1:
        return False
    place = holders[0].start + holders[0].data.find(old)
    libc = ctypes.CDLL(None, use_errno=True)
    page = place - place % mmap.PAGESIZE
    length = place + len(new) - page
    if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(length), _READ | _WRITE):
        return False  # not allowed here
    ctypes.memmove(place, new, len(new))
    libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(length), _READ)
    return True
