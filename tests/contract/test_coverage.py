"""Every operation of tools.yaml works: it has a handler, an end-to-end test that calls it and a section in the docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.operations.runner import handlers

ROOT: Final = Path(__file__).parents[2]
CALLS: Final = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "e2e").glob("*.py"))
REFERENCE: Final = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "tools").glob("*.md"))


def missing() -> dict[str, list[str]]:
    """What each operation lacks, by its name."""
    found: dict[str, list[str]] = {}
    for operation in load_catalog().operations:
        name = operation.name
        lacks = {
            "a handler": name not in handlers(),
            "an end-to-end test": not re.search(rf'"{name}"', CALLS),
            "a section in docs/tools": not re.search(rf"^#+ `?{name}`?$", REFERENCE, re.MULTILINE),
        }
        if what := [one for one, is_missing in lacks.items() if is_missing]:
            found[name] = what
    return found


def test_every_operation_is_complete() -> None:
    assert missing() == {}


def test_every_handler_stands_in_a_module_of_its_tag() -> None:
    """``sendImage`` is in ``send_media``: its tag is ``send``."""
    misplaced = {
        one.name: module
        for one in load_catalog().operations
        for module in [handlers()[one.name].__module__.rpartition(".")[2]]
        if module.partition("_")[0] != one.tag
    }
    assert misplaced == {}
