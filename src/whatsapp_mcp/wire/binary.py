"""WhatsApp's binary XML: stanzas (``Node``) to bytes and back.

A frame after decryption is one flag byte (bit 1: the rest is zlib) and one node. A node is a list: tag, attribute names
and values, content. Strings travel as dictionary tokens, packed digits, or raw bytes; JIDs have encodings of their own,
and a JID attribute is not the same as a string with the same text: the receiver may refuse the one where it wants the
other. Source: whatsmeow binary/{encoder,decoder}.go.

Input comes from the network: whatever the bytes are, ``decode`` returns a node or raises ``BinaryError``, within limits
on depth, number of nodes and inflated size.
"""

from __future__ import annotations

import zlib
from typing import Final

from whatsapp_mcp.jid import LID, USER, Jid
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.tokens import NEWEST, Dictionary

__all__ = ["Attr", "BinaryError", "Node", "decode", "encode"]

_MAX_DEPTH: Final = 64
_MAX_NODES: Final = 500_000
_MAX_INFLATED: Final = 32 * 1024 * 1024

_COMPRESSED: Final = 0x02

_LIST_EMPTY: Final = 0
_DICTIONARY_0: Final = 236
_DICTIONARY_3: Final = 239
_INTEROP_JID: Final = 245
_FB_JID: Final = 246
_AD_JID: Final = 247
_LIST_8: Final = 248
_LIST_16: Final = 249
_JID_PAIR: Final = 250
_HEX_8: Final = 251
_BINARY_8: Final = 252
_BINARY_20: Final = 253
_BINARY_32: Final = 254
_NIBBLE_8: Final = 255

_LISTS: Final = (_LIST_EMPTY, _LIST_8, _LIST_16)
_JIDS: Final = (_JID_PAIR, _AD_JID, _FB_JID, _INTEROP_JID)

_NIBBLES: Final = "0123456789-."
_HEXES: Final = "0123456789ABCDEF"
_NIBBLE_SET: Final = frozenset(_NIBBLES)
_HEX_SET: Final = frozenset(_HEXES)
_PACKED_MAX: Final = 127
_FILLER: Final = 15
"""Low half of the last byte of a packed string with an odd number of characters."""

_HOSTED: Final = "hosted"
_HOSTED_LID: Final = "hosted.lid"
_FACEBOOK: Final = "msgr"
_INTEROP: Final = "interop"
_SERVER_OF_DOMAIN: Final = {0: USER, 1: LID, 128: _HOSTED, 129: _HOSTED_LID}
_DOMAIN_OF_SERVER: Final = {server: domain for domain, server in _SERVER_OF_DOMAIN.items()}


class BinaryError(ValueError):
    """Bytes that are no binary XML, or a node that has no binary form."""


def encode(node: Node, tokens: Dictionary = NEWEST) -> bytes:
    """The frame body (before encryption) of a stanza: flag byte 0 and the node.

    Raises:
        BinaryError: the node has no binary form: too long or too deep, a device on a server that has none …
    """
    writer = _Writer(tokens)
    writer.node(node, 0)
    return bytes(writer.out)


def decode(data: bytes, tokens: Dictionary = NEWEST) -> Node:
    """The stanza in a frame body (after decryption).

    Raises:
        BinaryError: for every input that is not exactly one node.
    """
    if not data:
        raise BinaryError("empty frame")
    body = _inflate(data[1:]) if data[0] & _COMPRESSED else data[1:]
    reader = _Reader(body, tokens)
    node = reader.node(0)
    if reader.position != len(body):
        raise BinaryError(f"{len(body) - reader.position} bytes left after the node")
    return node


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(data, _MAX_INFLATED)
    except zlib.error as error:
        raise BinaryError(f"broken zlib data: {error}") from None
    if not inflater.eof:
        raise BinaryError("zlib data is cut off or too large")
    if inflater.unused_data:
        raise BinaryError("bytes after the zlib data")
    return body


class _Writer:
    def __init__(self, tokens: Dictionary) -> None:
        self.out = bytearray(b"\0")
        self.single, self.double = tokens.single_index, tokens.double_index

    def node(self, node: Node, depth: int) -> None:
        if depth >= _MAX_DEPTH:
            raise BinaryError(f"nodes nested deeper than {_MAX_DEPTH}")
        if not node.tag:
            raise BinaryError("a node needs a tag")
        self.list_start(1 + 2 * len(node.attrs) + (node.content is not None))
        self.string(node.tag)
        for name, value in node.attrs.items():
            self.string(name)
            if isinstance(value, Jid):
                self.jid(value)
            else:
                self.string(value)
        if node.content is None:
            return
        if isinstance(node.content, str):
            self.string(node.content)
        elif isinstance(node.content, bytes):
            self.raw(node.content)
        else:
            self.list_start(len(node.content))
            for child in node.content:
                self.node(child, depth + 1)

    def list_start(self, size: int) -> None:
        if size == 0:
            self.out.append(_LIST_EMPTY)
        elif size < 256:
            self.out += bytes((_LIST_8, size))
        elif size < 65536:
            self.out.append(_LIST_16)
            self.out += size.to_bytes(2, "big")
        else:
            raise BinaryError(f"a list of {size} items is too long")

    def string(self, text: str) -> None:
        """The shortest form: token, digits two to a byte, or raw UTF-8."""
        if (single := self.single.get(text)) is not None:
            self.out.append(single)
        elif (double := self.double.get(text)) is not None:
            self.out += bytes((_DICTIONARY_0 + double[0], double[1]))
        elif not 0 < len(text) <= _PACKED_MAX:
            self.raw(_utf8(text))
        elif _NIBBLE_SET.issuperset(text):
            self.packed(text, _NIBBLE_8, _NIBBLES)
        elif _HEX_SET.issuperset(text):
            self.packed(text, _HEX_8, _HEXES)
        else:
            self.raw(_utf8(text))

    def packed(self, text: str, tag: int, alphabet: str) -> None:
        odd = len(text) % 2
        self.out += bytes((tag, odd << 7 | (len(text) + 1) // 2))
        codes = [alphabet.index(character) for character in text]
        if odd:
            codes.append(_FILLER)
        self.out += bytes(high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True))

    def raw(self, data: bytes) -> None:
        size = len(data)
        if size < 256:
            self.out += bytes((_BINARY_8, size))
        elif size < 1 << 20:
            self.out.append(_BINARY_20)
            self.out += size.to_bytes(3, "big")
        elif size < 1 << 32:
            self.out.append(_BINARY_32)
            self.out += size.to_bytes(4, "big")
        else:
            raise BinaryError(f"{size} bytes are too many for one value")
        self.out += data

    def jid(self, jid: Jid) -> None:
        """whatsmeow binary/encoder.go writeJID: the server and the device decide which of the four forms it is."""
        if not jid.server:
            raise BinaryError("a JID needs a server")
        if jid.server in (_HOSTED, _HOSTED_LID) or (jid.device and jid.server in (USER, LID)):
            self.out += bytes((_AD_JID, _DOMAIN_OF_SERVER[jid.server], _number(jid, jid.device, 1)[0]))
            self.string(jid.user)
        elif jid.server == _FACEBOOK:
            self.out.append(_FB_JID)
            self.string(jid.user)
            self.out += _number(jid, jid.device, 2)
            self.string(jid.server)
        elif jid.server == _INTEROP:
            integrator, user = _split_integrator(jid)
            self.out.append(_INTEROP_JID)
            self.string(user)
            self.out += _number(jid, jid.device, 2) + _number(jid, integrator, 2)
            self.string(jid.server)
        elif jid.device:
            raise BinaryError(f"{jid.server} has no devices: {jid}")
        else:
            self.out.append(_JID_PAIR)
            if jid.user:
                self.string(jid.user)
            else:
                self.out.append(_LIST_EMPTY)
            self.string(jid.server)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BinaryError("text with a lone surrogate has no binary form") from None


def _number(jid: Jid, value: int, size: int) -> bytes:
    if not 0 <= value < 1 << 8 * size:
        raise BinaryError(f"{value} does not fit into {size} bytes: {jid}")
    return value.to_bytes(size, "big")


def _split_integrator(jid: Jid) -> tuple[int, str]:
    """``integrator-user@interop``: our ``Jid`` has no field for the integrator number."""
    number, dash, user = jid.user.partition("-")
    if not (dash and number.isascii() and number.isdigit()):
        raise BinaryError(f"an interop JID is written integrator-user@interop: {jid}")
    return int(number), user


class _Reader:
    def __init__(self, data: bytes, tokens: Dictionary) -> None:
        self.data = data
        self.tokens = tokens
        self.position = 0
        self.nodes = 0

    def byte(self) -> int:
        if self.position >= len(self.data):
            raise BinaryError("the node is cut off")
        value = self.data[self.position]
        self.position += 1
        return value

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise BinaryError("the node is cut off")
        value = self.data[self.position : end]
        self.position = end
        return value

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def node(self, depth: int) -> Node:
        if depth >= _MAX_DEPTH:
            raise BinaryError(f"nodes nested deeper than {_MAX_DEPTH}")
        self.nodes += 1
        if self.nodes > _MAX_NODES:
            raise BinaryError(f"more than {_MAX_NODES} nodes in one stanza")
        size = self.list_size(self.byte())
        if size == 0:
            raise BinaryError("an empty list is not a node")
        tag = self.text()
        if not tag:
            raise BinaryError("a node without a tag")
        attrs: dict[str, Attr] = {}
        for _ in range((size - 1) // 2):
            name = self.text()
            attrs[name] = self.attr()
        return Node(tag, attrs, self.content(depth) if size % 2 == 0 else None)

    def content(self, depth: int) -> bytes | str | list[Node]:
        tag = self.byte()
        if tag in _LISTS:
            return [self.node(depth + 1) for _ in range(self.list_size(tag))]
        if tag in _JIDS:
            return str(self.jid(tag))
        return self.value(tag)

    def list_size(self, tag: int) -> int:
        if tag == _LIST_8:
            return self.byte()
        if tag == _LIST_16:
            return self.number(2)
        if tag == _LIST_EMPTY:
            return 0
        raise BinaryError(f"byte {tag} does not start a list")

    def attr(self) -> Attr:
        tag = self.byte()
        if tag in _JIDS:
            return self.jid(tag)
        return self.text_of(tag)

    def text(self) -> str:
        return self.text_of(self.byte())

    def text_of(self, tag: int) -> str:
        if tag == _LIST_EMPTY:
            return ""
        value = self.value(tag)
        # A name cut inside a character must not cost us the stanza that carries it.
        return value if isinstance(value, str) else value.decode("utf-8", "replace")

    def value(self, tag: int) -> str | bytes:
        """A string or bytes: ``str`` for tokens and packed digits, ``bytes`` for what came as bytes."""
        if tag < _DICTIONARY_0:
            return self.tokens.single[tag]
        if tag <= _DICTIONARY_3:
            return self.tokens.double[tag - _DICTIONARY_0][self.byte()]
        if tag == _BINARY_8:
            return self.take(self.byte())
        if tag == _BINARY_20:
            return self.take(self.number(3) & 0xFFFFF)
        if tag == _BINARY_32:
            return self.take(self.number(4))
        if tag == _NIBBLE_8:
            return self.packed(_NIBBLES)
        if tag == _HEX_8:
            return self.packed(_HEXES)
        raise BinaryError(f"byte {tag} starts no value")

    def packed(self, alphabet: str) -> str:
        start = self.byte()
        codes = [half for byte in self.take(start & 0x7F) for half in (byte >> 4, byte & 15)]
        if start & 0x80:
            if not codes:
                raise BinaryError("an empty packed string cannot be odd")
            codes.pop()
        if codes and max(codes) >= len(alphabet):
            raise BinaryError("a packed string with an unknown digit")
        return "".join([alphabet[code] for code in codes])

    def jid(self, tag: int) -> Jid:
        if tag == _JID_PAIR:
            user = self.text()
            return Jid(user, self.server())
        if tag == _AD_JID:
            domain, device = self.byte(), self.byte()
            server = _SERVER_OF_DOMAIN.get(domain)
            if server is None:
                raise BinaryError(f"unknown JID domain {domain}")
            return Jid(self.text(), server, device)
        user, device = self.text(), self.number(2)
        if tag == _FB_JID:
            return Jid(user, self.server(_FACEBOOK), device)
        integrator = self.number(2)
        return Jid(f"{integrator}-{user}", self.server(_INTEROP), device)

    def server(self, expected: str | None = None) -> str:
        server = self.text()
        if not server or (expected is not None and server != expected):
            raise BinaryError(f"a JID on server {server!r} in the wrong form")
        return server
