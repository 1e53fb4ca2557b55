"""The documentation says what the code does: every setting, command, tool, link, example and command line in it."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

import click
import pytest
from bench.tools_list import listed_characters
from jsonschema_rs import Draft202012Validator

import whatsapp_mcp
from whatsapp_mcp.catalog import CORE, load_catalog, select
from whatsapp_mcp.cli import cli
from whatsapp_mcp.cli.exits import Exit
from whatsapp_mcp.errors import CODES
from whatsapp_mcp.offline.demo import AGREED, INVITATION
from whatsapp_mcp.operations.runner import handlers
from whatsapp_mcp.policy.file import parse_rules
from whatsapp_mcp.server.metrics import METRICS
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.simulator.control.control import Commands
from whatsapp_mcp.simulator.people.personas import cast

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = Path(whatsapp_mcp.__file__).parent
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES: Final = sorted((ROOT / "examples").glob("*.json"))

_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


def by_name(path: Path) -> str:
    return path.name


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    """Fenced blocks of a page."""
    return [body for kind, body in _FENCE.findall(path.read_text(encoding="utf-8")) if kind == language]


def servers(path: Path) -> dict[str, dict[str, Any]]:
    """The servers of a host's configuration."""
    configuration = json.loads(path.read_text(encoding="utf-8"))
    ((_, found),) = configuration.items()
    assert isinstance(found, dict)
    return found


def table(text: str, heading: str) -> dict[str, list[str]]:
    """Rows of the first table below a heading, by what stands in their first cell."""
    _, found, rest = text.partition(f"\n## {heading}\n")
    assert found, f"no heading {heading!r}"
    rows = [line.strip("|").split(" | ") for line in rest.partition("\n## ")[0].splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


def test_what_is_generated_is_up_to_date() -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


# ---- settings --------------------------------------------------------------------------------------------------------


def test_every_setting_is_on_its_page_with_its_default() -> None:
    rows = table(page("settings.md"), "All settings")
    assert set(rows) == {f"WHATSAPP_MCP_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        option, default, description = rows[f"WHATSAPP_MCP_{name.upper()}"]
        assert description == field.description
        if field.default_factory is None:
            shown = "–" if field.default is None else f"`{json.dumps(field.default).strip(chr(34))}`"
            assert default == shown
        else:
            assert default
        expected = f"`--{name.replace('_', '-')}`" if name in {p.name for p in cli.all()["stdio"].params} else ""
        assert option == expected


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=by_name)
def test_pages_name_only_variables_that_exist(path: Path) -> None:
    known = {f"WHATSAPP_MCP_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"WHATSAPP_MCP_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("path", PAGES, ids=by_name)
def test_policies_on_pages_are_right(path: Path) -> None:
    for written in blocks(path, "toml"):
        parse_rules(written, "careful", path)


# ---- commands --------------------------------------------------------------------------------------------------------


def test_every_command_and_option_is_on_its_page() -> None:
    # A command of a group stands there with the names of its arguments.
    rows = {re.sub(r" \[?[A-Z]+\]?", "", name): row for name, row in table(page("commands.md"), "All commands").items()}
    commands = dict(all_commands(cli))
    assert set(rows) == {f"whatsapp-mcp {name}" for name in commands}
    for name, command in commands.items():
        written, description = rows[f"whatsapp-mcp {name}"]
        assert description
        options = [option for option in command.params if isinstance(option, click.Option)]
        assert set(re.findall(r"--[a-z-]+", written)) == {
            spelling for option in options for spelling in (*option.opts, *option.secondary_opts)
        }


def test_the_page_of_the_terminal_has_every_exit_code() -> None:
    text = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE))
    assert rows == {str(code.value): code.meaning for code in Exit}


def test_every_command_is_on_a_page_with_an_example() -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in PAGES if path.name != "commands.md")
    pages += page("commands.md").partition("<!-- end of commands -->")[2]
    missing = [name for name, _ in all_commands(cli) if not re.search(rf"(whatsapp-mcp |`){name}\b", pages)]
    assert missing == []


def all_commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in (cli.all() if group is cli else group.commands).items():
        yield f"{before}{name}", command
        if isinstance(command, click.Group):
            yield from all_commands(command, f"{before}{name} ")


def test_every_command_about_the_data_of_an_account_takes_its_name() -> None:
    about_data = {
        name: {param.name for param in command.params}
        for name, command in all_commands(cli)
        if not name.startswith(("accounts", "token ")) and "data_dir" in {param.name for param in command.params}
    }
    assert {"stdio", "serve", "export", "status", "doctor"} <= set(about_data)
    assert [name for name, options in about_data.items() if "account" not in options] == []


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """(where, arguments) of every `whatsapp-mcp …` in a shell block, an inline code or an example."""
    for path in PAGES:
        texts = blocks(path, "sh") + re.findall(r"`(whatsapp-mcp [^`]+)`", path.read_text(encoding="utf-8"))
        for line in "\n".join(texts).splitlines():
            for match in re.finditer(r"(?:^|[/ (])whatsapp-mcp ((?!\.\.\.)[^()#|&;]+)", line):
                yield path.name, shlex.split(match[1])
    for path in EXAMPLES:
        for server in servers(path).values():
            if "args" in server:
                yield path.name, server["args"]


LINES: Final = list(command_lines())


def test_command_lines_are_found() -> None:
    assert {"README.md", "simulator.md", "hosts.md", "simulated.json"} <= {where for where, _ in LINES}


@pytest.mark.parametrize(("where", "arguments"), LINES, ids=lambda value: str(value))
def test_command_lines_are_accepted(where: str, arguments: list[str]) -> None:
    group: click.Group = cli
    name, *options = arguments
    while True:
        commands = cli.all() if group is cli else group.commands
        assert name in commands, f"{where}: no command {name!r}"
        command = commands[name]
        if not (isinstance(command, click.Group) and options and options[0] in command.commands):
            break
        group, (name, *options) = command, options
    with contextlib.suppress(click.exceptions.Exit):  # of --help
        command.make_context(name, options)  # raises when an option is unknown or wrong


OPTIONS_OF_OTHERS: Final = {
    *("--help", "--kills", "--seed", "--messages", "--webhooks", "--file-mib", "--check"),
    *("--strict", "--debug", "--platform", "--refresh", "--upgrade"),
}
"""Of our benchmarks and of other programs; and the one that every command has."""


def test_options_in_the_text_exist() -> None:
    ours = {
        spelling
        for _, command in all_commands(cli)
        for option in command.params
        if isinstance(option, click.Option)
        for spelling in (*option.opts, *option.secondary_opts)
    }
    named = {
        option
        for path in PAGES
        for code in re.findall(r"`([^`\n]+)`", path.read_text(encoding="utf-8"))
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)
    }
    assert named - ours == OPTIONS_OF_OTHERS


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {target for path in PAGES for target in re.findall(r"\bmake ([a-z]+)\b`", path.read_text(encoding="utf-8"))}
    named |= {
        line.split()[1]
        for path in PAGES
        for block in blocks(path, "sh")
        for line in block.splitlines()
        if line.startswith("make ")
    }
    assert {"demo", "test"} <= named <= targets


# ---- tools -----------------------------------------------------------------------------------------------------------


def test_the_page_of_tools_names_the_toolsets_and_the_tools_of_core() -> None:
    catalog = load_catalog()
    head = page("tools.md").partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", head, re.MULTILINE)) == set(catalog.toolsets)
    core = {operation.name for operation in catalog.operations if CORE in operation.toolsets}
    text = head.partition("In `core` are ")[2]
    assert set(re.findall(r"\[(\w+)\]", text)) == core


def test_every_tool_that_works_has_its_reference_with_all_arguments() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "tools").glob("*.md"))
    sections = {section.split("\n", 1)[0]: section for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]}
    assert set(sections) == set(handlers())
    for operation in load_catalog().operations:
        section = sections[operation.name]
        assert operation.description.strip() in section
        for name, schema in operation.input_schema["properties"].items():
            (row,) = (line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
            assert ("**required**" in row) == (name in operation.input_schema.get("required", ()))
            if "default" in schema:
                assert f"default `{json.dumps(schema['default']).strip(chr(34))}`" in row
            for value in schema.get("enum", ()):
                assert f"`{value}`" in row


RECORDED: Final = ROOT / "docs" / "recorded"


@pytest.mark.parametrize("name", sorted(load_catalog().by_name))
def test_every_tool_has_an_example_that_is_still_right(name: str) -> None:
    """As docs/record.py played it: a changed schema, or a tool that is new, wants to be played again."""
    example = json.loads((RECORDED / "examples.json").read_text(encoding="utf-8")).get(name)
    assert example, "give docs/example_calls.py a call of it, and run python docs/record.py"
    operation = load_catalog().by_name[name]
    Draft202012Validator(operation.input_schema).validate(example["arguments"])
    structured = {key: value for key, value in example["answer"].items() if value is not None}
    Draft202012Validator(operation.output_schema).validate(structured)
    assert not re.search(r"/tmp/|/root/|127\.0\.0\.1", json.dumps(example)), "of the machine it was played on"


def test_the_conversation_in_the_readme_is_the_demo() -> None:
    """Its picture is drawn of it by docs/generate.py."""
    events = json.loads((RECORDED / "conversation.json").read_text(encoding="utf-8"))
    assert [event["text"] for event in events if event.get("said") == "you"][:2] == [INVITATION, AGREED]
    calls = [event for event in events if "call" in event]
    for event in calls:
        Draft202012Validator(load_catalog().by_name[event["call"]].input_schema).validate(event["arguments"])
    demo = (PACKAGE / "offline" / "demo.py").read_text(encoding="utf-8")
    assert [event["call"] for event in calls] == re.findall(r'guest\.call\(\s*"(\w+)"', demo)


def test_the_figures_in_the_readme_are_about_right() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    operations = load_catalog().operations
    seed = json.loads((ROOT / "tests" / "contract" / "seed.json").read_text(encoding="utf-8"))["operations"]
    assert f"| {len(seed)}, and {len(operations) - len(seed)} of its own |" in text
    core, everything = (
        int(figure.replace(",", ""))
        for figure in re.search(r"\| ([\d,]+) by default; ([\d,]+) all \|", text).groups()  # type: ignore[union-attr]
    )
    assert core == pytest.approx(listed_characters(select(load_catalog(), CORE).operations), rel=0.03)
    assert everything == pytest.approx(listed_characters(operations), rel=0.03)


WORDS_OF_OTHERS: Final = {
    *("destructiveHint", "openWorldHint", "readOnlyHint", "isError", "structuredContent", "operationId"),
    *("chatInput", "clientInfo", "mcpServers", "sessionId", "toolCallId", "fromMe"),
}
"""What MCP, hosts and WhatsApp write like the name of a tool."""


def test_tools_in_the_text_exist() -> None:
    named = {word for path in PAGES for word in re.findall(r"`([a-z]+[A-Z]\w+)`", path.read_text(encoding="utf-8"))}
    assert named - set(load_catalog().by_name) == WORDS_OF_OTHERS


@pytest.mark.parametrize("path", PAGES, ids=by_name)
def test_selections_in_the_text_are_understood(path: Path) -> None:
    catalog = load_catalog()
    names = {"all", *catalog.toolsets, *catalog.by_name}
    for code in re.findall(r"`([^`\s]+,[^`\s]+)`", path.read_text(encoding="utf-8")):
        if all(part.lstrip("+-") in names for part in code.split(",")):
            select(catalog, code)


# ---- errors ----------------------------------------------------------------------------------------------------------

TROUBLESHOOTING: Final = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
_CODE: Final = re.compile(r"^### ([a-z_]+)\n\n(\S.+?)(?=\n##|\Z)", re.MULTILINE | re.DOTALL)


@cache
def error_codes() -> set[str]:
    """Those of every class of errors in the source, whatever of it has been imported."""
    named = {
        str(node.value.value)
        for path in PACKAGE.rglob("*.py")
        if "simulator" not in path.parts
        for of_class in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(of_class, ast.ClassDef)
        for node in of_class.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        if "code" in {target.id for target in _targets(node)} and isinstance(node.value.value, str)
        if node.value.value  # a field of a dataclass with an empty default is no code
    }
    assert named >= CODES
    return named


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.Name]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target for target in targets if isinstance(target, ast.Name)]


def test_every_error_code_is_explained_with_what_to_do() -> None:
    explained = _CODE.findall(TROUBLESHOOTING)
    assert sorted(code for code, _ in explained) == sorted(error_codes())
    assert all(len(text.split()) >= 10 for _, text in explained)


@pytest.mark.parametrize("path", PAGES, ids=by_name)
def test_codes_in_the_text_exist(path: Path) -> None:
    """What a page says that a call is answered with."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?:answered?|answers|error|fails? with|ends with)(?: the error)? `([a-z]+(?:_[a-z]+)+)`", text)
    assert set(named) <= error_codes()


# ---- operating -------------------------------------------------------------------------------------------------------

OPERATING: Final = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def checks_of_doctor() -> set[str]:
    """Names of all lines that `doctor` can print, from its source."""
    found: set[str] = set()
    for path in (PACKAGE / "offline" / "diagnosis").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="ok" | "warning" | "problem" | "_check_version"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    found.add(name)
                case ast.Assign(targets=[ast.Name(id="name" | "_NAME")], value=ast.Constant(value=str(name))):
                    found.add(name)
                case ast.AnnAssign(target=ast.Name(id="name" | "_NAME"), value=ast.Constant(value=str(name))):
                    found.add(name)
                case ast.Tuple(elts=[ast.Constant(value=str(name)), ast.Lambda() | ast.Attribute()]):
                    found.add(name)
    return {name for name in found if re.fullmatch("[a-z0-9-]+", name)}


def test_every_line_of_doctor_is_explained() -> None:
    checks = checks_of_doctor()
    assert {"python", "last-session", "connection", "search-index", "mcp"} <= checks
    assert set(table(OPERATING, "What doctor looks at")) == checks


def test_every_metric_is_explained() -> None:
    assert set(table(OPERATING, "Metrics")) >= set(METRICS)
    named = {name for path in PAGES for name in re.findall(r"whatsapp_mcp_[a-z_]*[a-z]", path.read_text("utf-8"))}
    assert named <= set(METRICS), "alerts name metrics that exist"
    assert all(metric.help.endswith(".") for metric in METRICS.values())


# ---- simulator -------------------------------------------------------------------------------------------------------


def test_every_control_command_is_in_the_page_of_the_simulator() -> None:
    rows = table((ROOT / "docs" / "simulator.md").read_text(encoding="utf-8"), "Control commands")
    assert set(rows) == {name.removeprefix("do_") for name in dir(Commands) if name.startswith("do_")}


def test_the_people_of_the_simulator_are_in_its_page() -> None:
    text = (ROOT / "docs" / "simulator.md").read_text(encoding="utf-8")
    for person in cast():
        assert f"| {person.name} | {person.number} |" in text


# ---- pages and examples ----------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """Anchors of a page, as GitHub makes them."""
    prose = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(prose)}


@pytest.mark.parametrize("path", PAGES, ids=by_name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in _LINK.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))):
        target, _, anchor = link.partition("#")
        if target.startswith("https://"):
            continue
        page = (path.parent / target).resolve() if target else path
        assert page.exists(), f"{path.name}: {link}"
        assert not anchor or anchor in anchors(page), f"{path.name}: {link}"


def test_every_page_and_example_is_reached_from_another() -> None:
    linked = {
        (path.parent / link.partition("#")[0]).resolve()
        for path in PAGES
        for link in _LINK.findall(path.read_text(encoding="utf-8"))
    }
    assert {path.resolve() for path in (*(ROOT / "docs").rglob("*.md"), *EXAMPLES)} <= linked


def test_every_room_is_in_the_page_on_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert {room for room in rooms if f"| `{room}` |" not in text} == set()


@pytest.mark.parametrize("name", ["architecture.md", "contributing.md", "glossary.md"])
def test_files_that_pages_name_exist(name: str) -> None:
    named = re.findall(r"`([\w/]+/)?([\w]+\.(?:py|pyi|json|yaml|md))`", (ROOT / "docs" / name).read_text("utf-8"))
    assert named
    paths = [folder + file for folder, file in named if folder]
    missing = [path for path in paths if not any((place / path).exists() for place in (PACKAGE, ROOT))]
    assert not missing


@pytest.mark.parametrize("path", PAGES, ids=by_name)
def test_code_in_pages_can_be_read(path: Path) -> None:
    for block in blocks(path, "json"):
        json.loads(block)
    for block in blocks(path, "python"):
        ast.parse(block)


@pytest.mark.parametrize("path", EXAMPLES, ids=by_name)
def test_examples_of_hosts(path: Path) -> None:
    for server in servers(path).values():
        if "url" in server:
            assert server["url"] == "http://127.0.0.1:8765/mcp"
            assert server["headers"]["Authorization"].startswith("Bearer ${")
            continue
        on_windows = server["command"].endswith(".exe")
        command = (PureWindowsPath if on_windows else PurePosixPath)(server["command"])
        assert command.is_absolute()
        assert command.stem == "whatsapp-mcp"
        assert command.parent.name == ("Scripts" if on_windows else "bin")
        toolsets = server.get("env", {}).get("WHATSAPP_MCP_TOOLSETS", "core")
        select(load_catalog(), toolsets, read_only="--read-only" in server["args"])


@pytest.mark.parametrize(
    ("where", "example"),
    [
        ("README.md", "cursor.json"),
        ("docs/using.md", "simulated.json"),
        ("docs/hosts.md", "claude-desktop-windows.json"),
    ],
)
def test_a_page_shows_the_example(where: str, example: str) -> None:
    shown = [json.loads(block) for block in blocks(ROOT / where, "json")]
    assert json.loads((ROOT / "examples" / example).read_text()) in shown


def test_the_changelog_has_this_version() -> None:
    assert f"## [{whatsapp_mcp.__version__}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
