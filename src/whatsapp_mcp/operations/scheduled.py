"""What is told of messages that were scheduled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from whatsapp_mcp.clock import from_ms, now_ms
from whatsapp_mcp.errors import from_wire
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import DeferredSend

RECENT_MS: Final = timedelta(days=1) // timedelta(milliseconds=1)
NOT_SENT: Final = (DeferredState.EXPIRED, DeferredState.FAILED, DeferredState.UNKNOWN)
"""What the owner hardly expects of a message that was to leave by itself."""
_TOLD: Final = 20


def scheduled_json(message: DeferredSend, name: str | None) -> dict[str, Any]:
    """A row about one; ``name``: of its chat."""
    return {
        "message_id": message.sent_id or message.id,
        "status": message.state.value,
        "chat_jid": str(message.chat),
        "chat_name": name,
        "message": message.text,
        "scheduled_for": from_ms(message.due_at),
        "error": _error_json(message.error),
    }


def _error_json(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if error is None:
        return None
    known = from_wire(dict(error))
    return {"code": known.code, "message": known.message, "approval_code": known.details.get("approval_code")}


def not_sent(store: StoreReader, since: int | None = None) -> list[dict[str, Any]] | None:
    """Scheduled messages of which it became clear after ``since`` (milliseconds; None: a day ago) that they did not
    leave, or may not have, and those about which the owner is asked; None: there are none."""
    found = store.scheduled(now_ms() - RECENT_MS if since is None else since)
    bad = [one for one in found if one.state in NOT_SENT or (one.state is DeferredState.HELD and one.error)]
    return [scheduled_json(one, store.display_name(one.chat)) for one in bad[:_TOLD]] or None
