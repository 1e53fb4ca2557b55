"""The systems have the same names for the same things, and say the same of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import whatsapp_mcp

ROOM = Path(whatsapp_mcp.__file__).parent / "platform"
SUBJECTS = sorted(path.stem for path in (ROOM / "posix").glob("*.py") if path.stem != "__init__")
ONE_SYSTEM = {"opening", "security"}
"""Modules below the subjects of one system."""
TESTED_EVERYWHERE = {"__init__.py", "data_folder.py"}
"""Modules that any system can load."""


def public(path: Path) -> dict[str, str]:
    """Public names that a module defines, with the parameters and the result of functions."""
    found: dict[str, str] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found[name] = f"{ast.unparse(node.args)} -> {ast.unparse(node.returns) if node.returns else None}"
            case ast.ClassDef(name=name):
                methods = [child for child in node.body if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)]
                shown = [child for child in methods if not child.name.startswith("_") or child.name == "__init__"]
                found[name] = "; ".join(sorted(f"{child.name} {ast.unparse(child.args)}" for child in shown))
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = ast.unparse(node.annotation)
            case _:
                pass
    return {name: shape for name, shape in found.items() if not name.startswith("_")}


def picked(subject: str) -> dict[str, list[str]]:
    """What the module of a subject takes from the systems: system -> names."""
    tree = ast.parse((ROOM / f"{subject}.py").read_text(encoding="utf-8"))
    taken = {
        node.module: sorted(a.name for a in node.names) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    return {system: taken[f"whatsapp_mcp.platform.{system}.{subject}"] for system in ("posix", "windows")}


def test_each_system_has_every_subject() -> None:
    there = {path.stem for path in (ROOM / "windows").glob("*.py")} - {"__init__"} - ONE_SYSTEM
    assert there == set(SUBJECTS)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_is_the_same_on_each_system(subject: str) -> None:
    posix, windows = (public(ROOM / system / f"{subject}.py") for system in ("posix", "windows"))
    assert posix == windows
    assert picked(subject) == {"posix": sorted(posix), "windows": sorted(windows)}


@pytest.mark.parametrize(("system", "wanted"), [("posix", "!="), ("windows", "==")])
def test_no_other_system_loads_it(system: str, wanted: str) -> None:
    """The type checker, too, passes over what stands behind such a line."""
    line = f'\nassert sys.platform {wanted} "win32"\n'
    texts = {path.name: path.read_text(encoding="utf-8") for path in (ROOM / system).glob("*.py")}
    assert [name for name, text in texts.items() if line not in text and name not in TESTED_EVERYWHERE] == []
