"""The wheel has all that is read at run time, and the source distribution builds the same one."""

from __future__ import annotations

import configparser
import email
from pathlib import Path

import pytest
from packaging.metadata import Metadata

from tests.install.artefacts import ROOT, build, contents, unpacked

PACKAGE = ROOT / "src" / "whatsapp_mcp"
LEFT_OUT = "catalog/build/"


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    wheel, sdist = build(ROOT, tmp_path_factory.mktemp("dist"), "wheel", "sdist")
    return wheel, sdist


@pytest.fixture(scope="module")
def wheel(artefacts: tuple[Path, Path]) -> dict[str, bytes]:
    return contents(artefacts[0])


def metadata_of(wheel: dict[str, bytes]) -> bytes:
    (name,) = (name for name in wheel if name.endswith(".dist-info/METADATA"))
    return wheel[name]


def test_every_file_of_the_package_is_in_it(wheel: dict[str, bytes]) -> None:
    """Catalogue, token table, pages, word lists: all but what makes the catalogue."""
    here = {
        f"whatsapp_mcp/{name}": path.read_bytes()
        for path in PACKAGE.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not (name := path.relative_to(PACKAGE).as_posix()).startswith(LEFT_OUT)
    }
    assert {
        "whatsapp_mcp/catalog/catalog.json",
        "whatsapp_mcp/wire/tokens.txt",
        "whatsapp_mcp/wire/tokens_2.txt",
        "whatsapp_mcp/py.typed",
    } < set(here)
    assert {name: data for name, data in wheel.items() if ".dist-info/" not in name} == here


def test_the_source_distribution_builds_the_same_wheel(
    artefacts: tuple[Path, Path], wheel: dict[str, bytes], tmp_path: Path
) -> None:
    tree = unpacked(artefacts[1], tmp_path / "tree")
    assert {"tools.yaml", "Makefile", "LICENSE", "tests", "docs"} <= {path.name for path in tree.iterdir()}
    (again,) = build(tree, tmp_path, "wheel")
    assert contents(again) == wheel


def test_it_needs_no_compiler_and_suits_every_system(artefacts: tuple[Path, Path]) -> None:
    assert artefacts[0].name.endswith("-py3-none-any.whl")


def test_its_metadata_is_valid(wheel: dict[str, bytes]) -> None:
    """What an index and `twine check --strict` look at."""
    told = Metadata.from_email(metadata_of(wheel), validate=True)
    assert (told.name, told.license_expression) == ("whatsapp-web-mcp", "Apache-2.0")
    assert told.description_content_type == "text/markdown"
    assert told.description == (ROOT / "README.md").read_text(encoding="utf-8")


def test_both_commands_are_the_same(wheel: dict[str, bytes]) -> None:
    """`uvx whatsapp-web-mcp` runs the command that is called as the package; `whatsapp-mcp` on PyPI is a stranger's."""
    (name,) = (name for name in wheel if name.endswith("entry_points.txt"))
    commands = configparser.ConfigParser()
    commands.read_string(wheel[name].decode())
    assert dict(commands["console_scripts"]) == dict.fromkeys(
        ("whatsapp-mcp", "whatsapp-web-mcp"), "whatsapp_mcp.__main__:main"
    )


def test_a_plain_installation_has_no_tools_of_development(wheel: dict[str, bytes]) -> None:
    told = email.message_from_bytes(metadata_of(wheel))
    plain = {line.split(">")[0].split("<")[0] for line in told.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert "mcp" in plain
    assert not plain & {"av", "pytest", "hatchling", "PyYAML", "ruff", "mypy", "pywhats"}
    assert sorted(told.get_all("Provides-Extra", [])) == ["dev", "media", "otel", "postgres", "s3", "voice"]
