"""One entry is changed in a text that people write too, and nothing else."""

from __future__ import annotations

import json
import tomllib
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.offline.hosts import json_text, toml_text, yaml_text
from whatsapp_mcp.offline.hosts.refusal import CannotChange

ENTRY: Final = {"command": "/opt/whatsapp-mcp", "args": ["stdio"]}

ZED: Final = """\
// Zed settings
{
  "theme": "One Dark", // dark
  "context_servers": {
    /* the first */
    "files": {
      "command": "npx",
      "args": ["-y", "a//b", "/*c*/"],
    }, // keep me
  },
  "vim_mode": true,
}
"""


def test_an_entry_behind_others_with_comments_and_trailing_commas() -> None:
    assert json_text.with_entry(ZED, "context_servers", "whatsapp", ENTRY) == ZED.replace(
        "}, // keep me\n",
        """}, // keep me
    "whatsapp": {
      "command": "/opt/whatsapp-mcp",
      "args": [
        "stdio"
      ]
    },
""",
    )


def test_taking_it_out_gives_back_what_was() -> None:
    changed = json_text.with_entry(ZED, "context_servers", "whatsapp", ENTRY)
    assert json_text.without_entry(changed, "context_servers", "whatsapp") == ZED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "t": {\n    "w": {\n      "n": 1\n    }\n  }\n}\n'),
        ("{}", '{\n  "t": {\n    "w": {\n      "n": 1\n    }\n  }\n}'),
        ('{\n\t"a": 1\n}\n', '{\n\t"a": 1,\n\t"t": {\n\t\t"w": {\n\t\t\t"n": 1\n\t\t}\n\t}\n}\n'),
        ('{\r\n  "t": {}\r\n}', '{\r\n  "t": {\r\n    "w": {\r\n      "n": 1\r\n    }\r\n  }\r\n}'),
        ('{"t":{"a":2}}', '{"t":{"a":2,\n  "w": {\n    "n": 1\n  }\n}}'),
        (
            '{\n  "t": {\n    "a": 2 // two\n  }\n}',
            '{\n  "t": {\n    "a": 2, // two\n    "w": {\n      "n": 1\n    }\n  }\n}',
        ),
        (
            '{\n  "t": {\n    // none yet\n  }\n}',
            '{\n  "t": {\n    // none yet\n    "w": {\n      "n": 1\n    }\n  }\n}',
        ),
        ('{"t": {"w": {"old": [1, 2]}, "b": 3}}', '{"t": {"w": {\n  "n": 1\n}, "b": 3}}'),
    ],
)
def test_layouts_of_json(before: str, after: str) -> None:
    assert json_text.with_entry(before, "t", "w", {"n": 1}) == after


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1,\n "a": 2}', 2),
        ("{\n'a': 1}", 2),
        ('{"a": 1\n "b": 2}', 2),
        ('{"a":\n}', 2),
        ('{"a": nul}', 1),
        ("[1]\n", 1),
        ('{"a": 1}\n{}', 2),
        ("[" * 300, 1),
    ],
)
def test_what_is_no_json_is_refused_with_the_line(text: str, line: int) -> None:
    with pytest.raises(CannotChange) as refused:
        json_text.with_entry(text, "t", "w", ENTRY)
    assert refused.value.reason.startswith(f"line {line}: ")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
GAPS = st.sampled_from(["", " ", "\n", "\r\n\t", " // note\n", "/* a, b } */", "\n  // {\n  "])


@st.composite
def written_by_hand(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """JSON with comments, blanks and trailing commas anywhere, and what it says."""

    def written(value: Any) -> str:
        if isinstance(value, dict | list):
            if isinstance(value, dict):
                pairs = [(json.dumps(name), written(one)) for name, one in value.items()]
                items = [f"{name}{draw(GAPS)}:{draw(GAPS)}{one}" for name, one in pairs]
            else:
                items = [written(one) for one in value]
            comma = "," if draw(st.booleans()) and items else ""
            inside = ",".join(f"{draw(GAPS)}{item}{draw(GAPS)}" for item in items)
            ends = "{}" if isinstance(value, dict) else "[]"
            return f"{ends[0]}{inside}{comma}{draw(GAPS)}{ends[1]}"
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    said = draw(st.dictionaries(st.text(max_size=4), VALUES, max_size=3))
    if draw(st.booleans()):
        said["t"] = draw(st.dictionaries(st.sampled_from(["w", "a", "b"]), VALUES, max_size=3))
    elif not isinstance(said.get("t", {}), dict):
        del said["t"]
    return f"{draw(GAPS)}{written(said)}{draw(GAPS)}", said


@given(written_by_hand())
def test_any_json_keeps_the_rest(given_text: tuple[str, dict[str, Any]]) -> None:
    text, said = given_text
    changed = json_text.with_entry(text, "t", "w", ENTRY)
    assert json_text.read(changed).value == {**said, "t": {**said.get("t", {}), "w": ENTRY}}
    if "w" not in said.get("t", {}):
        assert json_text.comments(changed) == json_text.comments(text)
    back = json_text.without_entry(changed, "t", "w")
    others = {name: value for name, value in said.get("t", {}).items() if name != "w"}
    assert json_text.read(back).value == {**said, "t": others}


CODEX: Final = """\
# my settings
model = "o4"   # the good one

[mcp_servers.files]
command = "npx"
args = [
  "-y", # yes
  "files",
]

[profiles.fast]
model = 'mini'
"""


def test_an_entry_of_toml() -> None:
    changed = toml_text.with_entry(CODEX, "mcp_servers", "whatsapp", ENTRY)
    block = '[mcp_servers.whatsapp]\ncommand = "/opt/whatsapp-mcp"\nargs = ["stdio"]\n\n'
    assert changed == CODEX.replace("[profiles.fast]", f"{block}[profiles.fast]")
    assert tomllib.loads(changed) == {
        **tomllib.loads(CODEX),
        "mcp_servers": {**tomllib.loads(CODEX)["mcp_servers"], "whatsapp": ENTRY},
    }
    assert tomllib.loads(toml_text.without_entry(changed, "mcp_servers", "whatsapp")) == tomllib.loads(CODEX)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_tables_of_toml_between_others(newline: str) -> None:
    text = '[mcp_servers.a]\ncommand = "x" # c\n\n[other]\ny = 1\n\n# b\n[mcp_servers.b]\ncommand = "z"\n'
    entry = '[mcp_servers.whatsapp]\ncommand = "/opt/whatsapp-mcp"\nargs = ["stdio"]\n\n'
    before, after = (one.replace("\n", newline) for one in (text, text.replace("[other]", f"{entry}[other]")))
    assert toml_text.with_entry(before, "mcp_servers", "whatsapp", ENTRY) == after
    assert toml_text.without_entry(after, "mcp_servers", "whatsapp") == before


def test_a_table_of_toml_that_somebody_opened_stays() -> None:
    text = "[mcp_servers]\n# none yet\n"
    changed = toml_text.with_entry(text, "mcp_servers", "whatsapp", ENTRY)
    assert toml_text.without_entry(changed, "mcp_servers", "whatsapp").rstrip() == text.rstrip()


def test_an_entry_of_toml_that_is_there_keeps_its_comments() -> None:
    there = '[mcp_servers.whatsapp]\ncommand = "/old" # mine\nargs = ["stdio"]\n\n[mcp_servers.whatsapp.env]\nA = "1"\n'
    changed = toml_text.with_entry(there, "mcp_servers", "whatsapp", {**ENTRY, "env": {"A": "1"}})
    assert changed == there.replace("/old", "/opt/whatsapp-mcp")


@pytest.mark.parametrize("text", ["", "mcp_servers = {}\n", "[mcp_servers]\n", 'mcp_servers.a = {command = "x"}\n'])
def test_tables_of_toml(text: str) -> None:
    changed = toml_text.with_entry(text, "mcp_servers", "whatsapp", ENTRY)
    assert tomllib.loads(changed)["mcp_servers"]["whatsapp"] == ENTRY


def test_what_is_no_toml_is_refused_with_the_line() -> None:
    with pytest.raises(CannotChange) as refused:
        toml_text.with_entry("a = 1\nb =\n", "mcp_servers", "whatsapp", ENTRY)
    assert refused.value.reason == "line 2: this is no TOML"


GOOSE: Final = """\
# Goose
GOOSE_PROVIDER: anthropic   # mine
extensions:
    developer:     # builtin
        enabled: true
        type: builtin

    # files
    files:
        cmd: npx
        args: ["-y", 'files']
        note: |
            two
            lines

# at the end
GOOSE_MODE: auto
"""
ENTRY_LINES: Final = """\
    whatsapp:
      command: /opt/whatsapp-mcp
      args:
        - stdio
"""


def test_an_entry_of_yaml() -> None:
    changed = yaml_text.with_entry(GOOSE, "extensions", "whatsapp", ENTRY)
    assert changed == GOOSE.replace("            lines\n", f"            lines\n{ENTRY_LINES}")
    assert yaml_text.without_entry(changed, "extensions", "whatsapp") == GOOSE


def test_an_entry_of_yaml_in_the_middle_is_replaced() -> None:
    changed = yaml_text.with_entry(GOOSE, "extensions", "developer", ENTRY)
    old = "    developer:     # builtin\n        enabled: true\n        type: builtin\n"
    assert changed == GOOSE.replace(old, ENTRY_LINES.replace("whatsapp:", "developer:"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "t:\n  w:\n    a: 1\n"),
        ("# only this", "# only this\nt:\n  w:\n    a: 1\n"),
        ("a: 1", "a: 1\nt:\n  w:\n    a: 1\n"),
        ("t: {}\nb: 2\n", "t:\n  w:\n    a: 1\nb: 2\n"),
        ("t:\nb: 2\n", "t:\n  w:\n    a: 1\nb: 2\n"),
        ("t:\r\n  x: 1\r\n", "t:\r\n  x: 1\r\n  w:\r\n    a: 1\r\n"),
    ],
)
def test_layouts_of_yaml(before: str, after: str) -> None:
    assert yaml_text.with_entry(before, "t", "w", {"a": 1}) == after


@pytest.mark.parametrize(
    "text", ["t: {a: {b: 1}}\n", "{t: {}}\n", "- a\n", "t: [\n", "t: &x\n  a: 1\nu: *x\n", "t: 5\n"]
)
def test_yaml_that_is_not_changed(text: str) -> None:
    with pytest.raises(CannotChange):
        yaml_text.with_entry(text, "t", "w", ENTRY)


def test_the_last_entry_of_yaml_leaves_an_empty_table() -> None:
    assert yaml_text.without_entry("t:\n  w:\n    a: 1\nb: 2\n", "t", "w") == "t: {}\nb: 2\n"


PRINTED: Final = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=9)


@given(st.dictionaries(PRINTED, PRINTED, max_size=4))
def test_any_value_in_yaml_is_read_back(values: dict[str, str]) -> None:
    text = yaml_text.with_entry(GOOSE, "extensions", "whatsapp", values)
    assert yaml_text.read(text)["extensions"]["whatsapp"] == values
