"""A part of a history that was announced and did not come, fetched from where the announcement says that it lies.

whatsmeow confirms the announcement, then downloads the part (message.go, handleProtocolMessage): of what a process was
killed over in between, the phone sends nothing again.
"""

from __future__ import annotations

import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from whatsapp_mcp.errors import WhatsAppRefused
from whatsapp_mcp.whatsapp.media_downloads import Bounds
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.protos import neonize_pb2, web

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import HistorySyncNotification

_MOST: Final = 64 * 1024 * 1024
"""Bytes of a part, packed or not: phones send some megabytes."""
_PATIENCE: Final = 600.0
"""Seconds that fetching one may take."""


def announced_part(
    announced: HistorySyncNotification, fetch: Callable[[HistorySyncNotification, Path, Bounds], None]
) -> bytes:
    """Blocks.

    Args:
        fetch: writes the announced file, checked and decrypted, to a new one; see ``MediaDownloads.fetch_history``.

    Returns:
        Serialized ``Neonize_pb2.HistorySync``, as the event has it.

    Raises:
        WhatsAppMcpError: it is not to be had.
    """
    packed = announced.initialHistBootstrapInlinePayload
    if not packed:
        with tempfile.TemporaryDirectory(prefix="whatsapp-mcp-") as folder:
            path = Path(folder) / "part"
            fetch(announced, path, Bounds(_MOST, time.monotonic() + _PATIENCE))
            packed = path.read_bytes()
    event, unpacking = neonize_pb2.HistorySync(), zlib.decompressobj()
    try:
        event.Data.CopyFrom(parse(type(event.Data), unpacking.decompress(packed, _MOST), apart=web.WebMessageInfo))
    except (zlib.error, DecodeError):
        raise WhatsAppRefused("what lies there is no part of a history") from None
    if not unpacking.eof:
        raise WhatsAppRefused("what lies there is not the whole part of a history, or too large to be one")
    return event.SerializePartialToString()
