"""Sends that take long: followed as long as the client waits, and told as pending after that.

A file is uploaded and sent by the session process, which has taken the message before anybody waits for it; so it is
sent once, whether the client waits, gives up, or repeats the call, and whichever server ends meanwhile.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from whatsapp_mcp.errors import NotConnected, OutcomeUnknown, SessionError, WhatsAppMcpError, from_wire
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.outgoing import SentMessage
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.messages import AwaitSend
from whatsapp_mcp.store.records import DeferredSend

LONGEST: Final = 3600.0
"""Seconds for which a client is answered that waits as long as it takes; after them, nothing leaves any more."""
AGAIN: Final = 1.0
"""Seconds until the session process is asked again that could not say."""
_OPEN: Final = (DeferredState.HELD, DeferredState.LEAVING)


async def followed(services: Services, taken: SentMessage) -> SentMessage:
    """What became of a message that the session process has taken; it itself when that takes longer than the client
    waits.

    Raises:
        OutcomeUnknown: it may have been sent.
        WhatsAppMcpError: why it was not.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST if services.until is None else services.until
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            while (await _known(services, taken)).state in _OPEN:
                with suppress(SessionError):  # it begins anew, and goes on with what it has taken
                    await services.session.call(AwaitSend(message_id=taken.message_id), timeout=LONGEST)
                if (await _known(services, taken)).state in _OPEN:
                    await services.session.wait_change(AGAIN)
    found = await _known(services, taken)
    if found.state in _OPEN:
        return taken
    if found.state is DeferredState.SENT:
        return await _sent(services, found, taken)
    raise _why_not(found)


async def _known(services: Services, taken: SentMessage) -> DeferredSend:
    found = await services.store.look(lambda store: store.deferred(taken.message_id))
    if found is None:
        raise OutcomeUnknown("the session process does not know of this message any more")
    return found


async def _sent(services: Services, found: DeferredSend, taken: SentMessage) -> SentMessage:
    stood = await services.store.look(lambda store: store.send_under(found.key))
    if stood is not None and stood.result is not None:
        sent = SentMessage.model_validate_json(stood.result)
        return sent.model_copy(update={"chat": taken.chat, "repeated": taken.repeated})
    return taken.model_copy(update={"message_id": found.sent_id or taken.message_id, "pending": False})


def _why_not(found: DeferredSend) -> WhatsAppMcpError:
    if found.state is DeferredState.UNKNOWN:
        return OutcomeUnknown("the message was being sent when the session ended; whether it was is unknown")
    if found.error is not None:
        return from_wire(found.error)
    if found.state is DeferredState.CANCELLED:
        return WhatsAppMcpError("the message was stopped before it left: nobody got it")
    return NotConnected("the message was not sent: there was no connection for too long")
