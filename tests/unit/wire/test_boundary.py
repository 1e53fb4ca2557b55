"""What comes through the boundary keeps the promises of its types, whatever was sent."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from tests.anything import anything, nested, of_length

import whatsapp_mcp
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire import boundary
from whatsapp_mcp.wire.boundary import ENTRIES, LIST_LIMITS, TEXT_LIMIT, TEXT_LIMITS, parse
from whatsapp_mcp.wire.protos import e2e, neonize_pb2


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"Hello friend \xed\xa0\xbd", "Hello friend \N{REPLACEMENT CHARACTER}"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\N{GRINNING FACE}"),
        (b"bad \xff\xfe text", "bad \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} text"),
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Gr\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}e"),
    ],
)
def test_text_is_text(sent: bytes, read: str) -> None:
    assert parse(e2e.Message, of_length(1, sent)).conversation == read


def test_repeated_text_is_text() -> None:
    mentions = of_length(6, of_length(17, of_length(15, b"ok") + of_length(15, b"\xff")))
    found = parse(e2e.Message, mentions).extendedTextMessage.contextInfo.mentionedJID
    assert list(found) == ["ok", "\N{REPLACEMENT CHARACTER}"]


def test_a_number_that_is_none_is_not_there() -> None:
    sent = e2e.Message()
    sent.locationMessage.degreesLatitude = math.nan
    sent.locationMessage.degreesLongitude = math.inf
    place = parse(e2e.Message, sent.SerializeToString()).locationMessage
    assert not place.HasField("degreesLatitude")
    assert not place.HasField("degreesLongitude")


def test_what_is_too_long_is_cut_and_says_so() -> None:
    sent = e2e.Message(conversation="a" * (TEXT_LIMIT + 1))
    for number in range(13):
        sent.pollCreationMessage.options.add(optionName=str(number))
    cut: list[str] = []
    read = parse(e2e.Message, sent.SerializeToString(), cut)
    assert len(read.conversation) == TEXT_LIMIT
    assert [option.optionName for option in read.pollCreationMessage.options] == [str(n) for n in range(12)]
    assert sorted(cut) == ["conversation", "options"]


def test_short_texts_have_limits_of_their_own() -> None:
    sent = e2e.Message()
    sent.reactionMessage.text = "X" * 100_000
    sent.reactionMessage.key.ID = "A" * 500
    sent.extendedTextMessage.contextInfo.stanzaID = "A" * 500
    cut: list[str] = []
    read = parse(e2e.Message, sent.SerializeToString(), cut)
    assert len(read.reactionMessage.text) == 64
    assert cut == ["text"]
    assert (
        read.reactionMessage.key.ID == read.extendedTextMessage.contextInfo.stanzaID == boundary.message_id("A" * 500)
    )


def test_lists_of_other_packages_are_as_long_as_they_are() -> None:
    sent = neonize_pb2.GetJoinedGroupsReturnFunction()
    sent.Group.extend(neonize_pb2.GroupInfo() for _ in range(3000))
    assert len(parse(neonize_pb2.GetJoinedGroupsReturnFunction, sent.SerializePartialToString()).Group) == 3000


def test_limits_name_lists_that_exist() -> None:
    lists = {field.full_name for field in _fields_below(e2e.Message.DESCRIPTOR) if field.is_repeated}
    lists |= {field.full_name for field in e2e.PollVoteMessage.DESCRIPTOR.fields}
    assert not LIST_LIMITS.keys() - lists
    texts = {field.full_name for field in _fields_below(neonize_pb2.HistorySync.DESCRIPTOR)}
    texts |= {field.full_name for field in neonize_pb2.MessageInfo.DESCRIPTOR.fields}
    assert not (TEXT_LIMITS.keys() | boundary._IDS) - texts


@pytest.mark.parametrize("depth", [1, 29, 50, 300, 3000])
def test_what_lies_too_deep_costs_only_what_lies_too_deep(depth: int) -> None:
    cut: list[str] = []
    read = parse(e2e.Message, nested(depth), cut)
    assert read.extendedTextMessage.text == f"level {depth - 1}"
    assert bool(cut) == (depth > 33)  # three messages for each level, of 100 that upb goes


def test_lists_in_lists_are_cut_together() -> None:
    message = e2e.Message()
    for _ in range(100):
        part = message.richResponseMessage.submessages.add()
        for _ in range(500):
            part.tableMetadata.rows.add()
    cut: list[str] = []
    read = parse(e2e.Message, message.SerializeToString(), cut).richResponseMessage.submessages
    assert len(read) + sum(len(part.tableMetadata.rows) for part in read) == ENTRIES
    assert set(cut) == {"rows"}


def test_much_that_is_unknown_is_left_out() -> None:
    unknown, cut = b"\xa2\xff\x03\x00" * 100_000, list[str]()
    read = parse(e2e.Message, e2e.Message(conversation="hi").SerializeToString() + unknown, cut)
    assert (read.SerializeToString(), cut) == (e2e.Message(conversation="hi").SerializeToString(), ["unknown"])


def test_what_go_could_not_write_is_left_out() -> None:
    text = e2e.ExtendedTextMessage(text="hi")
    text.endCardTiles.add()
    cut: list[str] = []
    read = parse(e2e.Message, e2e.Message(extendedTextMessage=text).SerializePartialToString(), cut)
    assert (read, cut) == (e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="hi")), ["endCardTiles"])


def test_what_is_no_protobuf_is_an_error() -> None:
    with pytest.raises(DecodeError):
        parse(e2e.Message, b"\x0a\xff\xff\xff\xff\x0f")


@pytest.mark.parametrize("text", ["", "x", "\xff@lid", "1@s.whatsapp.net\n", "1:99999@lid", "49@s.whatsapp.net x"])
def test_an_address_parses_whole(text: str) -> None:
    assert boundary.jid(text) is None
    assert boundary.jid("49151:3@s.whatsapp.net") == Jid("49151", "s.whatsapp.net")


def test_a_long_id_stays_itself() -> None:
    one, other = boundary.message_id("A" * 500), boundary.message_id("A" * 501)
    assert len(one) == len(other) == 128
    assert one != other
    assert boundary.message_id("3EB0C0FFEE") == "3EB0C0FFEE"


def test_nothing_else_parses_what_whatsapp_sent() -> None:
    package = Path(whatsapp_mcp.__file__).parent
    readers = [*package.glob("whatsapp/**/*.py"), package / "wire" / "app_state.py"]
    assert [path for path in readers if "FromString(" in path.read_text()] == []


def _fields_below(kind: Any) -> Iterator[FieldDescriptor]:
    known = {kind.full_name: kind}
    waiting = [kind]
    while waiting:
        for field in waiting.pop().fields:
            yield field
            inner = field.message_type
            if inner is not None and inner.full_name not in known:
                known[inner.full_name] = inner
                waiting.append(inner)


# -- anything in every field -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(100))
def test_every_field_is_what_its_type_says(seed: int) -> None:
    check(parse(e2e.Message, anything(random.Random(seed), e2e.Message.DESCRIPTOR, fields=8)))


def check(message: Message) -> None:
    for field, value in message.ListFields():
        for one in value if field.is_repeated else [value]:
            if field.message_type is not None:
                check(one)
            elif field.type == FieldDescriptor.TYPE_STRING:
                one.encode()
            elif isinstance(one, float):
                assert math.isfinite(one)
