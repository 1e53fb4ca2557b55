"""The MCP SDK without what a server never uses: a sixth less of the time and memory that importing it takes.

The packages `mcp` and `mcp.server` import all their parts, the client and its HTTP library among them. Here a module
stands for each of the two that is filled only when it is asked for a name that no import of a part has put there.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any, Final

_PACKAGES: Final = ("mcp", "mcp.server")


class _FilledOnDemand(ModuleType):
    """A package whose own code has not run."""

    def __getattr__(self, name: str) -> Any:
        spec, fillers = self.__spec__, self.__dict__.setdefault("__fillers__", set[int]())
        unknown = name.startswith("__") and name != "__all__"
        # Not again for what is asked meanwhile by the parts that the package imports.
        if spec is None or spec.loader is None or unknown or threading.get_ident() in fillers:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        fillers.add(threading.get_ident())
        try:
            spec.loader.exec_module(self)  # by two threads at once: the second finds all parts imported
        finally:
            fillers.discard(threading.get_ident())
        self.__class__ = ModuleType  # type: ignore[assignment]
        return getattr(self, name)


def import_parts_on_demand() -> None:
    """To be called before the first import of the SDK; after that it does nothing."""
    if "mcp" in sys.modules:
        return
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)  # of a part: it is looked for in the package that stands there already
        if spec is None or spec.submodule_search_locations is None:
            return
        package = importlib.util.module_from_spec(spec)
        package.__class__ = _FilledOnDemand
        sys.modules[name] = package
        parent, _, part = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], part, package)
