"""WhatsApp's protobuf classes, taken from the installed neonize wheel without loading its Go library.

``import neonize`` loads a Go shared library and starts its runtime. The generated protobuf modules do not need it: they
import each other by top-level names (``waE2E.WAWebProtobufsE2E_pb2``), because neonize puts its ``proto`` folder onto
``sys.path``. This module does the same. Both ways register the same descriptors, so a process that imports neonize
afterwards gets identical classes.

Each module is loaded at its first use (``protos.e2e.Message`` or ``from whatsapp_mcp.wire.protos import e2e``).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from neonize.proto import Neonize_pb2 as neonize_pb2
    from neonize.proto.waAdv import WAAdv_pb2 as adv
    from neonize.proto.waCert import WACert_pb2 as cert
    from neonize.proto.waCommon import WACommon_pb2 as common
    from neonize.proto.waCompanionReg import WACompanionReg_pb2 as companion_reg
    from neonize.proto.waE2E import WAWebProtobufsE2E_pb2 as e2e
    from neonize.proto.waEphemeral import WAWebProtobufsEphemeral_pb2 as ephemeral
    from neonize.proto.waHistorySync import WAWebProtobufsHistorySync_pb2 as history_sync
    from neonize.proto.waMmsRetry import WAMmsRetry_pb2 as mms_retry
    from neonize.proto.waServerSync import WAWebProtobufsServerSync_pb2 as server_sync
    from neonize.proto.waSyncAction import WAWebProtobufSyncAction_pb2 as sync_action
    from neonize.proto.waVnameCert import WAWebProtobufsVnameCert_pb2 as vname_cert
    from neonize.proto.waWa6 import WAWebProtobufsWa6_pb2 as wa6
    from neonize.proto.waWeb import WAWebProtobufsWeb_pb2 as web

__all__ = [
    "adv",
    "cert",
    "common",
    "companion_reg",
    "e2e",
    "ephemeral",
    "history_sync",
    "mms_retry",
    "neonize_pb2",
    "server_sync",
    "sync_action",
    "vname_cert",
    "wa6",
    "web",
]

_MODULES: Final = {
    "adv": "waAdv.WAAdv_pb2",
    "cert": "waCert.WACert_pb2",
    "common": "waCommon.WACommon_pb2",
    "companion_reg": "waCompanionReg.WACompanionReg_pb2",
    "e2e": "waE2E.WAWebProtobufsE2E_pb2",
    "ephemeral": "waEphemeral.WAWebProtobufsEphemeral_pb2",
    "history_sync": "waHistorySync.WAWebProtobufsHistorySync_pb2",
    "mms_retry": "waMmsRetry.WAMmsRetry_pb2",
    "neonize_pb2": "Neonize_pb2",
    "server_sync": "waServerSync.WAWebProtobufsServerSync_pb2",
    "sync_action": "waSyncAction.WAWebProtobufSyncAction_pb2",
    "vname_cert": "waVnameCert.WAWebProtobufsVnameCert_pb2",
    "wa6": "waWa6.WAWebProtobufsWa6_pb2",
    "web": "waWeb.WAWebProtobufsWeb_pb2",
}
"""Our short name -> the top-level name under neonize's ``proto`` folder."""


def __getattr__(name: str) -> ModuleType:
    module_name = _MODULES.get(name)
    if module_name is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _make_importable()
    module = importlib.import_module(module_name)
    globals()[name] = module
    return module


def _make_importable() -> None:
    """Put neonize's ``proto`` folder at the end of ``sys.path`` (once).

    Raises:
        ModuleNotFoundError: neonize is not installed.
    """
    spec = importlib.util.find_spec("neonize")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            "neonize is not installed: its wheel carries WhatsApp's protobuf classes", name="neonize"
        )
    folder = str(Path(spec.submodule_search_locations[0], "proto"))
    if folder not in sys.path:
        sys.path.append(folder)
