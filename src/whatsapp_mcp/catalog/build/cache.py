"""The built catalogue as JSON in the user's cache: parsing YAML costs 90-300 ms, reading this 1-2 ms.

A cache that cannot be read, does not fit or cannot be written is no error: the catalogue is built from tools.yaml.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, cast

from whatsapp_mcp.catalog.operation import EFFECTS, Catalog, Operation
from whatsapp_mcp.private_files import ensure_private_folder, write_private

__all__ = ["read_cache", "write_cache"]

_FILE: Final = "catalog.json"
_TUPLES: Final = ("toolsets", "exactly_one")
_FIELDS: Final = frozenset(field.name for field in fields(Operation))


def read_cache(cache_dir: Path, key: str) -> Catalog | None:
    """The catalogue stored under ``key``, or None when there is none that can be used."""
    try:
        stored = json.loads((cache_dir / _FILE).read_bytes())
        if stored["key"] != key:
            return None
        operations = tuple(_operation(row) for row in stored["operations"])
        return Catalog(operations, tuple(stored["toolsets"])) if operations else None
    except (OSError, ValueError, TypeError, LookupError):
        return None


def write_cache(cache_dir: Path, key: str, catalog: Catalog) -> None:
    """Store the catalogue under ``key``, readable by the user alone, in one step: a reader never sees half a file."""
    rows = [{name: getattr(operation, name) for name in _FIELDS} for operation in catalog.operations]
    content = json.dumps(
        {"key": key, "toolsets": catalog.toolsets, "operations": rows}, separators=(",", ":"), ensure_ascii=False
    )
    with contextlib.suppress(OSError):
        ensure_private_folder(cache_dir)
        write_private(cache_dir / _FILE, content.encode())


def _operation(row: dict[str, Any]) -> Operation:
    if row.keys() != _FIELDS or row["effect"] not in EFFECTS:
        raise ValueError("not an operation")
    if not (isinstance(row["input_schema"], dict) and isinstance(row["output_schema"], dict)):
        raise ValueError("not a schema")
    groups = cast("list[list[str]]", row["exactly_one"])
    return Operation(
        **{name: value for name, value in row.items() if name not in _TUPLES},
        toolsets=tuple(row["toolsets"]),
        exactly_one=tuple(tuple(group) for group in groups),
    )
