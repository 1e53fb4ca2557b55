"""What a person sees of the demo, whatever the console can show."""

from __future__ import annotations

import pytest

from whatsapp_mcp.qr_picture import qr_lines

TEXT = "2@abc,def,ghi"


@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "cp850"])
def test_a_code_of_blocks(encoding: str) -> None:
    lines = qr_lines(TEXT, encoding)
    assert len({len(line) for line in lines}) == 1
    assert set("".join(lines)) == set(" ▄▀█")
    assert 2 * len(lines) - len(lines[0]) in (0, 1), "it is square"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "no such encoding"])
def test_a_code_where_there_are_no_blocks(encoding: str) -> None:
    """The same picture: light modules are shown, dark ones left out."""
    lines = qr_lines(TEXT, encoding)
    blocks = qr_lines(TEXT, "utf-8")
    assert {len(line) for line in lines} == {2 * len(lines)}
    drawn = [[cell == "#" for cell in line[::2]] for line in lines]
    shown = [[(char in "▀█", char in "▄█") for char in line] for line in blocks]
    halves = [[pair[half] for pair in row] for row in shown for half in (0, 1)]
    assert drawn == halves[: len(drawn)]
