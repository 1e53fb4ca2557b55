"""The catalogue: the operations of tools.yaml, each of which is one MCP tool.

>>> catalog = load_catalog()
>>> chosen = select(catalog, "core,+sendPoll", read_only=False)

A server reads `catalog.json`, which `whatsapp_mcp.catalog.build` makes of tools.yaml; it never imports that room. This
one uses nothing but the ground; it knows no handler, and of the MCP SDK only ``Tool`` (`whatsapp_mcp.catalog.tool`,
not imported here).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from whatsapp_mcp.catalog.operation import (
    CORE,
    Catalog,
    CatalogError,
    Effect,
    JsonObject,
    Operation,
    SelectionError,
    Touches,
)
from whatsapp_mcp.catalog.selection import select

__all__ = [
    "CORE",
    "Catalog",
    "CatalogError",
    "Effect",
    "JsonObject",
    "Operation",
    "SelectionError",
    "Touches",
    "load_catalog",
    "select",
]

_FILE: Final = Path(__file__).with_name("catalog.json")


def load_catalog() -> Catalog:
    """The catalogue that this package comes with.

    Raises:
        CatalogError: its file is missing or damaged.
    """
    try:
        stored = json.loads(_FILE.read_bytes())
        operations = tuple(Operation.from_json(row) for row in stored["operations"])
        return Catalog(operations, tuple(stored["toolsets"]))
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CatalogError(f"{_FILE} cannot be read: {error}") from error
