"""`whatsapp-mcp install`: where it writes, what it keeps, what it says; and what doctor says of it later."""

from __future__ import annotations

import json
import os
import stat
import sys
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result
from tests.unit.systems import needs_links, needs_modes

from whatsapp_mcp.cli import cli
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.offline.diagnosis import host_checks
from whatsapp_mcp.offline.diagnosis.checks import Verdict
from whatsapp_mcp.offline.hosts import yaml_text
from whatsapp_mcp.offline.hosts.entries import entered, values
from whatsapp_mcp.offline.hosts.found import HostEntry, look
from whatsapp_mcp.offline.hosts.known import HOSTS, Launch
from whatsapp_mcp.offline.hosts.launch import is_ours, this_installation
from whatsapp_mcp.offline.hosts.writing import write
from whatsapp_mcp.platform.user_folders import OperatingSystem, UserFolders

Run = Callable[..., Result]
LINUX, MACOS, WINDOWS = OperatingSystem.LINUX, OperatingSystem.MACOS, OperatingSystem.WINDOWS
LAUNCH: Final = Launch("/opt/whatsapp/bin/whatsapp-mcp", ("stdio",))
HERE: Final = this_installation(())
"""How the installation that is tested is started."""

PLACES: Final[dict[str, Mapping[OperatingSystem, str | None]]] = {
    "claude-desktop": {
        LINUX: ".config/Claude/claude_desktop_config.json",
        MACOS: "Library/Application Support/Claude/claude_desktop_config.json",
        WINDOWS: "AppData/Local/Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json",
    },
    "claude-code": dict.fromkeys(OperatingSystem, ".claude.json"),
    "cursor": dict.fromkeys(OperatingSystem, ".cursor/mcp.json"),
    "vscode": {
        LINUX: ".config/Code/User/mcp.json",
        MACOS: "Library/Application Support/Code/User/mcp.json",
        WINDOWS: "AppData/Roaming/Code/User/mcp.json",
    },
    "windsurf": dict.fromkeys(OperatingSystem, ".codeium/windsurf/mcp_config.json"),
    "zed": {
        LINUX: ".config/zed/settings.json",
        MACOS: ".config/zed/settings.json",
        WINDOWS: "AppData/Roaming/Zed/settings.json",
    },
    "codex": dict.fromkeys(OperatingSystem, ".codex/config.toml"),
    "gemini": dict.fromkeys(OperatingSystem, ".gemini/settings.json"),
    "goose": {
        LINUX: ".config/goose/config.yaml",
        MACOS: ".config/goose/config.yaml",
        WINDOWS: "AppData/Roaming/Block/goose/config/config.yaml",
    },
    "librechat": dict.fromkeys(OperatingSystem, None),
}
WRITTEN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "claude-desktop": ("mcpServers", {}),
    "claude-code": ("mcpServers", {"type": "stdio"}),
    "cursor": ("mcpServers", {}),
    "vscode": ("servers", {"type": "stdio"}),
    "windsurf": ("mcpServers", {}),
    "zed": ("context_servers", {}),
    "codex": ("mcp_servers", {}),
    "gemini": ("mcpServers", {}),
}
READ: Final[dict[str, Callable[[str], Any]]] = {".json": json.loads, ".toml": tomllib.loads, ".yaml": yaml_text.read}


@pytest.fixture
def run() -> Run:
    return lambda *arguments, said="": CliRunner().invoke(cli, ["install", *map(str, arguments)], input=said)


@pytest.fixture
def cursor(folders: UserFolders) -> Path:
    path = folders.home / ".cursor" / "mcp.json"
    path.parent.mkdir(parents=True)
    path.write_text('{\n  // mine\n  "mcpServers": {\n    "files": {"command": "npx"},\n  }\n}\n')
    return path


@pytest.mark.parametrize("system", OperatingSystem)
@pytest.mark.parametrize("name", HOSTS)
def test_where_each_host_keeps_its_file(name: str, system: OperatingSystem, tmp_path: Path) -> None:
    wanted = PLACES[name][system]
    found = HOSTS[name].file(UserFolders(system, tmp_path, {}))
    assert found == (tmp_path / wanted if wanted is not None else None)


def test_what_moves_files(tmp_path: Path) -> None:
    variables = {"CLAUDE_CONFIG_DIR": "/a", "CODEX_HOME": "/b", "XDG_CONFIG_HOME": "/c", "CONFIG_PATH": "/d/x.yaml"}
    folders = UserFolders(LINUX, tmp_path, variables)
    names = ("claude-code", "codex", "goose", "zed", "librechat")
    assert [HOSTS[name].file(folders) for name in names] == [
        Path(one)
        for one in ("/a/.claude.json", "/b/config.toml", "/c/goose/config.yaml", "/c/zed/settings.json", "/d/x.yaml")
    ]


@pytest.mark.parametrize("there", ["AppData/Local/Claude-Data/claude_1", "AppData/Roaming/Claude"])
def test_claude_desktop_on_windows_is_looked_for(there: str, tmp_path: Path) -> None:
    (tmp_path / there).mkdir(parents=True)
    found = HOSTS["claude-desktop"].file(UserFolders(WINDOWS, tmp_path, {}))
    assert found == tmp_path / there / "claude_desktop_config.json"


@pytest.mark.parametrize("name", WRITTEN)
def test_what_each_host_is_given(name: str, folders: UserFolders, run: Run) -> None:
    done = run(name, "--yes", "--toolsets", "core,group", "--scope", "send")
    assert done.exit_code == 0, done.output
    path = folders.home / str(PLACES[name][LINUX])
    table, fixed = WRITTEN[name]
    entry = {**fixed, "command": HERE.command, "args": [*HERE.arguments, "--toolsets", "core,group", "--scope", "send"]}
    assert READ[path.suffix](path.read_text()) == {table: {"whatsapp": entry}}
    assert Path(HERE.command).is_absolute()


def test_what_goose_is_given(folders: UserFolders, run: Run) -> None:
    assert run("goose", "--yes").exit_code == 0
    (table,) = yaml_text.read((folders.home / ".config" / "goose" / "config.yaml").read_text()).values()
    assert table["whatsapp"]["cmd"] == HERE.command
    assert (table["whatsapp"]["name"], table["whatsapp"]["type"]) == ("whatsapp", "stdio")
    assert table["whatsapp"]["enabled"] is True


def test_librechat_has_no_place_of_its_own(run: Run, tmp_path: Path) -> None:
    refused = run("librechat", "--yes")
    assert (refused.exit_code, "--file" in refused.output) == (2, True)
    assert yaml_text.read(run("librechat", "--print").stdout)["mcpServers"]["whatsapp"]["command"] == HERE.command
    path = tmp_path / "librechat.yaml"
    path.write_text("version: 1.2.8 # of the file\ncache: true\n")
    assert run("librechat", "--file", path, "--yes").exit_code == 0
    assert path.read_text().startswith("version: 1.2.8 # of the file\ncache: true\nmcpServers:\n  whatsapp:\n")


def test_the_difference_is_shown_and_nobody_can_be_asked(cursor: Path, run: Run) -> None:
    before = cursor.read_bytes()
    done = run("cursor")
    assert done.exit_code == 1
    assert '+    "whatsapp": {' in done.output
    assert "--yes" in done.stderr
    assert cursor.read_bytes() == before
    assert run("cursor", "--print").exit_code == 0
    assert cursor.read_bytes() == before


@pytest.mark.parametrize(("said", "code"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_the_owner_is_asked(cursor: Path, run: Run, said: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whatsapp_mcp.cli.asking.can_be_asked", lambda: True)
    before = cursor.read_bytes()
    assert run("cursor", said=said).exit_code == code
    assert (cursor.read_bytes() != before) == (code == 0)


def test_what_it_was_stays_beside_it(cursor: Path, run: Run) -> None:
    before = cursor.read_bytes()
    assert run("cursor", "--yes").exit_code == 0
    (kept,) = cursor.parent.glob("mcp.json.*.bak")
    assert kept.read_bytes() == before
    assert "// mine" in cursor.read_text()
    assert sorted(path.name for path in cursor.parent.iterdir()) == sorted([kept.name, "mcp.json"])
    again = run("cursor", "--yes")
    assert "has this entry already" in again.output
    assert len(list(cursor.parent.glob("*.bak"))) == 1


def test_it_is_taken_out_again(cursor: Path, run: Run) -> None:
    before = cursor.read_bytes()
    assert run("cursor", "--yes").exit_code == 0
    assert run("cursor", "--remove", "--yes").exit_code == 0
    assert cursor.read_bytes() == before
    assert run("cursor", "--remove", "--yes").exit_code == 4


def test_what_the_owner_added_stays(cursor: Path, run: Run) -> None:
    mine = {"command": "/old/whatsapp-mcp", "args": ["stdio", "--read-only"], "env": {"WHATSAPP_MCP_POLICY": "locked"}}
    cursor.write_text(json.dumps({"mcpServers": {"whatsapp": mine}}))
    assert run("cursor", "--yes").exit_code == 0
    entry = json.loads(cursor.read_text())["mcpServers"]["whatsapp"]
    assert entry == {**mine, "command": HERE.command, "args": list(HERE.arguments)}


@pytest.mark.parametrize("arguments", [(), ("--remove",)])
def test_another_program_of_the_name_is_left_alone(cursor: Path, run: Run, arguments: tuple[str, ...]) -> None:
    cursor.write_text('{"mcpServers": {"whatsapp": {"command": "node", "args": ["whatsapp.js"]}}}')
    before = cursor.read_bytes()
    done = run("cursor", "--yes", *arguments)
    assert (done.exit_code, "--name" in done.stderr) == (1, True)
    assert cursor.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"mcpServers": {"a": 1 "b": 2}}', "line 1: a comma is missing"),
        (b'{"mcpServers": []}', "mcpServers is no object"),
        (b"\xff\xfe{}", "not in UTF-8"),
    ],
)
def test_a_file_that_is_wrong_is_left_alone(cursor: Path, run: Run, content: bytes, said: str) -> None:
    cursor.write_bytes(content)
    done = run("cursor", "--yes")
    assert (done.exit_code, said in done.stderr) == (1, True), done.stderr
    assert cursor.read_bytes() == content
    assert run().exit_code == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("codex", 'mcp_servers.a.command = "x"\nz = 1\n'),  # tomlkit would put z into the new table
        ("goose", "extensions: {a: {cmd: x}}\n"),
        ("zed", '{"context_servers": {"whatsapp": {"command": "/x/whatsapp-mcp", /* why */ "args": []}}}'),
    ],
)
def test_what_would_change_more_is_refused(name: str, text: str, folders: UserFolders, run: Run) -> None:
    path = folders.home / str(PLACES[name][LINUX])
    path.parent.mkdir(parents=True)
    path.write_text(text)
    done = run(name, "--yes")
    assert done.exit_code == 1
    written = HERE.command if path.suffix == ".yaml" else json.dumps(HERE.command)
    assert written in done.stderr, "the entry is printed to be put in by hand"
    assert path.read_text() == text


def test_an_account_has_an_entry_of_its_own(cursor: Path, run: Run, tmp_path: Path) -> None:
    data = tmp_path / "all data"
    refused = run("cursor", "--yes", "--account", "work", "--data-dir", data)
    assert (refused.exit_code, "accounts add work" in refused.stderr) == (1, True)
    (data / "work").mkdir(parents=True)
    assert run("cursor", "--yes").exit_code == 0
    assert run("cursor", "--yes", "--account", "work", "--data-dir", data).exit_code == 0
    servers = values(HOSTS["cursor"], cursor.read_text())["mcpServers"]
    assert sorted(servers) == ["files", "whatsapp", "whatsapp-work"]
    assert servers["whatsapp-work"]["args"] == [*HERE.arguments, "--data-dir", str(data), "--account", "work"]


def test_toolsets_are_checked(run: Run) -> None:
    done = run("cursor", "--print", "--toolsets", "core,grup")
    assert (done.exit_code, "grup" in done.stderr) == (1, True)


def test_an_unknown_host_is_told_which_there_are(run: Run) -> None:
    done = run("curser")
    assert (done.exit_code, "cursor" in done.stderr) == (2, True)


def test_variables_that_hosts_do_not_see_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSAPP_MCP_TIMEZONE", "Europe/Berlin")
    assert "WHATSAPP_MCP_TIMEZONE" in run("cursor", "--print").stderr


@needs_modes
def test_modes_stay(cursor: Path, run: Run) -> None:
    cursor.chmod(0o640)
    assert run("cursor", "--yes").exit_code == 0
    (kept,) = cursor.parent.glob("*.bak")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (cursor, kept)] == [0o640, 0o640]
    assert run("codex", "--yes").exit_code == 0
    assert stat.S_IMODE((cursor.parents[1] / ".codex" / "config.toml").stat().st_mode) == 0o600


@needs_links
def test_a_link_stays_a_link(cursor: Path, run: Run, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "cursor.json"
    real.parent.mkdir()
    cursor.rename(real)
    cursor.symlink_to(real)
    assert run("cursor", "--yes").exit_code == 0
    assert cursor.readlink() == real
    assert "whatsapp" in real.read_text()
    assert [path.suffix for path in real.parent.iterdir() if path != real] == [".bak"]


def test_a_change_of_somebody_else_is_not_lost(cursor: Path) -> None:
    change = entered(HOSTS["cursor"], cursor, "whatsapp", LAUNCH)
    cursor.write_text("{}")
    with pytest.raises(SetupError, match="changed meanwhile"):
        write(change, datetime(2026, 11, 1, 12))
    assert cursor.read_text() == "{}"
    assert [path.name for path in cursor.parent.iterdir() if path.name.startswith(".")] == []


# ---- what is started


@needs_modes
def test_an_environment_of_uvx_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uvx = tmp_path / "bin" / "uvx"
    uvx.parent.mkdir()
    uvx.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(uvx.parent))
    found = this_installation(("--scope", "read"), prefix=tmp_path / "archive-v0" / "x")
    assert found.command == str(uvx)
    assert (found.arguments[0], found.arguments[2:]) == ("--from", ("whatsapp-mcp", "stdio", "--scope", "read"))
    assert found.arguments[1].startswith("whatsapp-web-mcp")
    assert is_ours(found.command, found.arguments)


def test_an_environment_of_uvx_without_uvx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SetupError) as refused:
        this_installation((), prefix=tmp_path / "archive-v0" / "x")
    assert "uv tool install" in refused.value.next_step


def test_without_a_command_it_is_started_by_python(tmp_path: Path) -> None:
    assert this_installation((), prefix=tmp_path) == Launch(sys.executable, ("-m", "whatsapp_mcp", "stdio"))


@pytest.mark.parametrize(
    ("command", "arguments", "ours"),
    [
        ("C:\\Users\\ana\\.venv\\Scripts\\whatsapp-mcp.exe", ["stdio"], True),
        ("/usr/bin/python3", ["-m", "whatsapp_mcp", "stdio"], True),
        ("uvx", ["whatsapp-web-mcp[media]", "stdio"], True),
        ("npx", ["whatsapp-mcp"], False),
        ("/opt/my-whatsapp-mcp", [], False),
    ],
)
def test_which_entries_are_ours(command: str, arguments: list[str], ours: bool) -> None:
    assert is_ours(command, arguments) is ours


# ---- afterwards


def test_entries_are_listed(cursor: Path, run: Run, tmp_path: Path, folders: UserFolders) -> None:
    other = tmp_path / "whatsapp-mcp"
    other.touch()
    for name, command in (("gemini", tmp_path / "gone" / "whatsapp-mcp"), ("windsurf", other)):
        path = HOSTS[name].file(folders)
        assert path is not None
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"mcpServers": {"whatsapp": {"command": str(command)}}}))
    assert run("cursor", "--yes").exit_code == 0
    states = {entry.host.name: entry.state for entry in look(folders)}
    assert {states.pop(name) for name in ("cursor", "gemini", "windsurf")} == {"entered", "gone", "elsewhere"}
    assert set(states.values()) == {"absent"}
    shown = run().output
    assert "entered, starts what is not there" in shown
    assert str(cursor) in shown

    said = {check.verdict: check for check in host_checks.check_hosts()}
    assert said.keys() == {"ok", "warning", "problem"}
    assert "Cursor" in said[Verdict.OK].message
    assert str(said[Verdict.PROBLEM].next_step).startswith("`whatsapp-mcp install gemini`")
    assert str(other) in said[Verdict.WARNING].message


def test_doctor_names_the_entry() -> None:
    entry = HostEntry(HOSTS["cursor"], Path("x.json"), "gone", name="whatsapp-work", command="/gone")
    (check,) = host_checks.of_entries([entry])
    assert check.next_step == "`whatsapp-mcp install cursor --name whatsapp-work` corrects it."


def test_a_file_that_nobody_may_read_stops_nothing(cursor: Path, folders: UserFolders) -> None:
    cursor.unlink()
    cursor.write_bytes(b"\xff")
    assert [entry.state for entry in look(folders) if entry.host.name == "cursor"] == ["unreadable"]
    assert os.fspath(cursor) in " ".join(check.message for check in host_checks.check_hosts())
