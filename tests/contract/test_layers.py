"""Rooms depend downward only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import whatsapp_mcp

PACKAGE = Path(whatsapp_mcp.__file__).parent

GROUND = {
    "jid",
    "errors",
    "clock",
    "row_digest",
    "phone_number",
    "private_files",
    "token_file",
    "account_folder",
    "account_names",
    "models",
    "platform",
    "settings",
    "endpoint",
    "descriptors",
    "qr_picture",
    "untrusted_text",
    "log_lines",
    "waiting",
    "extras",
    "whereabouts",
    "buckets",
    "bounded_connection",
    "postgres",
    "documents",
    "kept_model",
    "__init__",
}
"""What every room may use."""

ALLOWED: dict[str, set[str]] = {
    "platform": set(),
    "models": set(),
    "wire": set(),
    "catalog": set(),
    "store": set(),
    "media": set(),
    "pipe": set(),
    "cluster": set(),
    "session_db": {"wire"},
    "whatsapp": {"wire"},
    "simulator": {"wire"},
    "worker": {"cluster", "pipe", "whatsapp", "store", "media", "policy"},
    "side_login": {"wire", "session_db", "pipe"},
    "supervisor": {"cluster", "pipe", "session_db", "store"},
    "policy": {"catalog", "store"},
    "operations": {"pipe", "store", "catalog", "media", "policy"},
    "webhooks": {"pipe", "store", "media", "policy"},
    "server": {"catalog", "operations", "policy"},
    "client": set(),
    "pytest_plugin": {"client", "simulator"},
    "offline": {
        "catalog",
        "cluster",
        "media",
        "pipe",
        "policy",
        "session_db",
        "simulator",
        "store",
        "supervisor",
        "webhooks",
        "wire",
    },
    "assembly": {
        "catalog",
        "cluster",
        "media",
        "offline",
        "operations",
        "pipe",
        "policy",
        "server",
        "store",
        "supervisor",
    },
    "cli": {"assembly", "server", "policy", "simulator", "supervisor", "offline"},
    "__main__": {"cli"},
}
"""Room -> rooms it may import; itself and the ground are always allowed."""

SIMULATOR_ALLOWED: dict[str, set[str]] = {
    "state": set(),
    "content": {"state"},
    "signal": {"state"},
    "network": {"state"},
    "service": {"state", "content", "network"},
    "people": {"state", "content", "signal", "service"},
    "persistence": {"state", "network", "service", "people"},
    "server": {"state", "network", "service", "people", "persistence"},
    "control": {"state", "content", "network", "service", "people", "server"},
    "__init__": {"state", "content", "service", "people", "server", "control"},
}
"""The same inside the simulator."""

SDK_ROOMS = {"server", "catalog", "assembly", "offline", "client"}
NEONIZE_ROOMS = {"whatsapp", "wire"}


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def test_rooms_import_only_lower_rooms() -> None:
    wrong: list[str] = []
    for path in modules():
        room = room_of(path)
        if room in GROUND and room not in ALLOWED:
            allowed: set[str] = set()
        else:
            assert room in ALLOWED, f"{path.name}: a new room wants its place in ALLOWED"
            allowed = ALLOWED[room] | {room}
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] != "whatsapp_mcp" or len(parts) < 2 or parts[1] == "__version__":
                continue
            if parts[1] not in allowed | GROUND:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def test_rooms_of_media() -> None:
    """Sources and conversions use the ground of the room and nothing of each other; the top is above both."""
    ground = {"limits", "policy", "kinds", "sniffing", "work", "facts", "jobs", "confinement"}
    below = {"source": ground | {"source"}, "convert": ground | {"convert"}, "decoder_pool": ground}
    below |= dict.fromkeys(ground, ground)
    middle = ground | {"source", "convert", "decoder_pool", "downloads"}
    below["received"] = ground | {"downloads", "received"}
    below |= {top: middle for top in ("prepare", "preview", "downloads", "shown", "transcription")}
    below["decoder"] = ground | {"source", "convert"}  # the other process
    wrong: list[str] = []
    for path in (PACKAGE / "media").rglob("*.py"):
        part = path.relative_to(PACKAGE / "media").parts[0].removesuffix(".py")
        for name in imports_of(path):
            parts = name.split(".")
            if parts[:2] == ["whatsapp_mcp", "media"] and len(parts) > 2 and parts[2] not in below[part]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


STORE_FLOORS: dict[str, set[str]] = {
    "ground": set(),
    "search": {"ground"},
    "engine": {"ground", "search"},
    "read": {"ground", "search", "engine"},
    "write": {"ground", "search", "engine"},
}
"""Floor of the store -> floors it may import beside itself: the reader and the writer never meet."""


def test_the_floors_of_the_store() -> None:
    def floor_of(name: str) -> str:
        part = name.removeprefix("whatsapp_mcp.store.").split(".")[0]
        return part if part in STORE_FLOORS else "ground"

    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in sorted((PACKAGE / "store").rglob("*.py"))
        for name in imports_of(path)
        if name.startswith("whatsapp_mcp.store.")
        and floor_of(name)
        not in STORE_FLOORS[floor := floor_of(".".join(("whatsapp_mcp", *path.relative_to(PACKAGE).parts)))] | {floor}
    ]
    assert not wrong


def test_rooms_of_the_simulator_import_only_lower_rooms() -> None:
    simulator = PACKAGE / "simulator"
    wrong: list[str] = []
    for path in sorted(simulator.rglob("*.py")):
        room = path.relative_to(simulator).parts[0].removesuffix(".py")
        assert room in SIMULATOR_ALLOWED, f"{path.name}: a new room wants its place in SIMULATOR_ALLOWED"
        for name in imports_of(path):
            parts = name.split(".")
            if parts[:2] != ["whatsapp_mcp", "simulator"] or len(parts) < 3:
                continue
            if parts[2] not in SIMULATOR_ALLOWED[room] | {room}:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def test_server_reads_only_the_contract_of_operations() -> None:
    wrong = [
        f"{path.name} imports {name}"
        for path in modules()
        if room_of(path) == "server"
        for name in imports_of(path)
        if name.startswith("whatsapp_mcp.operations")
        and not name.startswith("whatsapp_mcp.operations.outcome")
        and name != "whatsapp_mcp.operations"
    ]
    assert not wrong


def test_a_server_that_starts_loads_nothing_that_only_calls_need() -> None:
    """Each is slow to load, and a host waits for the answer to `initialize`."""
    slow = {
        "google.protobuf",
        "whatsapp_mcp.wire.noise",
        "yaml",
        "av",
        "PIL",
        "neonize",
        "psycopg",
        "whatsapp_mcp.cluster.database",
        "rich",
        "pydantic_settings",
        "mcp.client",
        "mcp.server.mcpserver",
        "httpx2",
        "starlette",
        "uvicorn",
        "whatsapp_mcp.models.views",
        "whatsapp_mcp.operations.runner",
        "whatsapp_mcp.store.read.reader",
    }
    started = "whatsapp_mcp.cli, whatsapp_mcp.assembly, whatsapp_mcp.server.stdio"
    light = "from whatsapp_mcp.server.light_sdk import import_parts_on_demand as light; light(http=False)"
    code = f"{light}; import sys, {started}; print(sorted({slow} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"


def test_private_names_of_the_sdk_stand_in_one_file() -> None:
    private = ("mcp.server.runner", "mcp.shared._", "mcp.shared.message")
    users = {path.name for path in modules() for name in imports_of(path) if name.startswith(private)}
    assert users == {"sdk_private.py"}


def test_no_server_builds_its_catalogue() -> None:
    """What reads tools.yaml is in no installed package."""
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in modules()
        if path.parent != PACKAGE / "catalog" / "build"
        for name in imports_of(path)
        if name.startswith("whatsapp_mcp.catalog.build") or name.split(".")[0] == "yaml"
    ]
    assert not wrong


def test_neonize_and_the_sdk_stay_in_their_rooms() -> None:
    wrong: list[str] = []
    for path in modules():
        for name in imports_of(path):
            top = name.split(".")[0]
            if top == "neonize" and room_of(path) not in NEONIZE_ROOMS and not _only_for_types(path, name):
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
            if top in ("mcp", "mcp_types") and room_of(path) not in SDK_ROOMS:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong


def _only_for_types(path: Path, name: str) -> bool:
    """Imports under ``if TYPE_CHECKING:`` load nothing."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            inside = {
                f"{child.module}.{alias.name}" if isinstance(child, ast.ImportFrom) else alias.name
                for child in ast.walk(node)
                if isinstance(child, ast.Import | ast.ImportFrom)
                for alias in child.names
            } | {child.module for child in ast.walk(node) if isinstance(child, ast.ImportFrom) and child.module}
            if name in inside:
                return True
    return False
