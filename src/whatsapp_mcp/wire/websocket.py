"""As much of WebSocket (RFC 6455) as WhatsApp's connection needs, both roles, without I/O.

The handshake is written out, because WhatsApp's goes through a proxy of ours; frames are those of the ``websockets``
library. No extensions: a peer that offers permessage-deflate is not answered, so it does not use it. The caller moves
the bytes: feed what arrived, send what ``take_replies()`` and the message functions return.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Role = Literal["client", "server"]

MAX_MESSAGE: Final = 16 * 1024 * 1024 + 64 * 1024
"""One frame of WhatsApp's and its header fit; a message may carry several frames, but nobody sends such large ones."""

_ACCEPT_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CLOSE: Final = 8
"""The first opcode of control frames; those below carry messages."""
_REASON_MAX: Final = 123
"""Bytes: a control frame holds 125, and the code takes two."""


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
        from websockets import protocol  # 40 ms that only a connection costs

        side = protocol.CLIENT if role == "client" else protocol.SERVER
        self._protocol = protocol.Protocol(side, state=protocol.OPEN, max_size=max_message)
        self._fragments: list[bytes] = []

    @property
    def closed(self) -> CloseReason | None:
        """Set once the peer's close frame has arrived; what comes after it is ignored."""
        received = self._protocol.close_rcvd
        return CloseReason(received.code, received.reason) if received is not None else None

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next chunk; return the data messages (binary or text alike) that it completes, in order.

        Afterwards ``take_replies()`` may have pongs or the answer to a close to send, and ``closed`` may be set.

        Raises:
            WebSocketError: the peer broke the protocol or a limit.
        """
        if self.closed is not None:
            return []
        self._protocol.receive_data(data)
        if self._protocol.parser_exc is not None and self.closed is None:
            raise WebSocketError(str(self._protocol.parser_exc))
        from websockets.frames import Frame

        messages: list[bytes] = []
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode < _CLOSE:
                self._fragments.append(bytes(frame.data))
                if frame.fin:
                    messages.append(b"".join(self._fragments))
                    self._fragments.clear()
        return messages

    def take_replies(self) -> list[bytes]:
        """The frames that the protocol makes us answer with (pongs, a close), to be sent now; each is returned once."""
        return [frame for frame in self._protocol.data_to_send() if frame]

    def message(self, data: bytes) -> bytes:
        """One binary message, to be sent, after the replies that wait; empty once the connection is closing."""
        if self._protocol.close_expected():  # nothing follows a close
            return b""
        self._protocol.send_binary(data)
        return b"".join(self.take_replies())

    def ping(self, data: bytes = b"") -> bytes:
        """A ping with up to 125 bytes, to be sent; the peer answers with a pong, which ``feed`` swallows."""
        self._protocol.send_ping(data[:125])
        return b"".join(self.take_replies())

    def close(self, code: int = 1000, reason: str = "") -> bytes:
        """A close frame, to be sent; empty when one was sent before."""
        if self._protocol.close_sent is None:
            cut = reason.encode()[:_REASON_MAX].decode("utf-8", "ignore")
            self._protocol.send_close(code, cut)
        return b"".join(self.take_replies())
