"""The binary XML codec: what goes in comes out, and no input does harm."""

from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire.binary import Attr, BinaryError, Node, decode, encode
from whatsapp_mcp.wire.tokens import NEWEST, VERSIONS, dictionary

ALL_TOKENS = [*NEWEST.single[1:], *(token for table in NEWEST.double for token in table)]
TOKENS = st.integers(0, len(ALL_TOKENS) - 1).map(lambda index: ALL_TOKENS[index])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
STRINGS = st.one_of(
    TOKENS,
    TEXT,
    st.text("0123456789-.", max_size=140),
    st.text("0123456789ABCDEF", max_size=140),
)
TAGS = STRINGS.filter(bool)
USERS = st.one_of(st.text("0123456789", min_size=1, max_size=20), TEXT)
BYTE = st.integers(0, 255)
WORD = st.integers(0, 65535)
JIDS = st.one_of(
    st.builds(Jid, USERS, st.sampled_from(["s.whatsapp.net", "lid", "hosted", "hosted.lid"]), BYTE),
    st.builds(Jid, USERS, st.sampled_from(["g.us", "newsletter", "broadcast", "bot", "call"])),
    st.builds(Jid, USERS, TAGS.filter(lambda s: s not in ("interop", "hosted", "hosted.lid"))),
    st.builds(Jid, st.just(""), st.sampled_from(["s.whatsapp.net", "g.us"])),
    st.builds(Jid, USERS, st.just("msgr"), WORD),
    st.builds(lambda n, user, device: Jid(f"{n}-{user}", "interop", device), WORD, USERS, WORD),
)
ATTRS = st.dictionaries(STRINGS, st.one_of(STRINGS, JIDS), max_size=5)
LEAVES = st.builds(Node, TAGS, ATTRS, st.one_of(st.none(), st.binary(max_size=300), STRINGS))
NODES = st.recursive(LEAVES, lambda inner: st.builds(Node, TAGS, ATTRS, st.lists(inner, max_size=4)), max_leaves=12)


def as_received(node: Node) -> Node:
    """Text and bytes are one thing on the wire, as content."""
    if isinstance(node.content, list):
        return Node(node.tag, node.attrs, [as_received(child) for child in node.content])
    return Node(node.tag, node.attrs, None if node.content is None else node.data)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_the_tables_is_whole(version: int) -> None:
    tokens = dictionary(version)
    assert (len(tokens.single), [len(table) for table in tokens.double]) == (236, [256] * 4)
    every = [*tokens.single[1:], *(token for table in tokens.double for token in table)]
    assert len(set(every)) == len(every)
    node = Node("iq", dict.fromkeys(every[:400], "get"), [Node(token) for token in every])
    data = encode(node, tokens)
    assert decode(data, tokens) == node
    assert len(data) < 3 * (len(every) + 800)
    other = dictionary(next(v for v in VERSIONS if v != version))
    with pytest.raises((BinaryError, AssertionError)):
        assert decode(data, other) == node


@given(NODES)
def test_what_is_encoded_is_decoded(node: Node) -> None:
    assert as_received(decode(encode(node))) == as_received(node)


@given(NODES)
def test_compressed_frames_are_read(node: Node) -> None:
    plain = encode(node)
    assert decode(b"\x02" + zlib.compress(plain[1:])) == decode(plain)


@given(STRINGS)
def test_text_stays_text_in_attributes_even_if_it_looks_like_a_jid(text: str) -> None:
    decoded = decode(encode(Node("x", {"a": f"{text}@lid", "b": text})))
    assert decoded.attrs == {"a": f"{text}@lid", "b": text}


@given(st.binary(max_size=200))
@example(b"")
@example(b"\0")
@example(b"\2")
@example(b"\0\xf8\x03\x05\xf7\x07\x07\x05\x05")
def test_any_bytes_decode_or_raise_binary_error(data: bytes) -> None:
    for flag in (b"\0", b""):
        try:
            node = decode(flag + data)
        except BinaryError:
            continue
        assert node.tag


@given(NODES, st.data())
def test_damaged_frames_decode_or_raise_binary_error(node: Node, data: st.DataObject) -> None:
    frame = bytearray(encode(node))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(BYTE)
    del frame[data.draw(st.integers(1, len(frame))) :]
    with contextlib.suppress(BinaryError):
        assert decode(bytes(frame)).tag


@pytest.mark.parametrize("size", [0, 1, 255, 256, (1 << 20) - 1, 1 << 20])
def test_content_sizes_around_the_borders_of_the_length_forms(size: int) -> None:
    assert decode(encode(Node("enc", content=b"\0" * size))).data == b"\0" * size


@pytest.mark.parametrize("count", [0, 1, 255, 256, 65535])
def test_list_sizes_around_the_borders_of_the_list_forms(count: int) -> None:
    assert len(decode(encode(Node("list", content=[Node("item")] * count))).children("item")) == count


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node("iq"), "00 f8 01 19"),
        (Node("iq", {"type": "get"}), "00 f8 03 19 04 29"),
        (Node("message", {"id": "3EB0"}), "00 f8 03 13 08 fb 02 3e b0"),
        (Node("message", {"id": "12-.5"}), "00 f8 03 13 08 ff 83 12 ab 5f"),
        (Node("iq", {"to": Jid("", "s.whatsapp.net")}), "00 f8 03 19 11 fa 00 03"),
        (Node("iq", {"to": Jid("98765", "lid", 3)}), "00 f8 03 19 11 f7 01 03 ff 83 98 76 5f"),
        (Node("iq", {"id": "1" * 127}), "00 f8 03 19 08 ff c0 " + "11 " * 63 + "1f"),
        (Node("iq", {"id": "1" * 128}), "00 f8 03 19 08 fc 80" + " 31" * 128),
        (Node("iq", content=b"\x01"), "00 f8 02 19 fc 01 01"),
        (Node("iq", content=[Node("iq")]), "00 f8 02 19 f8 01 f8 01 19"),
    ],
)
def test_known_encodings(node: Node, expected: str) -> None:
    assert encode(node).hex(" ") == expected


@pytest.mark.parametrize(
    "node",
    [
        Node(""),
        Node("x", {"to": Jid("1", "s.whatsapp.net", 256)}),
        Node("x", {"to": Jid("1", "g.us", 1)}),
        Node("x", {"to": Jid("1", "")}),
        Node("x", {"to": Jid("1", "interop")}),
        Node("x", {"to": Jid("1", "msgr", 65536)}),
        Node("x", {"a": "\ud800"}),
        Node("x", content=[Node("y")] * 65536),
    ],
)
def test_nodes_without_a_binary_form_are_refused(node: Node) -> None:
    with pytest.raises(BinaryError):
        encode(node)


def test_depth_is_limited_both_ways() -> None:
    node = Node("x")
    for _ in range(100):
        node = Node("x", content=[node])
    with pytest.raises(BinaryError, match="deeper"):
        encode(node)
    with pytest.raises(BinaryError, match="deeper"):
        decode(b"\0" + b"\xf8\x02\x19\xf8\x01" * 100_000)


def test_number_of_nodes_is_limited() -> None:
    row = b"\xf8\x02\x19\xf9\xff\xff" + b"\xf8\x01\x19" * 65535
    with pytest.raises(BinaryError, match="500000 nodes"):
        decode(b"\0\xf8\x02\x19\xf8\x08" + row * 8)


def test_inflated_size_is_limited() -> None:
    bomb = zlib.compress(b"\0" * (64 << 20))
    with pytest.raises(BinaryError, match="too large"):
        decode(b"\x02" + bomb)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty frame"),
        (b"\0\0", "empty list"),
        (b"\0\xf8\x01\x19\x19", "1 bytes left"),
        (b"\0\xf8\x03\x19\x04", "cut off"),
        (b"\0\x19", "does not start a list"),
        (b"\0\xf8\x01\x00", "without a tag"),
        (b"\0\xf8\x03\x19\x11\xf7\x07\x01\xff\x01\x12", "unknown JID domain 7"),
        (b"\0\xf8\x03\x19\x11\xfa\x00\x00", "JID on server"),
        (b"\0\xf8\x03\x19\x04\xff\x01\xcc", "unknown digit"),
        (b"\0\xf8\x03\x19\x04\xff\x80", "cannot be odd"),
        (b"\0\xf8\x03\x19\x04\xf0", "starts no value"),
        (b"\x02nonsense", "broken zlib"),
        (b"\x02" + zlib.compress(b"\xf8\x01\x19")[:-2], "cut off"),
        (b"\x02" + zlib.compress(b"\xf8\x01\x19") + b"x", "after the zlib data"),
    ],
)
def test_reasons_of_refusal(data: bytes, reason: str) -> None:
    with pytest.raises(BinaryError, match=reason):
        decode(data)


def test_text_that_is_not_utf8_does_not_cost_the_stanza() -> None:
    assert decode(b"\0\xf8\x03\x19\x04\xfc\x02a\xff").get("type") == "a�"


def test_reading_a_node() -> None:
    attrs: dict[str, Attr] = {"from": Jid("1", "lid", 2), "to": "3@g.us", "t": "17", "who": "s.whatsapp.net"}
    node = Node("a", attrs, [Node("b", content="x"), Node("c", content=[Node("d", content=b"\xff")]), Node("b")])
    assert node.get("from") == "1:2@lid"
    assert node.get("missing") == ""
    assert node.get("missing", "0") == "0"
    assert node.jid("from") == Jid("1", "lid", 2)
    assert node.jid("to") == Jid("3", "g.us")
    assert node.jid("who") == Jid("", "s.whatsapp.net")
    assert node.jid("t") is None
    assert node.jid("missing") is None
    assert len(node.children()) == 3
    assert len(node.children("b")) == 2
    assert node.child("b") is node.children()[0]
    assert node.child("z") is None
    found = node.path("c", "d")
    assert found is not None
    assert found.data == b"\xff"
    assert node.path("z", "d") is None
    assert node.path() is node
    assert node.children()[0].data == b"x"
    assert node.data == b""
    assert node.children()[0].children() == []
    assert node.xml() == ('<a from="1:2@lid" to="3@g.us" t="17" who="s.whatsapp.net"><b>x</b><c><d>ff</d></c><b/></a>')


def test_a_jid_attribute_that_is_no_jid() -> None:
    assert Node("a", {"jid": "1:x@lid"}).jid("jid") is None


def test_long_binary_content_is_shortened_in_logs() -> None:
    assert Node("enc", content=b"\0" * 5000).xml() == f"<enc>{'00' * 32}…(5000 bytes)</enc>"
