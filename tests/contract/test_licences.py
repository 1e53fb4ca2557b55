"""docs/licences.md lists what is distributed, with the licence that each declares."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Final

import pytest

from whatsapp_mcp.wire.native import library_path

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
LOCKED: Final = sorted(
    set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE))
)
SAME: Final = {
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Apache License, Version 2.0": "Apache-2.0",
    "PSF": "PSF-2.0",
}
UNDECLARED: Final = {"neonize": "Apache-2.0", "click-default-group": "BSD-3-Clause"}
"""Those whose metadata names none, or another than their licence file does."""


def rows(heading: str) -> dict[str, str]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| ([\w./-]+) \| ([^|]+?) \|", section, re.MULTILINE)[1:])


def declared(package: str) -> str | None:
    """By metadata; None for what is not installed on this system."""
    try:
        told = metadata.metadata(package)
    except metadata.PackageNotFoundError:
        return None
    classifiers = [
        line.split("::")[-1].strip() for line in told.get_all("Classifier", []) if line.startswith("License")
    ]
    said = str([*told.get_all("License-Expression", []), *told.get_all("License", []), *classifiers, ""][0])
    return UNDECLARED.get(package, SAME.get(said, said))


def test_every_package_is_listed() -> None:
    assert sorted(rows("Python packages")) == LOCKED


@pytest.mark.parametrize("package", LOCKED)
def test_the_licence_is_what_the_package_declares(package: str) -> None:
    assert declared(package) in (None, rows("Python packages")[package])


def test_every_module_in_the_library_of_neonize_is_listed() -> None:
    """Go writes the modules of a program into it."""
    path = library_path()
    assert path is not None
    content = path.read_bytes()
    start = content.index(b"path\tgithub.com/krypton-byte/neonize\n")
    modules = re.findall(rb"^dep\t(\S+)\t", content[start : content.index(b"\nbuild\t", start)], re.MULTILINE)
    listed = rows("The library of neonize")
    assert sorted(module.decode() for module in modules) == sorted(listed)
    assert (listed["go.mau.fi/libsignal"], listed["go.mau.fi/whatsmeow"]) == ("GPL-3.0", "MPL-2.0")


def test_the_page_says_that_pyav_is_more_than_it_declares() -> None:
    """As long as its wheel has encoders under the GPL."""
    files = [str(file) for file in metadata.files("av") or []]
    encoders = {name for name in ("x264", "x265") if any(f"lib{name}" in file for file in files)}
    section = PAGE.split("\n## The wheel of PyAV\n")[1]
    assert declared("av") == "BSD-3-Clause"
    assert all(name in section for name in encoders)
    assert ("GPL as a whole" in section) == bool(encoders)
