"""The lock files belong to pyproject.toml: told without asking an index. `make lock` writes them."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Final

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME: Final = PROJECT["name"]
_ENTRY: Final = re.compile(
    r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)


def locked(name: str) -> dict[str, list[tuple[Version, Marker | None]]]:
    """Package -> its versions, with the systems and Pythons that each is for."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found: dict[str, list[tuple[Version, Marker | None]]] = {}
    for package, version, marker, _ in _ENTRY.findall(text):
        found.setdefault(package, []).append((Version(version), Marker(marker) if marker else None))
    assert sum(map(len, found.values())) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)), "an entry without a hash"
    return found


def wanted(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for itself; extras of its own stand for what is in them."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    asked = [Requirement(line) for line in lines]
    inner = {extra for requirement in asked if requirement.name == NAME for extra in requirement.extras}
    return [one for one in asked if one.name != NAME] + ([] if not inner else wanted(*inner))


EXTRAS: Final = {"requirements.lock": ("media", "postgres", "s3"), "requirements-dev.lock": ("dev",)}


@pytest.mark.parametrize("file", EXTRAS)
def test_what_is_asked_for_is_locked_within_its_range(file: str) -> None:
    versions = locked(file)
    wrong = [
        str(requirement)
        for requirement in wanted(*EXTRAS[file])
        if not (found := versions.get(canonicalize_name(requirement.name)))
        or not all(version in requirement.specifier for version, _ in found)
    ]
    assert wrong == [], "run `make lock`"


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock"])
def test_nothing_is_locked_that_nobody_asks_for(file: str) -> None:
    """The comments of the lock file say who does: what was taken out of pyproject.toml leaves an entry behind."""
    direct = set(
        re.findall(rf"^([a-z0-9-]+)==(?:(?!^[a-z0-9]).)*?{NAME} \(pyproject", (ROOT / file).read_text(), re.M | re.S)
    )
    assert direct == {canonicalize_name(requirement.name) for requirement in wanted(*EXTRAS[file])}, "run `make lock`"


def test_both_agree() -> None:
    """On the versions, and on the systems that get them, unless the tools of the tests want one everywhere."""
    development = locked("requirements-dev.lock")
    for name, versions in locked("requirements.lock").items():
        everywhere = [(version, None) for version, _ in versions]
        assert development.get(name) in (versions, everywhere), name


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock"])
def test_all_that_those_need_is_locked_too(file: str) -> None:
    """As far as what is installed here tells: one level after the other."""
    versions = locked(file)
    missing = {
        f"{package} needs {requirement}"
        for package in versions
        for line in _requirements(package)
        if (requirement := Requirement(line)).marker is None or requirement.marker.evaluate({"extra": ""})
        if canonicalize_name(requirement.name) not in versions
    }
    assert missing == set()


def _requirements(package: str) -> list[str]:
    try:
        return metadata.requires(package) or []
    except metadata.PackageNotFoundError:  # of another system
        return []
