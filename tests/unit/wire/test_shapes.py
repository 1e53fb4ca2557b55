"""Shapes of stanzas: what is kept of them, and that nothing else is, whatever others write into a log line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.wire import shape_record
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.shape_record import RecordedShapes, ShapeRecord, read_record
from whatsapp_mcp.wire.shapes import KINDS, UNKNOWN, WORDS, Shape, label, shapes_of
from whatsapp_mcp.wire.stanza_log import LONGEST, stanza_in

USYNC = (
    '<iq from="s.whatsapp.net" id="29.124-7" type="result"><usync mode="query" sid="x y"><list>'
    '<user jid="265624176097205@lid"><devices><device-list hash="2:abc"><device id="0"/><device id="1" '
    'key-index="1"/></device-list></devices></user><user jid="12025550111@s.whatsapp.net"/></list></usync></iq>'
)


def shapes(text: str) -> dict[str, set[tuple[tuple[str, str], ...]]]:
    stanza = stanza_in(text)
    assert stanza is not None
    found: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    for shape in shapes_of(stanza, "received"):
        found.setdefault(shape.path, set()).add(shape.attributes)
    return found


def test_tags_names_and_kinds_are_kept() -> None:
    assert shapes(USYNC) == {
        "iq[result]": {(("from", "server"), ("id", "id"), ("type", "=result"))},
        "iq[result]/usync": {(("mode", "=query"), ("sid", "text"))},
        "iq[result]/usync/list": {()},
        "iq[result]/usync/list/user": {(("jid", "@lid"),), (("jid", "@s.whatsapp.net"),)},
        "iq[result]/usync/list/user/devices": {()},
        "iq[result]/usync/list/user/devices/device-list": {(("hash", "id"),)},
        "iq[result]/usync/list/user/devices/device-list/device": {
            (("id", "number"),),
            (("id", "number"), ("key-index", "number")),
        },
    }


def test_a_stanza_and_its_log_line_have_the_same_shapes() -> None:
    node = Node(
        "message",
        {"from": Jid.parse("12025550111@s.whatsapp.net"), "t": "1795937058", "notify": "Ana B.", "type": "text"},
        [Node("enc", {"v": "2", "type": "pkmsg"}, b"\x00" * 300), Node("meta", {}, None)],
    )
    logged = (
        '<message from="12025550111@s.whatsapp.net" notify="Ana B." t="1795937058" type="text">'
        '<enc type="pkmsg" v="2"><!-- 300 bytes --></enc><meta/></message>'
    )
    read = stanza_in(logged)
    assert read is not None
    assert shapes_of(node, "received") == shapes_of(read, "received")
    assert label(node) == "message[text]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<",
        "<iq",
        "<iq>",
        "<iq></ack>",
        "<iq/><iq/>",
        "<iq/> and more",
        "failed: <iq/>",
        '<iq type="get>',
        '<iq type="get"/ >',
        "<iq>" * 40 + "</iq>" * 40,
        f"<iq>{'x' * LONGEST}</iq>",
        "<iq><list>" + "<key><id>000001</id></key>" * 9,
    ],
)
def test_what_cannot_be_read_to_its_end_is_no_stanza(text: str) -> None:
    assert stanza_in(text) is None


def test_a_line_that_neonize_cut_off_is_read_as_far_as_it_goes() -> None:
    keys = "<key><id>000001</id><value>0a0b</value></key>" * 2_000
    found = shapes(f'<iq id="1" type="set" xmlns="encrypt"><type>05</type><list>{keys}</list></iq>'[:LONGEST])
    assert set(found) == {
        "iq[set encrypt]",
        "iq[set encrypt]/type",
        "iq[set encrypt]/list",
        "iq[set encrypt]/list/key",
        "iq[set encrypt]/list/key/id",
        "iq[set encrypt]/list/key/value",
    }


HOSTILE = [
    'Ana" secret="49151',
    "<b>Ana</b>",
    '"/><Ana Smith="49151"/><x y="',
    "</message>",
    '" ana="',
    "=\"'<>&",
    "\n\x00\x1b",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("where", ["attribute", "content"])
def test_what_others_chose_never_becomes_a_name(name: str, where: str) -> None:
    said = f'notify="{name}" ' if where == "attribute" else ""
    inner = name if where == "content" else ""
    read = stanza_in(f'<message from="12025550111@s.whatsapp.net" {said}type="text"><body>{inner}</body></message>')
    for shape in shapes_of(read, "received") if read is not None else ():
        _is_made_of_words(shape)


@given(st.text(alphabet=st.characters() | st.sampled_from('<>/="abAnsmith '), max_size=60), st.text(max_size=30))
def test_no_text_whatever_gets_into_a_shape(inside: str, name: str) -> None:
    for text in (f"<iq>{inside}</iq>", f'<iq type="{inside}" {name}="1"/>', inside, f"<{inside}/>"):
        read = stanza_in(text)
        for shape in shapes_of(read, "received") if read is not None else ():
            _is_made_of_words(shape)


@given(st.recursive(st.text(max_size=20), lambda inner: st.lists(inner, max_size=3)), st.text(max_size=9))
def test_no_stanza_whatever_gets_into_a_shape_but_by_words(content: object, text: str) -> None:
    def node(inner: object) -> Node:
        if isinstance(inner, list):
            return Node(text, {text: text}, [node(one) for one in inner])
        return Node("iq", {"type": str(inner), text: str(inner)}, str(inner))

    for shape in shapes_of(node(content), "sent"):
        _is_made_of_words(shape)


def _is_made_of_words(shape: Shape) -> None:
    names = [*re.split(r"[/\[\] ]+", shape.path.rstrip("]")), *(name for name, _ in shape.attributes)]
    assert set(names) <= WORDS | {UNKNOWN}, shape
    assert all(kind in KINDS or kind[1:] in WORDS for _, kind in shape.attributes), shape
    assert shape.content in ("", "elements", "data")


def test_no_word_is_a_number_of_a_person_or_a_name() -> None:
    assert not [word for word in WORDS if re.fullmatch(r"\d{6,}", word)]


# ---- the file --------------------------------------------------------------------------------------------------------


def test_each_shape_is_written_once_to_a_file_of_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    record = ShapeRecord(path)
    for _ in range(3):
        record.line("DEBUG", "Client/Recv", USYNC)
    record.line("DEBUG", "Client/Send", '<iq id="1" to="s.whatsapp.net" type="get" xmlns="w:p"><ping/></iq>')
    record.line("DEBUG", "Client/Recv", "<iq this is none")
    for other in (("WARN", "Client/Recv", USYNC), ("DEBUG", "Client", USYNC), ("DEBUG", "Client/Recv", "Frame:")):
        record.line(*other)
    assert len(path.read_text().splitlines()) == 9 + 2 + 1
    found = read_record(path)
    assert found.unreadable == 1
    assert {path for direction, path in found.places if direction == "sent"} == {"iq[get w:p]", "iq[get w:p]/ping"}
    assert found.places["received", "iq[result]/usync/list/user"].attributes == {"jid": {"@lid", "@s.whatsapp.net"}}
    assert others_may_read(path) is None
    whole = tmp_path / "record"
    whole.write_text(found.text())
    assert read_record(whole) == found
    assert "265624176097205" not in path.read_text() + whole.read_text()


def test_there_is_an_end_to_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape_record, "MOST_SHAPES", 3)
    record = ShapeRecord(tmp_path / "lines")
    for tag in ("iq", "ack", "receipt", "message", "ack"):
        record.take(Node(tag), "received")
    found = read_record(tmp_path / "lines")
    assert ({path for _, path in found.places}, found.unreadable) == ({"iq", "ack", "receipt"}, 1)


def test_a_record_that_cannot_be_written_disturbs_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = ShapeRecord(tmp_path / "missing" / "lines")
    for _ in range(3):
        record.line("DEBUG", "Client/Recv", USYNC)
    assert len(caplog.records) == 1


GOOD = {"direction": "received", "path": "iq[result]/usync", "attributes": {"sid": ["id"]}, "content": [""]}


@pytest.mark.parametrize(
    "changed",
    [
        {"direction": "sideways"},
        {"path": "iq[result]/\x1b[31m"},
        {"path": "iq[result]/Ana"},
        {"path": 7},
        {"attributes": {"Ana": ["id"]}},
        {"attributes": {"sid": ["+49151"]}},
        {"attributes": {"sid": ["=Ana"]}},
        {"attributes": []},
        {"content": ["Ana"]},
        {"content": None},
    ],
)
def test_a_record_of_other_words_is_none(tmp_path: Path, changed: dict[str, object]) -> None:
    path = tmp_path / "record"
    path.write_text(json.dumps(GOOD))
    assert set(read_record(path).places) == {("received", "iq[result]/usync")}
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(GOOD | changed))
    with pytest.raises(SetupError):
        read_record(path)


@pytest.mark.parametrize("text", ["[]", "{", "7", "[" * 100_000, '{"unreadable": "x"}', '{"path": "iq"}', "\x00"])
def test_another_file_is_no_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "record"
    path.write_text(text)
    with pytest.raises(SetupError):
        read_record(path)


def test_a_record_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        read_record(tmp_path / "record")


def test_an_empty_record_is_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_text(RecordedShapes().text())
    assert read_record(path) == RecordedShapes()
