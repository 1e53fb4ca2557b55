"""The wheel and the source distribution, built from this tree without an index."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def build(source: Path, folder: Path, *targets: str) -> list[Path]:
    """Build what `pip` and `uv` build, by the same backend; the paths in the order of the targets."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    found = []
    for target in targets:
        before = set(folder.glob("*"))
        subprocess.run([*command, "-t", target], cwd=source, check=True, capture_output=True, timeout=120)
        (made,) = set(folder.glob("*")) - before
        found.append(made)
    return found


def contents(wheel: Path) -> dict[str, bytes]:
    """What the files of a wheel hold, by their paths in it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def unpacked(sdist: Path, folder: Path) -> Path:
    """The tree of a source distribution."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    return tree
