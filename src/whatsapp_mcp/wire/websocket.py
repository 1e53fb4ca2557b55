"""As much of WebSocket (RFC 6455) as WhatsApp's connection needs, both roles, without I/O.

Binary messages in any fragmentation, ping and pong, close; no extensions (a peer that offers permessage-deflate is not
answered, so it does not use it). The caller moves the bytes: feed what arrived, send what ``take_replies()`` and the
message functions return.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

__all__ = [
    "CloseReason",
    "Role",
    "WebSocketBuffer",
    "WebSocketError",
    "accept_response",
    "check_response",
    "client_request",
    "new_key",
]

Role = Literal["client", "server"]

MAX_MESSAGE: Final = 16 * 1024 * 1024 + 64 * 1024
"""One frame of WhatsApp's and its header fit; a message may carry several frames, but nobody sends such large ones."""

_ACCEPT_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_CONTINUATION: Final = 0
_TEXT: Final = 1
_BINARY: Final = 2
_CLOSE: Final = 8
_PING: Final = 9
_PONG: Final = 10

_FINAL: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_MAX_CONTROL: Final = 125
_NO_CODE: Final = 1005


class WebSocketError(ValueError):
    """The peer does not speak WebSocket as we need it; close the connection."""


class CloseReason(NamedTuple):
    """What the peer's close frame said; 1005 stands for a close frame without a code."""

    code: int
    reason: str


def new_key() -> str:
    """A fresh ``Sec-WebSocket-Key``."""
    return base64.b64encode(secrets.token_bytes(16)).decode()


def client_request(host: str, path: str, *, key: str, origin: str) -> bytes:
    """The HTTP request that asks for the upgrade; ``key`` comes from ``new_key``."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"Origin: {origin}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def check_response(head: bytes, *, key: str) -> None:
    """Check the server's answer, up to and with the empty line, to the request made with ``key``.

    Raises:
        WebSocketError: it is no upgrade to WebSocket; the text has the status line.
    """
    status, *lines = head.decode("latin-1").split("\r\n")
    if status.split(" ", 2)[1:2] != ["101"]:
        raise WebSocketError(f"the server answered {status[:100]!r} instead of switching to WebSocket")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("sec-websocket-accept") != _accept_value(key):
        raise WebSocketError("the server's Sec-WebSocket-Accept does not belong to our key")
    if headers.get("sec-websocket-extensions"):
        raise WebSocketError("the server chose an extension that we did not offer")


def accept_response(request_headers: Mapping[str, str]) -> bytes:
    """The server's HTTP answer to an upgrade request with these headers (names in any case).

    Raises:
        WebSocketError: they do not ask for WebSocket version 13.
    """
    headers = {name.lower(): value.strip() for name, value in request_headers.items()}
    key = headers.get("sec-websocket-key", "")
    if headers.get("upgrade", "").lower() != "websocket" or not key:
        raise WebSocketError("not a WebSocket upgrade request")
    if headers.get("sec-websocket-version") != "13":
        raise WebSocketError("only WebSocket version 13 is spoken here")
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {_accept_value(key)}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _accept_value(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode("latin-1", "replace") + _ACCEPT_GUID).digest()).decode()


class WebSocketBuffer:
    """One end of an open WebSocket.

    Args:
        role: which end we are; a client masks what it sends, a server must not.
        max_message: limit in bytes for one message, over all its fragments.
    """

    def __init__(self, role: Role, *, max_message: int = MAX_MESSAGE) -> None:
        self._role: Role = role
        self._max_message = max_message
        self._buffer = bytearray()
        self._fragments: bytearray | None = None
        self._replies: list[bytes] = []
        self._close_sent = False
        self.closed: CloseReason | None = None
        """Set once the peer's close frame has arrived; what comes after it is ignored."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next chunk; return the data messages (binary or text alike) that it completes, in order.

        Afterwards ``take_replies()`` may have pongs or the answer to a close to send, and ``closed`` may be set.

        Raises:
            WebSocketError: the peer broke the protocol or a limit.
        """
        if self.closed is not None:
            return []
        self._buffer += data
        messages: list[bytes] = []
        start = 0
        while self.closed is None and (frame := self._frame_at(start)) is not None:
            opcode, final, payload, start = frame
            if opcode >= _CLOSE:
                self._control(opcode, payload)
            elif (message := self._assemble(opcode, payload, final=final)) is not None:
                messages.append(message)
        del self._buffer[:start]
        return messages

    def take_replies(self) -> list[bytes]:
        """The frames that the protocol makes us answer with (pongs, a close), to be sent now; each is returned once."""
        replies, self._replies = self._replies, []
        return replies

    def message(self, data: bytes) -> bytes:
        """One binary message, to be sent."""
        return self._encode(_BINARY, data)

    def ping(self, data: bytes = b"") -> bytes:
        """A ping with up to 125 bytes, to be sent; the peer answers with a pong, which ``feed`` swallows."""
        return self._encode(_PING, data[:_MAX_CONTROL])

    def close(self, code: int = 1000, reason: str = "") -> bytes:
        """A close frame, to be sent; empty when one was sent before."""
        if self._close_sent:
            return b""
        self._close_sent = True
        text = reason.encode()[: _MAX_CONTROL - 2].decode("utf-8", "ignore").encode()
        return self._encode(_CLOSE, code.to_bytes(2, "big") + text)

    def _frame_at(self, start: int) -> tuple[int, bool, bytes, int] | None:
        """The frame that begins at ``start`` as opcode, final, payload, end; ``None`` when it is not here in full."""
        if len(self._buffer) < start + 2:
            return None
        first, second = self._buffer[start], self._buffer[start + 1]
        opcode, final = first & 0x0F, bool(first & _FINAL)
        self._check_start(first, second)
        position = start + 2
        size = second & 0x7F
        if size > _MAX_CONTROL:
            width = 2 if size == 126 else 8
            if len(self._buffer) < position + width:
                return None
            size = int.from_bytes(self._buffer[position : position + width], "big")
            position += width
        if size + len(self._fragments or b"") > self._max_message:
            raise WebSocketError(f"a message larger than {self._max_message} bytes")
        mask = b""
        if self._role == "server":
            mask = bytes(self._buffer[position : position + 4])
            position += 4
        if len(self._buffer) < position + size:
            return None
        payload = bytes(self._buffer[position : position + size])
        return opcode, final, _masked(payload, mask), position + size

    def _check_start(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if first & _RESERVED:
            raise WebSocketError("reserved bits are set: an extension that was not agreed on")
        if opcode not in (_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG):
            raise WebSocketError(f"unknown opcode {opcode}")
        if opcode >= _CLOSE and (not first & _FINAL or second & 0x7F > _MAX_CONTROL):
            raise WebSocketError("a control frame must be short and whole")
        if bool(second & _MASKED) != (self._role == "server"):
            raise WebSocketError("frames from a client must be masked, frames from a server must not")

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self._replies.append(self._encode(_PONG, payload))
        elif opcode == _CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else _NO_CODE
            self.closed = CloseReason(code, payload[2:].decode("utf-8", "replace"))
            if answer := self.close(1000 if code == _NO_CODE else code):
                self._replies.append(answer)

    def _assemble(self, opcode: int, payload: bytes, *, final: bool) -> bytes | None:
        if (opcode == _CONTINUATION) != (self._fragments is not None):
            raise WebSocketError("fragments of two messages are mixed")
        if self._fragments is None and final:
            return payload
        self._fragments = self._fragments if self._fragments is not None else bytearray()
        self._fragments += payload
        if not final:
            return None
        message = bytes(self._fragments)
        self._fragments = None
        return message

    def _encode(self, opcode: int, payload: bytes) -> bytes:
        size = len(payload)
        masked = _MASKED if self._role == "client" else 0
        if size <= _MAX_CONTROL:
            head = bytes((_FINAL | opcode, masked | size))
        elif size < 1 << 16:
            head = bytes((_FINAL | opcode, masked | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((_FINAL | opcode, masked | 127)) + size.to_bytes(8, "big")
        if not masked:
            return head + payload
        mask = secrets.token_bytes(4)
        return head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    """XOR with the repeated mask, as one large integer: no loop over bytes."""
    if not mask or not payload:
        return payload
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
