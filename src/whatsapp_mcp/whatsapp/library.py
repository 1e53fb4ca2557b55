"""Loading the neonize library: the only module that imports it.

neonize's Python client object is not used, only its table of C functions (``gocode``): the object starts a thread that
cannot be ended, stops namesakes when it is collected and fetches URLs and files it is given. So its packages are not
imported, only the module that loads the library: with them come libraries for HTTP, HTML and pictures, a fifth of the
memory of a session process. What is imported all the same, with a neonize that is built in another way, wants libmagic
and takes over the root logger, which is undone; and a library is never fetched from the internet, where neonize's own
is missing or of another version.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import re
import sys
import types
from pathlib import Path
from typing import Any, Final

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.environment import executed_with
from whatsapp_mcp.platform.memory import replace_variable
from whatsapp_mcp.whatsapp.unknown_values import make_optional
from whatsapp_mcp.wire import native
from whatsapp_mcp.wire.certificates import WHATSAPP_ROOT_PUBLIC

_PACKAGES: Final = ("neonize", "neonize.utils")
_BINDER: Final = "neonize._binder"
_PLATFORM: Final = "neonize.utils.platform"


def neonize_version() -> str:
    """Version of the installed wheel, without loading it."""
    return importlib.metadata.version("neonize")


class Library:
    """The loaded Go library and the ctypes prototypes of its callbacks."""

    def __init__(self, binder: types.ModuleType) -> None:
        self.gocode: Any = binder.gocode
        self.qr_callback: Any = binder.func_string
        self.status_callback: Any = binder.func_string
        self.event_callback: Any = binder.func_callback_bytes
        self.log_callback: Any = binder.func_callback_bytes2


def load(endpoint: Endpoint | None, *, require_endpoint: bool) -> Library:
    """Load neonize; with an endpoint, make it trust that endpoint's root key instead of WhatsApp's.

    Raises:
        SetupError: an endpoint is required and missing, the process was not executed with its environment, or neonize's
            own library is missing or does not fit.
    """
    _check_environment(endpoint, require_endpoint=require_endpoint)
    handlers = logging.getLogger().handlers[:]
    level = logging.getLogger().level
    _never_download()
    try:
        binder = _binder()
    except (OSError, RuntimeError) as error:
        raise _unusable("cannot be loaded", {"loader": str(error)}) from error

    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(level)
    path = Path(binder.gocode._name)
    make_optional(path)
    if endpoint is not None:
        _override_root_key(path, endpoint.root_public)
    return Library(binder)


def _binder() -> types.ModuleType:
    """neonize's module that loads the library, without the packages that it is in unless it wants something of them."""
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if name not in sys.modules and spec is not None:
            sys.modules[name] = importlib.util.module_from_spec(spec)  # its own code does not run
    stand_in = types.ModuleType(_PLATFORM)  # its own one asks two shells, and waits for neither to end
    vars(stand_in)["generated_name"] = native.library_name
    sys.modules.setdefault(_PLATFORM, stand_in)
    try:
        return importlib.import_module(_BINDER)
    except (ImportError, AttributeError):
        for name in (*_PACKAGES, _PLATFORM):
            sys.modules.pop(name, None)
    _provide_libmagic()
    return importlib.import_module(_BINDER)


def _check_environment(endpoint: Endpoint | None, *, require_endpoint: bool) -> None:
    if endpoint is None:
        if require_endpoint:
            raise SetupError(
                "this run requires a simulator endpoint and none is set; neonize is not started",
                next_step="Set WHATSAPP_MCP_ENDPOINT, or unset WHATSAPP_MCP_REQUIRE_ENDPOINT to use the real WhatsApp.",
            )
        return
    for name in ("HTTPS_PROXY", "SSL_CERT_FILE"):
        wanted = endpoint.environment({})[name]
        if executed_with(name) != wanted:
            raise SetupError(f"the session process was not executed with {name}={wanted}; neonize is not started")


def _provide_libmagic() -> None:
    """neonize cannot be imported without libmagic, which it needs only for calls that this project does not make.

    On Windows a wheel brings it along (python-magic-bin, asked for by neonize); elsewhere the system has it or not.
    """
    try:
        import magic  # noqa: F401
    except (ImportError, OSError):  # a library of another architecture
        stand_in = types.ModuleType("magic")

        def refuse(*_: object, **__: object) -> str:
            raise SetupError("libmagic is not installed")

        stand_in.from_buffer = stand_in.from_file = refuse  # type: ignore[attr-defined]
        sys.modules["magic"] = stand_in


def _never_download() -> None:
    """What runs here came in the wheel, whose hash an index vouches for.

    neonize fetches a library from a release page when the wheel's is missing or tells another version, checks nothing,
    and loads it (neonize 0.5.2: _binder.py, ``load_goneonize``; download.py).
    """
    path = native.library_path()
    if path is None or not path.is_file():
        raise _unusable("is missing")
    source = path.with_name("download.py")
    if not source.is_file():
        return
    wanted = re.search(r"^__GONEONIZE_VERSION__ = \"([^\"]+)\"$", source.read_text(encoding="utf-8"), re.MULTILINE)
    stand_in = types.ModuleType("neonize.download")
    vars(stand_in)["__GONEONIZE_VERSION__"] = wanted[1] if wanted else neonize_version()

    def refuse() -> None:
        raise _unusable("is of another version than the rest of neonize")

    vars(stand_in)["download"] = refuse
    sys.modules["neonize.download"] = stand_in


def _unusable(what: str, details: dict[str, Any] | None = None) -> SetupError:
    return SetupError(
        f"neonize's library {native.library_name()} {what}; none is fetched from elsewhere",
        next_step="Install neonize anew: `whatsapp-mcp doctor` says how.",
        details=details,
    )


def _override_root_key(library_path: Path, root_key: bytes) -> None:
    """Replace WhatsApp's root key in this process's memory; no file is touched.

    The key lies once in the writable data of the library (whatsmeow: handshake.go, WACertPubKey).
    """
    if replace_variable(library_path, WHATSAPP_ROOT_PUBLIC, root_key):
        return
    raise SetupError(
        f"WhatsApp's root key was not found once in {library_path.name} (neonize {neonize_version()})",
        next_step="The simulator supports the neonize versions that this release was tested with; see the changelog.",
    )
