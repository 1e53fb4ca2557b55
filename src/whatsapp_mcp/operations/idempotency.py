"""Sends that carry an ``idempotency_key``: a repetition gets the first result and sends nothing.

Here a call learns what an earlier one did. Who claims the key, right before sending, is the session process
(:mod:`whatsapp_mcp.worker.sends`): it alone writes the store, and it still learns of an acknowledgement that
comes when nobody waits any more.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Final

from whatsapp_mcp.errors import OutcomeUnknown, SessionCrashed, SessionError, SessionTimeout
from whatsapp_mcp.models.outgoing import SentMessage
from whatsapp_mcp.operations.outcome import Arguments, Outcome
from whatsapp_mcp.operations.registry import IDEMPOTENCY_KEY, Handler
from whatsapp_mcp.operations.sending import sent_outcome
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.messages import ConfirmSend, SendKey

_REPEAT: Final = "Call again with the same idempotency_key and arguments: that never sends a second message."


def fingerprint(operation: str, arguments: Arguments) -> str:
    """Of an operation and its arguments without the key; a file counts as the text that names it."""
    canonical = json.dumps([operation, arguments], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


async def run_once(operation: str, handler: Handler, services: Services, arguments: Arguments) -> Outcome:
    """Run a handler that sends one message, unless that was done under the key in ``arguments``.

    Raises:
        InvalidArgument: under this key, something else was sent.
        OutcomeUnknown: an earlier call under this key may have sent it.
        WhatsAppMcpError: what the handler raised.
    """
    rest = {name: value for name, value in arguments.items() if name != IDEMPOTENCY_KEY}
    key = SendKey(key=arguments[IDEMPOTENCY_KEY], fingerprint=fingerprint(operation, rest))
    done = await earlier(services, key)
    if done is not None:
        return sent_outcome(services, done, "The message was sent.")
    try:
        return await handler(replace(services, send_key=key), arguments)
    except (SessionCrashed, SessionTimeout) as error:
        error.next_step = _REPEAT
        raise


async def earlier(services: Services, key: SendKey) -> SentMessage | None:
    """What was sent under the key; nothing that is finished needs a connection to be told."""
    stood = services.store.look(lambda store: store.send_under(key.key))
    if stood is None:
        return None
    sent = key.sent_before(stood.fingerprint, stood.result)
    if sent is not None:
        return sent
    try:
        handed_over = await services.session.handed_over(stood.message or b"")
        return await services.session.call(ConfirmSend(key=key, handed_over=handed_over))
    except OutcomeUnknown:
        raise
    except SessionError as error:
        raise OutcomeUnknown(
            "under this idempotency_key a message was to be sent; whether it was cannot be told now",
            next_step=_REPEAT,
        ) from error
