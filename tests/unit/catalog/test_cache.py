"""The cache is quick, private, and never the reason for a failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from whatsapp_mcp.catalog import load_catalog, tools_yaml


def test_what_comes_from_the_cache_equals_what_was_built(tmp_path: Path) -> None:
    built = load_catalog(cache_dir=tmp_path)
    cached = load_catalog(cache_dir=tmp_path)

    assert cached is not built
    assert cached == built
    assert cached.by_name == built.by_name


def test_a_start_from_the_cache_imports_neither_yaml_nor_a_validator(tmp_path: Path) -> None:
    load_catalog(cache_dir=tmp_path)
    code = (
        "import sys, pathlib; from whatsapp_mcp.catalog import load_catalog; "
        f"catalog = load_catalog(cache_dir=pathlib.Path({str(tmp_path)!r})); "
        "print(len(catalog.operations), sorted({'yaml', 'jsonschema_rs', 'mcp', 'difflib'} & sys.modules.keys()))"
    )
    source = Path(__file__).resolve().parents[3] / "src"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    )

    assert done.stdout.split(maxsplit=1) == [str(len(load_catalog().operations)), "[]\n"]


def test_the_cache_is_for_the_user_alone(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "cache"
    load_catalog(cache_dir=directory)

    assert [path.name for path in directory.iterdir()] == ["catalog.json"]
    assert (directory / "catalog.json").stat().st_mode & 0o777 == 0o600
    assert directory.stat().st_mode & 0o777 == 0o700


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "tools.yaml"
    text = tools_yaml().read_text()
    path.write_text(text)
    load_catalog(path, tmp_path)
    path.write_text(text.replace("summary: Send a poll", "summary: Ask a question"))

    assert load_catalog(path, tmp_path).by_name["sendPoll"].title == "Ask a question"


@pytest.mark.parametrize("damage", ["not JSON", "[]", "cut", "no field", "wrong type", "no operation", "not UTF-8"])
def test_a_damaged_cache_is_built_anew(tmp_path: Path, damage: str) -> None:
    built = load_catalog(cache_dir=tmp_path)
    file = tmp_path / "catalog.json"
    stored = json.loads(file.read_text())
    if damage == "cut":
        file.write_text(file.read_text()[:1000])
    elif damage == "not UTF-8":
        file.write_bytes(b"\xff\xfe\xff")
    elif damage in ("no field", "wrong type", "no operation"):
        if damage == "no field":
            del stored["operations"][3]["effect"]
        elif damage == "wrong type":
            stored["operations"][3]["input_schema"] = 5
        else:
            stored["operations"] = []
        file.write_text(json.dumps(stored))
    else:
        file.write_text(damage)

    assert load_catalog(cache_dir=tmp_path) == built
    assert json.loads(file.read_text())["key"] == stored["key"], "the cache was not repaired"
    assert len(json.loads(file.read_text())["operations"]) == len(built.operations)


def test_a_cache_that_cannot_be_written_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    assert load_catalog(cache_dir=tmp_path / "file" / "cache").operations
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    assert load_catalog(cache_dir=tmp_path).operations
    assert list(tmp_path.iterdir()) == []
