"""The descriptors that are changed in memory are in the library that is installed, once each."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from whatsapp_mcp.whatsapp import unknown_values
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.wire import native
from whatsapp_mcp.wire.protos import neonize_pb2

SUBSCRIBED: dict[int, type[Message]] = {
    EventCode.MESSAGE: neonize_pb2.Message,
    EventCode.RECEIPT: neonize_pb2.Receipt,
    EventCode.HISTORY_SYNC: neonize_pb2.HistorySync,
    EventCode.JOINED_GROUP: neonize_pb2.JoinedGroup,
    EventCode.GROUP_INFO: neonize_pb2.GroupInfoEvent,
    EventCode.CALL_OFFER: neonize_pb2.CallOffer,
    EventCode.UNDECRYPTABLE: neonize_pb2.UndecryptableMessage,
    EventCode.LOGGED_OUT: neonize_pb2.LoggedOut,
}


def test_they_are_in_the_library() -> None:
    library = native.library_path()
    assert library is not None
    data = library.read_bytes()
    for names in unknown_values._FIELDS:
        required, optional = unknown_values._forms(*names)
        assert data.count(required) == 1, names
        assert len(required) == len(optional)
        assert sum(one != other for one, other in zip(required, optional, strict=True)) == 1


def test_no_required_enum_of_an_event_is_forgotten() -> None:
    required = set().union(*map(_required_enums, SUBSCRIBED.values()))
    assert required == set(unknown_values._FIELDS)


def test_a_library_that_is_not_loaded_is_left_alone() -> None:
    assert unknown_values.make_optional(Path("/nowhere/neonize.so")) == 0


def _required_enums(kind: type[Message]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    waiting, known = [kind.DESCRIPTOR], set()
    while waiting:
        message = waiting.pop()
        for field in message.fields:
            if field.message_type is not None and field.message_type.full_name not in known:
                known.add(field.message_type.full_name)
                waiting.append(field.message_type)
            is_neonizes = field.enum_type is not None and message.full_name.startswith("neonize.")
            if is_neonizes and field.type == FieldDescriptor.TYPE_ENUM and field.is_required:
                found.add((message.name, field.name))
    return found
