"""What a request of a webhook says and how it is signed: Standard Webhooks 1.0.0, "Webhook headers" and "Signature
scheme" (symmetric, ``v1``)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from whatsapp_mcp.clock import time_text
from whatsapp_mcp.models.event_render import event_json, whole_event_json
from whatsapp_mcp.models.events import Event
from whatsapp_mcp.untrusted_text import clean
from whatsapp_mcp.webhooks.book import Webhook

LARGEST_BODY: Final = 128 * 1024
"""Bytes; what is larger is sent in few words."""


def event_id(webhook: Webhook, event: Event) -> str:
    """The same for every try, also after a restart: by it a receiver knows what it has already. Without a full stop,
    which divides what is signed."""
    facts = (webhook.id, event.arrival, event.kind.value, event.chat, event.message_id, event.timestamp.isoformat())
    return f"msg_{hashlib.sha256(chr(10).join(map(str, facts)).encode()).hexdigest()[:32]}"


def body_of(account: str, event: Event, *, missed: bool) -> bytes:
    """``missed``: some events before this one are lost."""
    body = _encoded(account, event, whole_event_json(event), missed=missed)
    return body if len(body) <= LARGEST_BODY else _encoded(account, event, event_json(event), missed=missed)


def _encoded(account: str, event: Event, data: Mapping[str, Any], *, missed: bool) -> bytes:
    said = {"type": event.kind.value, "timestamp": time_text(event.timestamp, "milliseconds"), "account": account}
    more = {"missed": True} if missed else {}
    return encoded(said | more | {"data": _known(clean(dict(data)))})


def encoded(body: Mapping[str, Any]) -> bytes:
    """Times in UTC."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=time_text)
    return text.encode("utf-8", "replace")


def _known(value: Any) -> Any:
    """Without nulls."""
    if isinstance(value, dict):
        return {name: _known(item) for name, item in value.items() if item is not None}
    return [_known(item) for item in value] if isinstance(value, list) else value


def signed_headers(key: bytes, message_id: str, body: bytes, *, at: int) -> dict[str, str]:
    """``at``: of this try, seconds since 1970."""
    digest = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
