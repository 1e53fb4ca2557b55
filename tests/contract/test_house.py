"""The house rules: what keeps the source a place that can be drawn from memory. See docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest
from tests.contract.test_layers import ALLOWED, GROUND

import whatsapp_mcp
from whatsapp_mcp import errors

PACKAGE = Path(whatsapp_mcp.__file__).parent

SERVER_PROCESS = {"server", "operations", "catalog", "supervisor", "session_db"}
SESSION_PROCESS = {"worker", "whatsapp"}
SIDE_LOGIN_PROCESS = {"side_login"}
ENGINE_ROOMS = {
    "store.engine.sqlite": {"sqlite3", "sqlite_utils"},
    "store.engine.postgres": {"psycopg"},
    "session_db": {"sqlite3", "psycopg"},
    "policy": {"sqlite3", "psycopg"},
    "cluster": {"psycopg"},
    "postgres": {"psycopg"},
    "bounded_connection": {"psycopg"},
    "documents": {"psycopg"},
}
"""Where an engine is known by name, and which one."""
ENGINES = {"sqlite3", "sqlite_utils", "psycopg"}
LONG_FUNCTION = 40
LONG_FUNCTIONS_MAX = 5


@cache
def modules() -> dict[str, Path]:
    """All modules by dotted name below the package; a package's ``__init__`` under the package's name."""
    found: dict[str, Path] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(name: str) -> frozenset[str]:
    """The modules of the package that a module imports anywhere, also inside functions and for types only."""
    found: set[str] = set()
    for node in ast.walk(tree_of(modules()[name])):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for dotted in names:
            inner = dotted.removeprefix("whatsapp_mcp.")
            if inner == dotted:
                continue
            found.add(inner if inner in modules() else inner.rpartition(".")[0])
    return frozenset(found - {name, ""})


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The strongly connected parts of more than one node (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.append(sorted(part))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def room_graph(depth: int) -> dict[str, set[str]]:
    """What imports what among the folders of this depth; modules that lie higher stand for themselves."""

    def room(name: str) -> str:
        parts = name.split(".")
        inside = parts if modules()[name].name == "__init__.py" else parts[:-1]
        return ".".join(inside[:depth]) if len(inside) >= depth else name

    graph: dict[str, set[str]] = defaultdict(set)
    for name in modules():
        if name:
            graph[room(name)] |= {room(other) for other in imports_of(name)} - {room(name)}
    return graph


def test_no_import_circle_between_modules() -> None:
    assert not circles({name: imports_of(name) for name in modules() if name})


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_no_import_circle_between_rooms(depth: int) -> None:
    assert not circles(room_graph(depth))


def test_a_circle_is_found() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [["a", "b", "c"]]


def reached_from(rooms: set[str]) -> set[str]:
    """The modules that those of the rooms load, however indirectly."""
    waiting = [name for name in modules() if name.split(".")[0] in rooms]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += imports_of(name)
    return reached


@pytest.mark.parametrize(
    ("process", "other"),
    [
        (SERVER_PROCESS, SESSION_PROCESS | SIDE_LOGIN_PROCESS),
        # The policy judges what was scheduled when it leaves, and goes by the catalogue.
        (SESSION_PROCESS, SERVER_PROCESS - {"catalog"} | SIDE_LOGIN_PROCESS),
        (SIDE_LOGIN_PROCESS, SESSION_PROCESS | SERVER_PROCESS - {"session_db"}),
    ],
)
def test_processes_do_not_load_each_other(process: set[str], other: set[str]) -> None:
    assert sorted(name for name in reached_from(process) if name.split(".")[0] in other) == []


def test_only_the_rooms_of_an_engine_import_it() -> None:
    found = {
        f"{name} imports {top}"
        for name, path in modules().items()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for top in _tops(node)
        if top in ENGINES and top not in _engines_of(name)
    }
    assert sorted(found) == []


def _engines_of(name: str) -> set[str]:
    return next((known for room, known in ENGINE_ROOMS.items() if f"{name}.".startswith(f"{room}.")), set())


def _tops(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    return {name.split(".")[0] for name in names}


def test_a_file_name_stands_once_in_a_room() -> None:
    """In ``platform`` once for every kind of system, in ``store.engine`` once for every engine."""
    names: dict[str, list[Path]] = defaultdict(list)
    for name, path in modules().items():
        if path.name != "__init__.py" and "." in name and not name.startswith(("platform.", "store.engine.")):
            names[f"{name.split('.')[0]}: {path.name}"].append(path)
    assert sorted(key for key, paths in names.items() if len(paths) > 1) == []


def test_a_class_name_stands_once() -> None:
    """Outside the simulator, which has a world of its own, and of what there is for each system."""
    names = Counter(
        node.name
        for name, path in modules().items()
        if not name.startswith(("simulator", "platform.posix", "platform.windows"))
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert sorted(name for name, count in names.items() if count > 1) == []


def test_a_room_says_what_it_is_for_and_what_it_may_use() -> None:
    """In the docstring of its ``__init__``, which names every room that the table of layers allows it."""
    wrong: dict[str, set[str]] = {}
    for room, allowed in ALLOWED.items():
        path = PACKAGE / room / "__init__.py"
        if not path.exists():
            continue
        text = ast.get_docstring(tree_of(path)) or ""
        missing = {other for other in allowed - GROUND if not re.search(rf"\b{other}\b", text)}
        if missing or not re.search(r"\b[Uu]ses?\b", text):
            wrong[room] = missing
    assert wrong == {}


def test_every_sub_room_says_what_it_is_for() -> None:
    rooms = [path for name, path in modules().items() if path.name == "__init__.py" and name]
    assert sorted(str(path) for path in rooms if not ast.get_docstring(tree_of(path))) == []


def test_long_functions_are_rare() -> None:
    long = {
        f"{name}.{node.name}: {length}"
        for name, path in modules().items()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LONG_FUNCTION
    }
    assert len(long) <= LONG_FUNCTIONS_MAX, sorted(long)


SYSTEM_MODULES = {"fcntl", "msvcrt", "resource", "winreg", "pwd", "grp", "termios"}
SYSTEM_NAMES = {
    "sys": {"platform", "getwindowsversion"},
    "os": {
        *(
            "name",
            "kill",
            "killpg",
            "fork",
            "setsid",
            "geteuid",
            "getuid",
            "fchmod",
            "chmod",
            "chown",
            "mkfifo",
            "fsync",
        ),
        *("pread", "pwrite", "posix_fallocate", "get_blocking", "set_blocking", "sysconf", "register_at_fork"),
    },
    "signal": {"signal", "SIGKILL", "SIGHUP", "SIGUSR1", "SIGBREAK", "pthread_sigmask"},
    "asyncio": {"start_unix_server", "open_unix_connection"},
    "socket": {"AF_UNIX"},
    "ctypes": {"windll", "WinDLL", "WinError", "get_last_error"},
}
"""Module -> what of it is not on every system, or does not mean the same there."""
SYSTEM_METHODS = {"add_signal_handler", "create_unix_server", "create_unix_connection"}
SYSTEM_ARGUMENTS = {"dir_fd", "pass_fds", "start_new_session", "creationflags", "preexec_fn"}

OF_ONE_SYSTEM = {
    "simulator": "Linux only: elsewhere neonize cannot be made to trust it",
    "offline.simulated": "starts the simulator",
}
"""Rooms and modules outside ``platform`` that may name what only some systems have, and why."""


def system_names(tree: ast.AST) -> list[str]:
    """What is named there that only some systems have, or that does not mean the same everywhere, with the lines."""
    return sorted(f"{line:4}: {name}" for node in ast.walk(tree) for line, name in _system_names(node))


def _system_names(node: ast.AST) -> Iterable[tuple[int, str]]:
    match node:
        case ast.Import(lineno=line, names=names):
            return [(line, alias.name) for alias in names if alias.name in SYSTEM_MODULES]
        case ast.ImportFrom(lineno=line, module=str(module), names=names):
            known = SYSTEM_NAMES.get(module, set())
            return [(line, alias.name) for alias in names if alias.name in known or module in SYSTEM_MODULES]
        case ast.Attribute(lineno=line, value=ast.Name(id=module), attr=name):
            is_known = name in SYSTEM_NAMES.get(module, ()) or (module == "os" and name.startswith("O_"))
            return [(line, name)] if is_known or name in SYSTEM_METHODS else []
        case ast.Attribute(lineno=line, attr=name) if name in SYSTEM_METHODS:
            return [(line, name)]
        case ast.keyword(lineno=line, arg=str(name)) if name in SYSTEM_ARGUMENTS:
            return [(line, name)]
        case ast.Constant(lineno=line, value=str(text)) if text.startswith("/proc/"):
            return [(line, text)]
    return []


def test_only_one_room_knows_systems() -> None:
    wrong = {
        name: found
        for name, path in modules().items()
        if name.split(".")[0] != "platform" and not any(f"{name}.".startswith(f"{one}.") for one in OF_ONE_SYSTEM)
        if (found := system_names(tree_of(path)))
    }
    assert wrong == {}


def test_no_exception_is_left_over() -> None:
    named = {name for name, path in modules().items() if system_names(tree_of(path))}
    assert [one for one in OF_ONE_SYSTEM if not any(f"{name}.".startswith(f"{one}.") for name in named)] == []


def test_what_only_some_systems_have_is_found() -> None:
    source = """
import fcntl
from socket import AF_UNIX
if sys.platform == "win32":
    os.open(path, os.O_NOFOLLOW)
os.unlink(name, dir_fd=folder)
loop.add_signal_handler(number, handler)
Path("/proc/self/maps")
"""
    assert [found.split(":")[0].strip() for found in system_names(ast.parse(source))] == list("2345678")
    assert not system_names(ast.parse("os.dup(0)\nloop.call_soon(platform)\nsys.stdout.write('/proc')"))


def quoted_exceptions(tree: ast.AST) -> list[int]:
    """Lines of errors whose sentence takes in the text of a caught exception as it is: that can quote anything."""
    return [
        part.lineno
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler) and handler.name
        for call in ast.walk(handler)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ERRORS
        for sentence in (*call.args[:1], *(one.value for one in call.keywords if one.arg == "next_step"))
        for part in ast.walk(sentence)
        if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id == handler.name
    ]


ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type)} | {"ConnectionLost"}


def test_no_error_quotes_an_exception_in_its_sentence() -> None:
    wrong = {
        str(path): lines
        for path in PACKAGE.rglob("*.py")
        # Those quote what the person who starts the program wrote.
        if not {"simulator", "build", "assembly.py"} & set(path.relative_to(PACKAGE).parts)
        if (lines := quoted_exceptions(tree_of(path)))
    }
    assert wrong == {}


def test_a_quoted_exception_is_found() -> None:
    assert quoted_exceptions(
        ast.parse("try:\n    x()\nexcept OSError as error:\n    raise StoreError(f'no: {error}') from error")
    ) == [4]
    assert not quoted_exceptions(
        ast.parse("try:\n    x()\nexcept OSError as error:\n    raise StoreError(f'no: {error.strerror}') from error")
    )
