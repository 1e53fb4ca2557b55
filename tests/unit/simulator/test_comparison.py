"""`simulate --compare`: what a record has and the simulator has not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner

from whatsapp_mcp.cli import cli
from whatsapp_mcp.simulator.control.comparison import MADE, run_compare
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.shape_record import RecordedShapes, read_record
from whatsapp_mcp.wire.shapes import Direction, shapes_of

PING = Node("iq", {"id": "1", "to": "s.whatsapp.net", "type": "get", "xmlns": "w:p"}, [Node("ping")])
KNOWN = Node("iq", {"id": "1", "from": "s.whatsapp.net", "type": "result"})


def compared(tmp_path: Path, *stanzas: tuple[Direction, Node], unreadable: int = 0) -> tuple[int, list[str]]:
    record = RecordedShapes(unreadable=unreadable)
    for direction, node in stanzas:
        for shape in shapes_of(node, direction):
            record.add(shape)
    path, output = tmp_path / "record", io.StringIO()
    path.write_text(record.text())
    code = run_compare(path, output)
    return code, output.getvalue().splitlines()


def test_what_the_simulator_made_in_tests_is_known_and_has_names() -> None:
    made = read_record(MADE)
    assert len(made.places) > 150
    assert {direction for direction, _ in made.places} == {"received"}
    # Two stanzas of tests are made to be unknown.
    assert [path for _, path in made.places if "?" in path and not path.startswith(("notification[?]", "ack[? "))] == []
    assert made.text() == MADE.read_text(encoding="utf-8"), "pytest -p tests.stanzas writes it"


def test_nothing_differs(tmp_path: Path) -> None:
    assert compared(tmp_path, ("sent", PING), ("received", KNOWN)) == (0, ["Nothing differs, of 3 places."])


@pytest.mark.parametrize(
    ("direction", "node", "line"),
    [
        ("received", Node("notification", {"type": "gcm", "id": "1"}, [Node("a")]), "never made: notification[gcm]"),
        ("received", Node("ib", {}, [Node("edge_routing", {"ttl": "7"})]), "never made: ib/edge_routing ttl=(number)"),
        ("received", Node("iq", {**KNOWN.attrs, "code": "7"}), "never made: iq[result] code=(number)"),
        ("received", Node("iq", {**KNOWN.attrs, "from": "1@call"}), "never made: iq[result] from=(@call)"),
        ("sent", Node("iq", {"type": "get", "xmlns": "w:stats"}), "not answered: iq[get w:stats]"),
        ("sent", Node("iq", {"type": "set", "xmlns": "w:p"}), "not answered: iq[set w:p]"),
        ("sent", Node("failure", {}), "not answered: failure"),
    ],
)
def test_what_it_does_not_make_or_answer_is_listed(tmp_path: Path, direction: Direction, node: Node, line: str) -> None:
    code, lines = compared(tmp_path, ("sent", PING), (direction, node))
    assert (code, lines[0]) == (1, line) or lines[0].startswith(f"{line} "), lines
    assert len(lines) == 2


def test_what_lies_in_something_unknown_is_not_listed_once_more(tmp_path: Path) -> None:
    inner = Node("notification", {"type": "gcm"}, [Node("sync", {"v": "1"}, [Node("item")])])
    assert compared(tmp_path, ("received", inner)) == (
        1,
        ["never made: notification[gcm] type=(=gcm)", "1 differs, of 3 places."],
    )


def test_what_could_not_be_read_is_told(tmp_path: Path) -> None:
    assert "2 stanzas could not be read and are left out." in compared(tmp_path, unreadable=2)[1]


def test_the_command_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    ran = CliRunner().invoke(cli, ["simulate", "--compare", str(tmp_path / "missing")])
    assert ran.exit_code == 1
    assert "cannot be read" in ran.stderr
