"""Downloads of snapshots and large patches from WhatsApp's media hosts (whatsmeow mediaconn.go, download.go)."""

from __future__ import annotations

import asyncio
import base64
import http.client
import re
from typing import Final
from urllib.error import URLError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from whatsapp_mcp.errors import AppStateUnreadable
from whatsapp_mcp.side_login.login import ConnectionLost, PassiveLogin
from whatsapp_mcp.side_login.service import Service
from whatsapp_mcp.wire.external_blob import MMS_TYPE, MediaError, open_blob
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.protos import server_sync

_SECONDS: Final = 10.0
_MAX_SIZE: Final = 64 * 1024 * 1024
_HOSTS_TO_TRY: Final = 3
_HOST: Final = re.compile(r"[a-z0-9.-]+\.whatsapp\.(net|com)")


async def download(login: PassiveLogin, reference: server_sync.ExternalBlobReference) -> bytes:
    """The plaintext of the file that ``reference`` describes.

    Raises:
        AppStateUnreadable: the file is gone, or is not the announced one.
        ConnectionLost: no media host can be reached.
        WhatsAppRefused: WhatsApp names no media hosts.
    """
    answer = await login.iq("w:m", "set", [Node("media_conn")])
    connection = answer.child("media_conn")
    hosts = [host.get("hostname") for host in connection.children("host")] if connection is not None else []
    problem: Exception = ConnectionLost("WhatsApp named no media host")
    for host in [host for host in hosts if _HOST.fullmatch(host)][:_HOSTS_TO_TRY]:
        try:
            return open_blob(await asyncio.to_thread(_get, login.service, host, reference), reference)
        except MediaError as error:
            problem = AppStateUnreadable("the downloaded app state is unusable", whatsapp_said=error)
        except URLError as error:
            status = getattr(error, "code", None)
            if status in (403, 404, 410):
                problem = AppStateUnreadable(f"the app state is not on the media host any more ({status})")
            else:
                problem = ConnectionLost("a media host of WhatsApp does not answer", f"{host}: {error.reason}")
        except (OSError, http.client.HTTPException) as error:
            problem = ConnectionLost("a media host of WhatsApp does not answer", f"{host}: {error}")
    raise problem


def _get(service: Service, host: str, reference: server_sync.ExternalBlobReference) -> bytes:
    if not reference.directPath.startswith("/"):
        raise MediaError("the reference has no path")
    digest = base64.urlsafe_b64encode(reference.fileEncSHA256).decode()
    address = f"https://{host}{reference.directPath}&hash={digest}&mms-type={MMS_TYPE}&__wa-mms="
    opener = build_opener(
        ProxyHandler({"https": service.proxy} if service.proxy else {}), HTTPSHandler(context=service.trust())
    )
    request = Request(address, headers={"Origin": "https://web.whatsapp.com", "Referer": "https://web.whatsapp.com/"})
    with opener.open(request, timeout=_SECONDS) as response:
        content: bytes = response.read(_MAX_SIZE + 1)
    if len(content) > _MAX_SIZE:
        raise MediaError(f"more than {_MAX_SIZE} bytes")
    return content
