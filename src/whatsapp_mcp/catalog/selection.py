"""Which operations are listed: ``core``, ``core,group``, ``all``, ``core,+sendPoll``, ``all,-appLogout``."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.catalog.near_miss import near_miss
from whatsapp_mcp.catalog.operation import CORE, Catalog, Operation, SelectionError

_ALL: Final = "all"


def select(catalog: Catalog, spec: str = CORE, *, read_only: bool = False) -> Catalog:
    """The operations that ``spec`` names, in the order of the catalogue.

    ``spec`` is a comma-separated list of toolsets and tools, ``all`` among the toolsets; ``+name`` adds, ``-name``
    takes away. When it only adds and takes away, it starts from ``core``. With ``read_only``, whatever changes
    anything is left out.

    Raises:
        SelectionError: an unknown name, a tool asked for by name that read-only forbids, or nothing left.
    """
    tokens = [token for token in (part.strip() for part in spec.split(",")) if token]
    if not tokens:
        raise SelectionError("no toolset is named")
    if all(token[0] in "+-" for token in tokens):
        tokens.insert(0, CORE)
    chosen: set[str] = set()
    for token in tokens:
        name = token.lstrip("+-").strip()
        operations = _named(catalog, name)
        if token.startswith("-"):
            chosen.difference_update(operation.name for operation in operations)
            continue
        if read_only and name in catalog.by_name and not catalog.by_name[name].reads_only:
            raise SelectionError(f"{name} changes something, and this server is read-only")
        chosen.update(operation.name for operation in operations)
    kept = tuple(o for o in catalog.operations if o.name in chosen and (o.reads_only or not read_only))
    if not kept:
        raise SelectionError(f"{spec!r} selects no tool" + (" that only reads" if read_only else ""))
    return Catalog(kept, catalog.toolsets)


def _named(catalog: Catalog, name: str) -> tuple[Operation, ...]:
    if name == _ALL:
        return catalog.operations
    if name in catalog.toolsets:
        return tuple(operation for operation in catalog.operations if name in operation.toolsets)
    if name in catalog.by_name:
        return (catalog.by_name[name],)
    suggestion = near_miss(name, (_ALL, *catalog.toolsets, *catalog.by_name))
    hint = f"did you mean {suggestion!r}?" if suggestion else f"toolsets are {', '.join((_ALL, *catalog.toolsets))}"
    raise SelectionError(f"unknown toolset or tool {name!r}; {hint}")
