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
from urllib.parse import urlsplit

import click
import pytest
import yaml
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER

import whatsapp_mcp
from whatsapp_mcp.catalog import load_catalog, select
from whatsapp_mcp.cli import cli
from whatsapp_mcp.offline.nodes import NO_PROGRESS
from whatsapp_mcp.server.health import PATHS
from whatsapp_mcp.server.heartbeat import BEAT
from whatsapp_mcp.server.http import SESSION_IDLE
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.link import STOP_GRACE

ROOT: Final = Path(__file__).parents[2]
PACKAGING: Final = ROOT / "packaging"
MANIFEST: Final[dict[str, Any]] = json.loads((PACKAGING / "mcpb" / "manifest.json").read_text(encoding="utf-8"))
SERVER: Final[dict[str, Any]] = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
PLUGIN: Final = PACKAGING / "claude-plugin"
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
CLUSTER: Final[dict[str, Any]] = yaml.safe_load((PACKAGING / "cluster" / "compose.yaml").read_text(encoding="utf-8"))
NODES: Final = {
    name: one for name, one in CLUSTER["services"].items() if "WHATSAPP_MCP_NODE" in one.get("environment", {})
}
SERVICES: Final = {**COMPOSE["services"], **CLUSTER["services"]}
PROXY: Final = (PACKAGING / "cluster" / "haproxy.cfg").read_text(encoding="utf-8")
KUBERNETES: Final[dict[tuple[str, str], dict[str, Any]]] = {
    (one["kind"], one["metadata"]["name"]): one
    for one in yaml.safe_load_all((PACKAGING / "kubernetes" / "whatsapp.yaml").read_text(encoding="utf-8"))
}
POD: Final[dict[str, Any]] = KUBERNETES["StatefulSet", "whatsapp"]["spec"]["template"]["spec"]
CONTAINER: Final[dict[str, Any]] = POD["containers"][0]
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
    images = [COMPOSE["services"]["whatsapp"]["image"], *(one["image"] for one in NODES.values()), CONTAINER["image"]]
    assert {one.partition(":")[0] for one in images} == {"whatsapp-web-mcp"}
    found = [MANIFEST["version"], SERVER["version"], package["version"], plugin["version"]]
    found += [one.partition(":")[2] for one in images]
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
    yield "kubernetes", CONTAINER["args"]
    for path in FILES:
        if path.suffix in (".yaml", ".cfg"):
            for line in re.findall(r"whatsapp-mcp ([a-z].*?)'?\]?$", path.read_text(encoding="utf-8"), re.MULTILINE):
                yield by_place(path), shlex.split(line)
    yield "server.json", [one["value"] for one in SERVER["packages"][0]["packageArguments"]]


@pytest.mark.parametrize(("where", "words"), list(arguments()), ids=lambda value: str(value)[:20])
def test_command_lines_of_the_files_are_accepted(where: str, words: list[str]) -> None:
    name, *options = words
    command = cli.all()[name]
    while isinstance(command, click.Group):
        name, *options = options
        command = command.commands[name]
    command.make_context(name, options)  # raises when an option is unknown or wrong


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


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_nothing_that_it_need_not(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user", "whatsapp") in ("whatsapp", "postgres", "haproxy")
    assert ("user" in service) == ("build" not in service), "ours has one already"


def test_the_container_is_nobody_s_root() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\d+):\d+$", last, re.MULTILINE)
    assert int(user) > 1000
    assert re.search(r"^HEALTHCHECK .*\n    CMD .*/health", last, re.MULTILINE)


def test_the_container_s_data_is_a_volume() -> None:
    volumes = COMPOSE["services"]["whatsapp"]["volumes"]
    (folder,) = re.findall(r"WHATSAPP_MCP_DATA_DIR=(\S+)", DOCKERFILE)
    assert f"VOLUME {folder}\n" in DOCKERFILE
    assert f"data:{folder}" in volumes
    assert set(COMPOSE["volumes"]) == {"data"}


@pytest.mark.parametrize("services", [COMPOSE["services"], CLUSTER["services"]], ids=["one", "cluster"])
def test_the_container_is_reached_from_its_machine_only(services: dict[str, Any]) -> None:
    (port,) = (port for one in services.values() for port in one.get("ports", ()))
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
    for service in (COMPOSE["services"]["whatsapp"], *NODES.values()):
        assert int(service["stop_grace_period"].removesuffix("s")) > STOP_GRACE


# ---- several machines


def node_settings(environment: dict[str, str]) -> Settings:
    """As `serve` reads them when everything that stands for something else has been put in."""
    given: dict[str, Any] = {
        VARIABLES[name]: re.sub(r"\$\{\w+:\?[^}]*\}", "secret", value) for name, value in environment.items()
    }
    return Settings(**given)


def test_nodes_differ_in_name_and_folder_alone() -> None:
    assert len(NODES) == 2
    for name, service in NODES.items():
        settings = node_settings(service["environment"])
        select(load_catalog(), settings.toolsets)
        assert settings.node == name
        assert settings.database is not None
        assert urlsplit(settings.database.get_secret_value()).hostname in CLUSTER["services"]
        assert service["volumes"] == [f"{name}:/data"]
        assert name in CLUSTER["volumes"]
        rest = {key: value for key, value in service["environment"].items() if key != "WHATSAPP_MCP_NODE"}
        assert rest == CLUSTER["x-settings"]
        assert {key: service[key] for key in CLUSTER["x-node"]} == CLUSTER["x-node"]


def test_what_others_wait_for_has_a_check() -> None:
    for service in CLUSTER["services"].values():
        for name, wanted in service.get("depends_on", {}).items():
            assert wanted == {"condition": "service_healthy"}
            assert "healthcheck" in CLUSTER["services"][name] or name in NODES, "the image of a node has one"


def test_the_database_takes_the_connections_of_all_accounts() -> None:
    """As docs/postgres.md counts them, while one of the nodes has died and both serve every account."""
    (most,) = (word for word in CLUSTER["services"]["database"]["command"] if word.startswith("max_connections="))
    accounts = sum(node_settings(one["environment"]).max_accounts or 0 for one in NODES.values())
    assert 5 * len(NODES) + accounts * (6 + 2 * len(NODES)) < int(most.partition("=")[2])


def test_the_proxy_knows_the_nodes_and_where_a_session_is() -> None:
    port = default_of("WHATSAPP_MCP_PORT")
    servers = dict(re.findall(r"^    server (\S+) (\S+)$", PROXY, re.MULTILINE))
    assert servers == {name: f"{name}:{port}" for name in NODES}
    assert f"    bind :{port}\n" in PROXY
    assert set(re.findall(r"uri (\S+)", PROXY)) == {"/ready"} <= set(PATHS)
    assert re.findall(r"stick (?:match req|store-response res)\.hdr\((\S+)\)", PROXY) == [MCP_SESSION_ID_HEADER] * 2
    assert f"expire {SESSION_IDLE // 60}m" in PROXY
    (seconds,) = (60 * int(minutes) for minutes in re.findall(r"timeout server (\d+)m", PROXY))
    assert seconds > max(default_of("WHATSAPP_MCP_CALL_TIMEOUT"), BEAT)
    (mounted,) = CLUSTER["services"]["proxy"]["volumes"]
    assert (PACKAGING / "cluster" / mounted["source"]).is_file()


def test_kubernetes_finds_what_its_objects_name() -> None:
    replicas = KUBERNETES["StatefulSet", "whatsapp"]["spec"]
    labels = replicas["template"]["metadata"]["labels"]
    headless = KUBERNETES["Service", replicas["serviceName"]]["spec"]
    budget = KUBERNETES["PodDisruptionBudget", "whatsapp"]["spec"]
    assert headless["clusterIP"] == "None"
    assert replicas["selector"]["matchLabels"] == budget["selector"]["matchLabels"] == labels
    ports = {one["name"]: one["containerPort"] for one in CONTAINER["ports"]}
    assert ports == {"http": default_of("WHATSAPP_MCP_PORT")}
    for (kind, _), one in KUBERNETES.items():
        if kind == "Service":
            assert one["spec"]["selector"] == labels
            assert [(port["port"], port["targetPort"]) for port in one["spec"]["ports"]] == [(ports["http"], "http")]
    assert budget["maxUnavailable"] < replicas["replicas"]
    mounts = {one["name"]: one["mountPath"] for one in CONTAINER["volumeMounts"]}
    assert set(mounts) == {one["name"] for one in POD["volumes"]}
    assert set(mounts.values()) == {"/data", "/tmp"}


def test_kubernetes_asks_for_what_there_is() -> None:
    probes = {name: CONTAINER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/health",
        "liveness": "/health",
        "readiness": "/ready",
    }
    assert {probe["path"] for probe in probes.values()} <= set(PATHS)
    for probe in probes.values():
        assert probe["port"] == "http"
        assert {"name": "Host", "value": "localhost"} in probe["httpHeaders"], "the pod's address is no allowed host"


def test_kubernetes_waits_until_a_node_has_given_its_accounts_away() -> None:
    plain = {one["name"]: one["value"] for one in CONTAINER["env"] if "value" in one}
    given = {one["name"]: next(iter(one["valueFrom"])) for one in CONTAINER["env"] if "valueFrom" in one}
    assert given == {
        "WHATSAPP_MCP_DATABASE": "secretKeyRef",
        "WHATSAPP_MCP_NODE": "fieldRef",
        "WHATSAPP_MCP_NODE_ADDRESS": "fieldRef",
    }
    most = node_settings(plain).max_accounts
    assert most is not None
    assert POD["terminationGracePeriodSeconds"] > max(NO_PROGRESS, 5 * most) + STOP_GRACE
    (shell, option, command) = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert (shell, option, command) == ("sh", "-c", 'whatsapp-mcp node drain "$WHATSAPP_MCP_NODE"')


def test_the_pod_is_nobody_s_root() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] == POD["securityContext"]["fsGroup"] == int(user)
    assert CONTAINER["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


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
