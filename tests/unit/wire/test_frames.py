"""Frames over arbitrary chunks."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.wire.frames import MAX_FRAME, FrameBuffer, FrameError, frame

HEADER = b"WA\x06\x03"


def chunks(data: st.DataObject, stream: bytes) -> list[bytes]:
    """The stream cut at random places."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from([b"", HEADER]), st.data())
def test_frames_survive_any_chunking(bodies: list[bytes], header: bytes, data: st.DataObject) -> None:
    buffer = FrameBuffer(headers=[header] if header else ())
    stream = header + b"".join(frame(body) for body in bodies)
    received = [body for chunk in chunks(data, stream) for body in buffer.feed(chunk)]
    assert received == bodies


def test_a_frame_is_given_as_soon_as_it_is_complete_and_not_before() -> None:
    buffer = FrameBuffer()
    assert buffer.feed(b"\0\0\3ab") == []
    assert buffer.feed(b"c\0\0") == [b"abc"]
    assert buffer.feed(b"\0\0\0\1x") == [b"", b"x"]


def test_the_largest_frame() -> None:
    body = b"\0" * MAX_FRAME
    assert FrameBuffer().feed(frame(body)) == [body]
    with pytest.raises(FrameError):
        frame(body + b"\0")


def test_a_too_large_frame_is_refused_before_its_body_arrives() -> None:
    buffer = FrameBuffer(max_frame=1000)
    assert buffer.feed(frame(b"x" * 1000)) == [b"x" * 1000]
    with pytest.raises(FrameError, match="1001"):
        buffer.feed(b"\x00\x03\xe9")


@pytest.mark.parametrize("start", [b"X", b"WAX", b"WA\x06\x02", b"GET / HTTP/1.1"])
def test_another_header_is_refused_at_its_first_wrong_byte(start: bytes) -> None:
    with pytest.raises(FrameError, match="the stream starts with"):
        FrameBuffer(headers=[HEADER]).feed(start)


@given(st.data())
def test_either_header_may_come_and_routing_before_it(data: st.DataObject) -> None:
    headers = (b"WA\x06\x02", HEADER)
    header, routing = data.draw(st.sampled_from(headers)), data.draw(st.sampled_from([b"", b"where"]))
    buffer = FrameBuffer(headers=headers)
    stream = (b"ED\0\1" + frame(routing) if routing else b"") + header + frame(b"hello")
    received = [body for chunk in chunks(data, stream) for body in buffer.feed(chunk)]
    assert (received, buffer.header) == ([b"hello"], header)
