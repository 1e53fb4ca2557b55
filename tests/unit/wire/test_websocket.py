"""The WebSocket, both roles against each other and against the rules of RFC 6455."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from whatsapp_mcp.wire.websocket import (
    CloseReason,
    Role,
    WebSocketBuffer,
    WebSocketError,
    accept_response,
    check_response,
    client_request,
    new_key,
)

OTHER: dict[Role, Role] = {"client": "server", "server": "client"}
ROLES: list[Role] = ["client", "server"]
roles = st.sampled_from(ROLES)


def frame_from(role: Role, opcode: Opcode, data: bytes) -> bytes:
    return Frame(opcode, data).serialize(mask=role == "client")


def headers_of(request: bytes) -> dict[str, str]:
    lines = request.decode().split("\r\n")[1:]
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines) if name}


def chunks(data: st.DataObject, stream: bytes) -> list[bytes]:
    """The stream cut at random places."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


def fragments(data: st.DataObject, body: bytes) -> bytes:
    """A message from a server in random fragments, with pings between them."""
    parts = chunks(data, body)
    out = b""
    for index, part in enumerate(parts):
        first = (0x02 if index == 0 else 0x00) | (0x80 if index == len(parts) - 1 else 0)
        out += bytes((first, 126)) + len(part).to_bytes(2, "big") + part
        if index < len(parts) - 1 and data.draw(st.booleans()):
            out += frame_from("server", Opcode.PING, b"in between")
    return out


@given(roles, st.lists(st.binary(max_size=400), max_size=6), st.data())
def test_messages_survive_any_chunking(role: Role, bodies: list[bytes], data: st.DataObject) -> None:
    sender, receiver = WebSocketBuffer(role), WebSocketBuffer(OTHER[role])
    stream = b"".join(sender.message(body) for body in bodies)
    assert [body for chunk in chunks(data, stream) for body in receiver.feed(chunk)] == bodies
    assert receiver.take_replies() == []


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=4), st.data())
def test_messages_survive_any_fragmentation(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(fragments(data, body) for body in bodies)
    receiver = WebSocketBuffer("client")
    assert [body for chunk in chunks(data, stream) for body in receiver.feed(chunk)] == bodies
    server = WebSocketBuffer("server")
    assert server.feed(b"".join(receiver.take_replies())) == []
    assert server.take_replies() == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 1 << 20])
def test_sizes_around_the_borders_of_the_length_forms(role: Role, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    assert WebSocketBuffer(OTHER[role]).feed(WebSocketBuffer(role).message(body[:size])) == [body[:size]]


def test_only_the_client_masks() -> None:
    assert WebSocketBuffer("server").message(b"plain text") == b"\x82\x0aplain text"
    masked = WebSocketBuffer("client").message(b"plain text")
    assert masked[:2] == b"\x82\x8a"
    assert b"plain" not in masked


def test_the_masked_example_of_the_rfc() -> None:
    frame = bytes.fromhex("81 85 37 fa 21 3d 7f 9f 4d 51 58")
    assert WebSocketBuffer("server").feed(frame) == [b"Hello"]


@pytest.mark.parametrize("role", ROLES)
def test_the_pong_to_our_own_ping_is_swallowed(role: Role) -> None:
    us, peer = WebSocketBuffer(role), WebSocketBuffer(OTHER[role])
    assert peer.feed(us.ping(b"x" * 300)) == []
    (pong,) = peer.take_replies()
    assert us.feed(pong) == []
    assert us.take_replies() == []
    assert us.closed is None


@pytest.mark.parametrize("role", ROLES)
def test_a_ping_is_answered_once_with_its_own_data(role: Role) -> None:
    us, peer = WebSocketBuffer(role), WebSocketBuffer(OTHER[role])
    assert us.feed(frame_from(OTHER[role], Opcode.PING, b"are you there")) == []
    (pong,) = us.take_replies()
    assert pong[0] == 0x8A
    if role == "server":
        assert pong[2:] == b"are you there"
    assert peer.feed(pong) == []
    assert us.take_replies() == peer.take_replies() == []


@pytest.mark.parametrize("role", ROLES)
def test_a_close_is_reported_and_answered_once(role: Role) -> None:
    us, peer = WebSocketBuffer(role), WebSocketBuffer(OTHER[role])
    too_late = frame_from(OTHER[role], Opcode.BINARY, b"too late")
    assert us.feed(peer.message(b"last") + peer.close(1001, "going") + too_late) == [b"last"]
    assert peer.message(b"after the close") == b""
    assert us.closed == CloseReason(1001, "going")
    (answer,) = us.take_replies()
    assert us.close() == b""
    assert peer.feed(answer) == []
    assert peer.closed == CloseReason(1001, "going")
    assert peer.take_replies() == []
    assert us.feed(too_late) == []


def test_a_close_without_a_code() -> None:
    client = WebSocketBuffer("client")
    client.feed(b"\x88\x00")
    assert client.closed == CloseReason(1005, "")
    (answer,) = client.take_replies()
    assert answer[0] == 0x88


def test_a_long_close_reason_is_cut_at_a_character() -> None:
    client = WebSocketBuffer("client")
    client.feed(WebSocketBuffer("server").close(1000, "é" * 200))
    assert client.closed == CloseReason(1000, "é" * 61)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"\xc2\x00", "reserved bits"),
        (b"\x83\x00", "opcode"),
        (b"\x82\x80\0\0\0\0", "masking"),
        (b"\x09\x00", "control frame"),
        (b"\x89\x7e\x00\x7e" + bytes(126), "control frame"),
        (b"\x80\x00", "continuation"),
        (b"\x02\x00\x82\x00", "continuation"),
        (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "exceeds limit"),
    ],
)
def test_a_server_that_breaks_the_rules_is_refused(frame: bytes, reason: str) -> None:
    with pytest.raises(WebSocketError, match=reason):
        WebSocketBuffer("client").feed(frame)


def test_a_client_that_does_not_mask_is_refused() -> None:
    with pytest.raises(WebSocketError, match="masking"):
        WebSocketBuffer("server").feed(b"\x82\x00")


def test_the_limit_holds_for_all_fragments_together() -> None:
    client = WebSocketBuffer("client", max_message=100)
    assert client.feed(b"\x02\x3c" + b"a" * 60) == []
    assert client.feed(b"\x80\x28" + b"b" * 40) == [b"a" * 60 + b"b" * 40]
    client.feed(b"\x02\x3c" + b"a" * 60)
    with pytest.raises(WebSocketError, match="exceeds limit of 100"):
        client.feed(b"\x80\x29")


@given(roles, st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(role: Role, data: bytes) -> None:
    buffer = WebSocketBuffer(role)
    with contextlib.suppress(WebSocketError):
        assert all(isinstance(message, bytes) for message in buffer.feed(data))


def test_opening_between_our_two_sides() -> None:
    key = new_key()
    request = client_request("web.whatsapp.com", "/ws/chat", key=key, origin="https://web.whatsapp.com")
    assert request.startswith(b"GET /ws/chat HTTP/1.1\r\nHost: web.whatsapp.com\r\n")
    assert request.endswith(b"\r\n\r\n")
    check_response(accept_response(headers_of(request)), key=key)
    with pytest.raises(WebSocketError, match="Sec-WebSocket-Accept"):
        check_response(accept_response(headers_of(request)), key=new_key())


def test_the_opening_example_of_the_rfc() -> None:
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    answer = accept_response({"UPGRADE": "WebSocket", "sec-websocket-KEY": key, "Sec-WebSocket-Version": "13"})
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert b"xtensions" not in answer


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
        {"Upgrade": "h2c", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "13"},
        {"Upgrade": "websocket", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "8"},
    ],
)
def test_what_asks_for_no_websocket_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketError):
        accept_response(headers)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 403 Forbidden\r\n\r\n", b"HTTP/1.1 200 101\r\n\r\n", b"\xff\xfe"])
def test_an_answer_that_is_no_upgrade_is_refused(head: bytes) -> None:
    with pytest.raises(WebSocketError, match="instead of switching"):
        check_response(head, key=new_key())


def test_an_extension_that_was_not_offered_is_refused() -> None:
    key = new_key()
    request = client_request("h", "/", key=key, origin="o")
    answer = accept_response(headers_of(request))
    answer = answer.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    with pytest.raises(WebSocketError, match="extension"):
        check_response(answer, key=key)
