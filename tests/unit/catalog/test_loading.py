"""The catalogue that the package comes with is found, quickly read, and missed politely."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.systems import CHILD_LIMIT

from whatsapp_mcp import catalog
from whatsapp_mcp.catalog import CatalogError, load_catalog


def test_it_is_complete() -> None:
    assert len(load_catalog().operations) >= 57


def test_loading_imports_neither_yaml_nor_a_validator() -> None:
    code = (
        "import sys; from whatsapp_mcp.catalog import load_catalog; load_catalog();"
        "print(sorted({'yaml', 'jsonschema_rs', 'mcp', 'difflib'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=CHILD_LIMIT, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "content", [None, b"not JSON", b"[]", b"\xff\xfe", b'{"toolsets": []}', b'{"operations": [{}]}']
)
def test_a_damaged_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    file = tmp_path / "catalog.json"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setattr(catalog, "_FILE", file)
    with pytest.raises(CatalogError, match=r"catalog\.json cannot be read") as caught:
        load_catalog()
    assert "reinstall" in caught.value.next_step
