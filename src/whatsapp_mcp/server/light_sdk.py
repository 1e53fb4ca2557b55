"""The MCP SDK without what a server never uses: a third less of the time and memory that importing it takes.

- The packages `mcp` and `mcp.server` import all their parts, the client and its HTTP library among them. Here a module
  stands for each of the two that is filled only when it is asked for a name that no import of a part has put there.
- Each revision of the protocol has its models, hundreds of them, and a host speaks one revision: a model is completed
  when it is first used.
- `mcp.server.lowlevel.server` imports all of HTTP, for one method. Over stdio it gets names in place of that, each of
  which becomes what it names when it is first used.

With an SDK that is built in another way, more is imported; nothing else changes.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any, Final

_PACKAGES: Final = ("mcp", "mcp.server")
_SERVER: Final = "mcp.server.lowlevel.server"
_HTTP: Final = (
    "mcp.server.auth.middleware.auth_context",
    "mcp.server.auth.middleware.bearer_auth",
    "mcp.server.auth.provider",
    "mcp.server.auth.routes",
    "mcp.server.auth.settings",
    "mcp.server.streamable_http",
    "mcp.server.streamable_http_manager",
    "mcp.server.transport_security",
    "starlette.applications",
    "starlette.middleware",
    "starlette.middleware.authentication",
    "starlette.routing",
)
"""What it imports of them. What a later SDK imports beside these is merely imported."""


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


class _Promised:
    """A class, function or other object of a module that is imported when it is used: called, looked into, asked for
    its instances, made a base."""

    def __init__(self, module: str, name: str) -> None:
        self.__promise__ = module, name

    def __kept__(self) -> Any:
        module, name = self.__promise__
        return getattr(importlib.import_module(module), name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.__kept__()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__kept__(), name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self.__kept__())

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self.__kept__(),)


class _PromisedModule(ModuleType):
    """Promises whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return _Promised(self.__name__, name)


def import_parts_on_demand(*, http: bool = True) -> None:
    """To be called before the first import of the SDK; after that it does nothing.

    Without ``http`` the SDK's server is imported as well, and of HTTP no more than is asked for.
    """
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
    _complete_models_on_demand()
    if not http:
        with _promised(), suppress(Exception):  # what asks more of a promise is imported as ever by who needs it
            importlib.import_module(_SERVER)


def _complete_models_on_demand() -> None:
    with suppress(ImportError, AttributeError):
        base: Any = importlib.import_module("mcp_types._wire_base").WireModel
        base.model_config["defer_build"] = True


@contextmanager
def _promised() -> Iterator[None]:
    """Inside, whoever imports from a module of HTTP is promised what it asks for; afterwards imports are as ever."""
    promised = {name: _PromisedModule(name) for name in _HTTP if name not in sys.modules}
    sys.modules.update(promised)
    try:
        yield
    finally:
        for name in promised:
            del sys.modules[name]
