"""What others start the server with (bundle, registry, container, units, plugin) says what the package is and takes."""

from __future__ import annotations

import configparser
import importlib.util
import json
import plistlib
import re
import shlex
import xml.parsers.expat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import click
import pytest
import yaml

import whatsapp_mcp
from whatsapp_mcp.catalog import load_catalog, select
from whatsapp_mcp.cli import cli
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.link import STOP_GRACE

ROOT: Final = Path(__file__).parents[2]
PACKAGING: Final = ROOT / "packaging"
MANIFEST: Final[dict[str, Any]] = json.loads((PACKAGING / "mcpb" / "manifest.json").read_text(encoding="utf-8"))
SERVER: Final[dict[str, Any]] = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
PLUGIN: Final = PACKAGING / "claude-plugin"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PLIST: Final[dict[str, Any]] = plistlib.loads((PACKAGING / "launchd" / "whatsapp-mcp.plist").read_bytes())
FILES: Final = [
    ROOT / "Dockerfile",
    ROOT / "compose.yaml",
    ROOT / "server.json",
    *sorted(path for path in PACKAGING.rglob("*") if path.is_file() and "__pycache__" not in path.parts),
]
VARIABLES: Final = {f"WHATSAPP_MCP_{name.upper()}": name for name in Settings.model_fields}


def by_place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def unit() -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=False)
    found.read(PACKAGING / "systemd" / "whatsapp-mcp.service", encoding="utf-8")
    return found


def test_versions_are_the_package_s() -> None:
    plugin = json.loads((PLUGIN / ".claude-plugin" / "plugin.json").read_text(encoding="utf-8"))
    (package,) = SERVER["packages"]
    image = COMPOSE["services"]["whatsapp"]["image"].partition(":")[2]
    found = [MANIFEST["version"], SERVER["version"], package["version"], plugin["version"], image]
    assert found == [whatsapp_mcp.__version__] * len(found)


@pytest.mark.parametrize("path", FILES, ids=by_place)
def test_variables_are_settings(path: Path) -> None:
    assert set(re.findall(r"WHATSAPP_MCP_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) <= set(VARIABLES)


def arguments() -> Iterator[tuple[str, list[str]]]:
    """(where, what follows the command) of every command line in the files."""
    yield "Dockerfile", json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[0])
    yield "systemd", shlex.split(unit()["Service"]["ExecStart"])[1:]
    yield "launchd", PLIST["ProgramArguments"][1:]
    (server,) = json.loads((PLUGIN / ".mcp.json").read_text(encoding="utf-8"))["mcpServers"].values()
    assert (server["command"], server["args"][0]) == ("uvx", "whatsapp-web-mcp")
    yield "plugin", server["args"][1:]
    yield "server.json", [one["value"] for one in SERVER["packages"][0]["packageArguments"]]


@pytest.mark.parametrize(("where", "words"), list(arguments()), ids=lambda value: str(value)[:20])
def test_command_lines_of_the_files_are_accepted(where: str, words: list[str]) -> None:
    name, *options = words
    cli.all()[name].make_context(name, options)  # raises when an option is unknown or wrong


def default_of(variable: str) -> Any:
    return Settings.model_fields[VARIABLES[variable]].default


def test_what_the_bundle_asks_for() -> None:
    assert (MANIFEST["manifest_version"], MANIFEST["server"]["type"]) == ("0.4", "uv")
    environment = MANIFEST["server"]["mcp_config"]["env"]
    asked = MANIFEST["user_config"]
    assert environment == {f"WHATSAPP_MCP_{name.upper()}": f"${{user_config.{name}}}" for name in asked}
    assert set(asked) == {"account", "toolsets", "policy", "outbox"}
    for variable, name in VARIABLES.items():
        if name in asked:
            assert asked[name]["default"] == default_of(variable)
    for preset in get_args(Settings.model_fields["policy"].annotation):
        assert preset in asked["policy"]["description"]


def test_what_the_registry_is_told() -> None:
    """The limits are those of its schema of 2025-12-11, with which the file was checked."""
    assert SERVER["$schema"].endswith("/2025-12-11/server.schema.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert 1 <= len(SERVER["description"]) <= 100
    (package,) = SERVER["packages"]
    assert (package["registryType"], package["identifier"]) == ("pypi", "whatsapp-web-mcp")
    for variable in package["environmentVariables"]:
        assert variable.get("default", "") == default_of(variable["name"])
    (policy,) = (one for one in package["environmentVariables"] if one["name"] == "WHATSAPP_MCP_POLICY")
    assert policy["choices"] == list(get_args(Settings.model_fields["policy"].annotation))


def test_the_page_on_the_index_names_the_entry_of_the_registry() -> None:
    """The registry looks for it there, to see that both are of the same people."""
    assert f"<!-- mcp-name: {SERVER['name']} -->" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_bundle_holds_what_it_starts_with(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("mcpb_build", PACKAGING / "mcpb" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    build.stage(tmp_path)
    assert (tmp_path / MANIFEST["server"]["entry_point"]).is_file()
    assert MANIFEST["server"]["mcp_config"]["args"][-1] == MANIFEST["server"]["entry_point"]
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"manifest.json", "server.py", "pyproject.toml", "README.md", "LICENSE", "src"}
    assert (tmp_path / "src" / "whatsapp_mcp" / "catalog" / "catalog.json").is_file()
    assert not [path for path in tmp_path.rglob("__pycache__")]


# ---- container


def test_the_container_is_nobody_s_root() -> None:
    service = COMPOSE["services"]["whatsapp"]
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\d+):\d+$", last, re.MULTILINE)
    assert int(user) > 1000
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.search(r"^HEALTHCHECK .*\n    CMD .*/health", last, re.MULTILINE)


def test_the_container_s_data_is_a_volume() -> None:
    volumes = COMPOSE["services"]["whatsapp"]["volumes"]
    (folder,) = re.findall(r"WHATSAPP_MCP_DATA_DIR=(\S+)", DOCKERFILE)
    assert f"VOLUME {folder}\n" in DOCKERFILE
    assert f"data:{folder}" in volumes
    assert set(COMPOSE["volumes"]) == {"data"}


def test_the_container_is_reached_from_its_machine_only() -> None:
    (port,) = COMPOSE["services"]["whatsapp"]["ports"]
    listened = default_of("WHATSAPP_MCP_PORT")
    assert port == f"127.0.0.1:{listened}:{listened}"
    assert f"EXPOSE {listened}\n" in DOCKERFILE


def test_what_the_image_is_built_from_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for name in line.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_what_the_compose_file_sets_is_right() -> None:
    given = COMPOSE["services"]["whatsapp"]["environment"]
    settings = Settings(**{VARIABLES[name]: value for name, value in given.items()})
    select(load_catalog(), settings.toolsets)
    targets = {one["target"] for one in COMPOSE["services"]["whatsapp"]["volumes"] if isinstance(one, dict)}
    assert {str(folder) for folder in settings.outbox_folders} == targets


def test_a_container_that_is_stopped_loses_nothing() -> None:
    """The session process ends with the server (`Link.leave` waits for it), within what Docker is told to wait."""
    image = dict(re.findall(r"^(?:ENV |    )(WHATSAPP_MCP_[A-Z_]+)=(\S+)", DOCKERFILE, re.MULTILINE))
    assert (image["WHATSAPP_MCP_SESSION_LINGER"], image["WHATSAPP_MCP_SCHEDULE_STAY_HOURS"]) == ("0", "0")
    assert set(image) <= set(VARIABLES)
    grace = COMPOSE["services"]["whatsapp"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > STOP_GRACE


# ---- units


def test_the_units_wait_for_what_is_not_stored_yet() -> None:
    service = unit()["Service"]
    assert (service["KillMode"], service["UMask"]) == ("control-group", "0077")
    assert int(service["TimeoutStopSec"]) >= Settings.model_fields["session_linger"].default
    assert PLIST["ExitTimeOut"] == int(service["TimeoutStopSec"])
    assert PLIST["Umask"] == 0o077


def test_the_agent_is_xml() -> None:
    xml.parsers.expat.ParserCreate().Parse((PACKAGING / "launchd" / "whatsapp-mcp.plist").read_bytes(), True)


def test_options_named_in_comments_exist() -> None:
    known = {
        spelling
        for command in cli.all().values()
        for option in command.params
        if isinstance(option, click.Option)
        for spelling in option.opts
    }
    named = set(re.findall(r"--[a-z-]+", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    assert named <= known | {"--detach"}
