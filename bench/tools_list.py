"""Characters of tools/list that a host shows its model: name, description and input schema of every tool, as compact
JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.row import Row
from whatsapp_mcp.catalog import Operation, load_catalog, select
from whatsapp_mcp.catalog.tool import to_tools

__all__ = ["listed_characters", "measure"]

ALL: Final = 16_000
CORE: Final = 6_500
SEED: Final = Path(__file__).parents[1] / "tests" / "contract" / "seed.json"
"""The 56 operations of the seed, for which the first budget is meant."""


async def measure() -> list[Row]:
    catalog = load_catalog()
    seed = json.loads(SEED.read_text(encoding="utf-8"))["operations"]
    rows = []
    for toolset, budget in (("all", ALL), ("core", CORE)):
        listed = tuple(op for op in select(catalog, toolset).operations if toolset == "core" or op.name in seed)
        rows.append(
            Row(
                f"tools/list {toolset}", listed_characters(listed), "chars", at_most=budget, note=f"{len(listed)} tools"
            )
        )
    return rows


def listed_characters(operations: Sequence[Operation]) -> int:
    shown = [
        {"name": t.name, "description": t.description, "inputSchema": t.input_schema} for t in to_tools(operations)
    ]
    return len(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))
