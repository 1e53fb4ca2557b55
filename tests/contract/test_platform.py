"""The systems have the same names for the same things, and say the same of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import whatsapp_mcp

ROOM = Path(whatsapp_mcp.__file__).parent / "platform"
SUBJECTS = sorted(path.stem for path in (ROOM / "posix").glob("*.py") if path.stem != "__init__")
ONE_SYSTEM = {"security"}
"""Modules below the subjects of one system."""


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


def handed_out(subject: str) -> list[str]:
    for node in ast.parse((ROOM / f"{subject}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    raise AssertionError(f"platform/{subject}.py has no __all__")


def test_each_system_has_every_subject() -> None:
    there = {path.stem for path in (ROOM / "windows").glob("*.py")} - {"__init__"} - ONE_SYSTEM
    assert there == set(SUBJECTS)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_is_the_same_on_each_system(subject: str) -> None:
    posix, windows = (public(ROOM / system / f"{subject}.py") for system in ("posix", "windows"))
    assert posix == windows
    assert sorted(posix) == sorted(handed_out(subject))


@pytest.mark.parametrize(
    "path", sorted((ROOM / "windows").glob("*.py")) + sorted((ROOM / "posix").glob("*.py")), ids=str
)
def test_no_other_system_loads_it(path: Path) -> None:
    """The type checker, too, passes over what stands behind such a line."""
    if path.name != "__init__.py":
        wanted = "==" if path.parent.name == "windows" else "!="
        assert f'\nassert sys.platform {wanted} "win32"' in path.read_text(encoding="utf-8")
