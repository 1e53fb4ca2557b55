"""Messages that are held back: how they stand, and how they are stopped."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Final

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.errors import OutcomeUnknown, SessionError, from_wire
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.operations.idempotency import earlier
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.sending import PENDING, what_became
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import held_message
from whatsapp_mcp.pipe.control import GetClients
from whatsapp_mcp.pipe.messages import CancelSend, SendKey
from whatsapp_mcp.store.records import DeferredSend

_CLIENTS_SECONDS: Final = 5.0
_SERVER_GONE: Final = SessionError(
    "the server that converted the file ended before it was done", next_step="Send it again: nobody got it."
)
_IN_DOUBT = (DeferredState.LEAVING, DeferredState.UNKNOWN)


async def stop_held(services: Services, message_id: str, phone: str) -> Outcome | None:
    """Keep a message from leaving that is held; None: there is none, or it has left and can be revoked.

    Raises:
        OutcomeUnknown: it may have been sent.
    """
    found = await held_message(services, message_id, phone)
    return await stop(services, found) if found is not None else None


async def stop(services: Services, found: DeferredSend) -> Outcome | None:
    """The same, of one that is known."""
    if found.state in (DeferredState.PREPARING, DeferredState.HELD, DeferredState.LEAVING):
        state = await services.session.call(CancelSend(message_id=found.id))
        found = replace(found, state=state or found.state)
    found = await _settled(services, found)
    if found.state is DeferredState.SENT:
        return None
    if found.state in _IN_DOUBT:
        raise OutcomeUnknown("the message was being sent; whether it was is unknown, so it cannot be revoked now")
    return _outcome(found)


async def held_status(services: Services, message_id: str, phone: str) -> Outcome | None:
    """How a message stands that was to leave later; None: there is none, or it was sent."""
    found = await held_message(services, message_id, phone)
    if found is None and services.under_way.has(message_id.strip()):
        return Outcome(PENDING, {"message_id": message_id.strip(), "status": "pending"})
    if found is not None:
        found = await _settled(services, await _prepared(services, found))
    return None if found is None or found.state is DeferredState.SENT else _outcome(found)


async def _prepared(services: Services, found: DeferredSend) -> DeferredSend:
    """The same; if a server was to prepare it that has gone, it never leaves."""
    if found.state is not DeferredState.PREPARING or services.under_way.has(found.id):
        return found
    if found.server != os.getpid():
        try:
            clients = await services.session.call(GetClients(), timeout=_CLIENTS_SECONDS)
        except SessionError:  # it begins anew, and the servers attach again
            return found
        if any(client.pid == found.server for client in clients):
            return found
    known = await services.store.look(lambda store: store.deferred(found.id))
    if known is None or known.state is not DeferredState.PREPARING:  # it was done just now
        return known or found
    return replace(found, state=DeferredState.FAILED, error=_SERVER_GONE.to_wire())


async def _settled(services: Services, held: DeferredSend) -> DeferredSend:
    """The same; if it may have been sent, with what can be found out about that."""
    if held.state is not DeferredState.UNKNOWN:
        return held
    stood = await services.store.look(lambda store: store.send_under(held.key))
    if stood is None:
        return held
    try:
        await earlier(services, SendKey(key=held.key, fingerprint=stood.fingerprint))
    except OutcomeUnknown:
        return held
    return await services.store.look(lambda store: store.deferred(held.id)) or held


def _outcome(held: DeferredSend) -> Outcome:
    results: dict[str, Any] = {
        "message_id": held.id,
        "status": held.status,
        "chat_jid": str(held.chat),
    }
    if not held.pending:
        results["scheduled_for" if held.scheduled else "held_until"] = from_ms(held.due_at)
    if held.error is not None:
        error = from_wire(held.error)
        results["error"] = {"code": error.code, "message": error.message, "next_step": error.next_step}
    return Outcome(what_became(held), results)
