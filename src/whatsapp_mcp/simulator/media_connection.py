"""Which media hosts there are (``iq xmlns=w:m``, whatsmeow mediaconn.go). All of them are this simulator."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from whatsapp_mcp.simulator.router import IqError, Router
from whatsapp_mcp.simulator.world import Device
from whatsapp_mcp.wire.node import Node

__all__ = ["MEDIA_HOST", "MediaConnection"]

MEDIA_HOST = "mmg.whatsapp.net"


class MediaConnection:
    """Hands out the host and a token for it, which nothing here checks."""

    def register(self, router: Router) -> None:
        router.on_iq("w:m", "set", self._connection)

    def _connection(self, device: Device, node: Node) -> Sequence[Node]:
        if node.child("media_conn") is None:
            raise IqError(400, "bad-request")
        attrs = {"auth": secrets.token_hex(16), "ttl": "21600", "auth_ttl": "21600", "max_buckets": "12"}
        return [Node("media_conn", dict(attrs), [Node("host", {"hostname": MEDIA_HOST})])]
