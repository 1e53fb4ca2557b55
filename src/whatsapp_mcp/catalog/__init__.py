"""The catalogue: tools.yaml as operations, each of which is one MCP tool.

>>> catalog = load_catalog()
>>> chosen = select(catalog, "core,+sendPoll", read_only=False)

This room knows no handler, and of the MCP SDK only ``Tool`` (`whatsapp_mcp.catalog.tool`, not imported here).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from whatsapp_mcp import __version__
from whatsapp_mcp.catalog.build.cache import read_cache, write_cache
from whatsapp_mcp.catalog.operation import CORE, Catalog, CatalogError, Effect, JsonObject, Operation, SelectionError
from whatsapp_mcp.catalog.selection import select

__all__ = [
    "CORE",
    "Catalog",
    "CatalogError",
    "Effect",
    "JsonObject",
    "Operation",
    "SelectionError",
    "load_catalog",
    "select",
    "tools_yaml",
]


def tools_yaml() -> Path:
    """Where tools.yaml lies: beside this module in an installed package, at the top of a source checkout.

    Raises:
        CatalogError: at neither place.
    """
    here = Path(__file__).resolve()
    places = (here.with_name("tools.yaml"), here.parents[3] / "tools.yaml")
    for place in places:
        if place.is_file():
            return place
    raise CatalogError(f"tools.yaml is missing; looked for {' and '.join(map(str, places))}")


def load_catalog(path: Path | None = None, cache_dir: Path | None = None) -> Catalog:
    """Load the catalogue from ``path`` (default: the one this package comes with).

    With ``cache_dir``, the built form is kept there; it is rebuilt when the file or this package changes.

    Raises:
        CatalogError: the file is missing or wrong; names the operation and the line.
    """
    path = path or tools_yaml()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"{path} cannot be read: {error.strerror}") from None
    key = f"{__version__}:{hashlib.sha256(content).hexdigest()}"
    if cache_dir is not None and (cached := read_cache(cache_dir, key)) is not None:
        return cached

    from whatsapp_mcp.catalog.build.load import build_catalog

    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise CatalogError(f"{path} is not UTF-8") from None
    try:
        catalog = build_catalog(text)
    except CatalogError as error:
        raise CatalogError(f"{path.name}: {error.message}") from None
    if cache_dir is not None:
        write_cache(cache_dir, key, catalog)
    return catalog
