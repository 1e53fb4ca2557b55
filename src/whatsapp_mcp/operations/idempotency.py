"""Sends that are repeated: a repetition gets the first result and sends nothing.

What counts as one is a call with the same ``idempotency_key``; without a key, within ``repeat_seconds``, exactly the
same call in the same conversation, to the same recipient and with the same content: a client that gave up tries again.

Here a call learns what an earlier one did. Who claims the key, right before sending, is the session process
(:mod:`whatsapp_mcp.worker.sends`): it alone writes the store, and it still learns of an acknowledgement that
comes when nobody waits any more.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import Final

from whatsapp_mcp.errors import OutcomeUnknown, SessionCrashed, SessionError, SessionTimeout
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.outgoing import SentMessage
from whatsapp_mcp.operations.described import digest_of
from whatsapp_mcp.operations.outcome import Arguments, Outcome
from whatsapp_mcp.operations.registry import IDEMPOTENCY_KEY, Handler
from whatsapp_mcp.operations.sending import sent_outcome
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.messages import ConfirmSend, SendKey
from whatsapp_mcp.policy.call import Call
from whatsapp_mcp.policy.caller import Caller
from whatsapp_mcp.store.read.reader import StoreReader

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
    services = services.but(send_key=key)
    again = await told_again(services)
    if again is not None:
        return again
    try:
        return await handler(services, arguments)
    except (SessionCrashed, SessionTimeout) as error:
        error.next_step = _REPEAT
        raise


async def key_of_call(services: Services, call: Call, caller: Caller) -> tuple[SendKey, bool]:
    """Of exactly this call in this conversation: its repetition has the same key, whichever server it comes to. And
    whether something stands under it.

    What was taken back since then may be sent again, and what is for another time is another message.
    """
    exactly = await digest_of(services, call, caller.grant.name)
    of = hashlib.sha256(f"{exactly} {caller.conversation.mark}".encode()).hexdigest()
    while True:
        key = SendKey(key=f"call {of}", fingerprint="", seconds=services.settings.repeat_seconds)
        taken, another = await services.store.look(partial(_standing, key=key, due=call.due_at))
        if another is None:
            return key, taken
        of = hashlib.sha256(f"{of} {another}".encode()).hexdigest()


def _standing(store: StoreReader, key: SendKey, due: int | None) -> tuple[bool, str | None]:
    """Whether something stands under the key, and the id of the message that was sent under it, if it was revoked,
    stopped before it left, or is for another time than ``due``: `in 2h` is said again some hours later, and means
    something else."""
    stood = store.send_under(key.key, key.kept)
    if stood is None or stood.result is None:
        return stood is not None, None
    sent = SentMessage.model_validate_json(stood.result)
    held, message = store.deferred(sent.message_id), store.message(sent.message_id, sent.chat)
    stopped = held is not None and held.state is DeferredState.CANCELLED
    if due is not None and (held is None or abs(held.due_at - due) > key.kept):
        return True, sent.message_id
    revoked = message is not None and message.revoked_at is not None
    return True, sent.message_id if stopped or revoked else None


async def told_again(services: Services) -> Outcome | None:
    """The result of what was sent under the key of this call, if that is so."""
    done = await earlier(services, services.send_key) if services.send_key is not None else None
    return await sent_outcome(services, done, "The message was sent.") if done is not None else None


async def earlier(services: Services, key: SendKey) -> SentMessage | None:
    """What was sent under the key; nothing that is finished needs a connection to be told."""
    stood = await services.store.look(lambda store: store.send_under(key.key, key.kept))
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
            f"a message was to be sent {key.named}; whether it was cannot be told now",
            next_step=OutcomeUnknown.next_step if key.is_of_call else _REPEAT,
        ) from error
