"""Long lines in pieces."""

from __future__ import annotations

import pytest

from whatsapp_mcp.pipe.pieces import MAX_LINE, PIECE, Pieces, in_pieces


@pytest.mark.parametrize("size", [2, PIECE - 1, PIECE, PIECE + 1, PIECE + 2, 2 * PIECE, 2 * PIECE + 1, 5 * PIECE + 7])
def test_there_and_back(size: int) -> None:
    line = b"{" + b"x~+." * size
    line = line[: size - 1] + b"\n"
    pieces = list(in_pieces(line, 7))
    assert (len(pieces) == 1) is (size <= PIECE)
    assert all(piece.index(b"\n") == len(piece) - 1 < MAX_LINE for piece in pieces)
    received = Pieces()
    assert [received.whole(piece) for piece in pieces] == [None] * (len(pieces) - 1) + [line]


def test_lines_pass_between_pieces() -> None:
    one, two = (b"{" + letter * (3 * PIECE) + b"\n" for letter in (b"a", b"b"))
    received, whole = Pieces(), []
    for first, second in zip(in_pieces(one, 1), in_pieces(two, 22), strict=True):
        whole += [received.whole(first), received.whole(b'{"short": 1}\n'), received.whole(second)]
    assert [line for line in whole if line and len(line) > 20] == [one, two]
    assert whole.count(b'{"short": 1}\n') == 4


@pytest.mark.parametrize("received", [b"~\n", b"~x+abc\n", b"~+abc\n", b"~7abc\n"])
def test_pieces_of_nothing(received: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Pieces().whole(received)
