"""What the store holds under the key of a send, as both processes read it."""

from __future__ import annotations

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.pipe.protocol import SendKey, SentMessage
from whatsapp_mcp.store.records import KeyedSend

__all__ = ["result_under"]


def result_under(key: SendKey, stood: KeyedSend) -> SentMessage | None:
    """What was sent under a key before; None while that is not known.

    Raises:
        InvalidArgument: under this key, something else was to be sent.
    """
    if stood.fingerprint != key.fingerprint:
        raise InvalidArgument(
            "idempotency_key: this key was used for another message within the last 24 hours",
            field="idempotency_key",
            next_step="Use a new key for a new message; a repetition has to have the same arguments as the first call.",
        )
    if stood.result is None:
        return None
    return SentMessage.model_validate_json(stood.result).model_copy(update={"repeated": True})
