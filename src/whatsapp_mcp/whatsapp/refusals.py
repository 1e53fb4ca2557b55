"""neonize reports every failure as a Go error text; here it becomes an error with a code and a next step."""

from __future__ import annotations

import re
from typing import Final

from whatsapp_mcp.errors import (
    WHATSAPP_SAID,
    InvalidArgument,
    NotConnected,
    NotFound,
    NotLoggedIn,
    OutcomeUnknown,
    RateLimited,
    ReachoutTimelock,
    SessionTimeout,
    StoreError,
    WhatsAppMcpError,
    WhatsAppRefused,
)
from whatsapp_mcp.untrusted_text import said

DEFAULT_RETRY_SECONDS: Final = 60
_DOWN: Final = ("websocket not connected", "websocket disconnected", "frame socket is closed", "client is nil")
_KEYS_FAILED: Final = ("failed to prefetch sessions: ", "pq: ", "driver: bad connection")
"""Said by whatsmeow's store; what PostgreSQL answered is nobody's business."""
_REFUSED: Final = "server returned error"
_NOT_SENDABLE: Final = ("can't send message", "can't encrypt message", "message recipient must be", "cipher encryption")
_WRITING: Final = "failed to send message node"
_PREPARING: Final = re.compile(r"failed to (?!send message node|write|flush)")
"""Writing to the socket may fail when all of it has left; everything else that fails comes before that."""
_CODE: Final = re.compile(r"(?:error|status) (\d{3})")
_WRITTEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|does not start with slash: .*', re.DOTALL)
"""Addresses, which Go quotes, and the path of a file: what a sender wrote into them decides nothing here."""


def error_for(text: str, action: str) -> WhatsAppMcpError:
    """The error that the Go text means; ``action`` completes "WhatsApp did not …" ("send the message").

    The text itself is a detail of its own: others can have written parts of it.
    """
    if any(sign in _WRITTEN.sub('""', text) for sign in _KEYS_FAILED):
        return StoreError(f"the database of the keys cannot be reached, so WhatsApp was not asked to {action}")
    error = _meaning(_WRITTEN.sub('""', text).lower(), action)
    if text:
        error.details[WHATSAPP_SAID] = said(text)
    return error


def _meaning(lowered: str, action: str) -> WhatsAppMcpError:
    if "timed out" in lowered or "deadline exceeded" in lowered:
        return SessionTimeout(f"WhatsApp did not answer in time when asked to {action}")
    if any(text in lowered for text in _DOWN):
        return NotConnected(f"the connection to WhatsApp was down when it should {action}")
    if "store doesn't contain a device jid" in lowered or "deleted device" in lowered:
        return NotLoggedIn(f"no WhatsApp account is linked, so it cannot {action}")
    if "no lid found" in lowered or "function returned nothing" in lowered:
        return NotFound(
            f"WhatsApp does not know this number, so it cannot {action}",
            next_step="Check the number with userCheck: international format, without leading zeros.",
        )
    if "phone number too short" in lowered or "international phone number required" in lowered:
        return InvalidArgument(f"WhatsApp did not {action}: this is no phone number")
    if "without pushname" in lowered:
        return InvalidArgument(
            "WhatsApp needs a display name before presence can be sent, and this account has none yet",
            next_step="Call userChangePushName first.",
        )
    if "no app state keys" in lowered:
        return NotConnected(
            "the phone has not shared its settings keys with this linked device yet",
            next_step="Open WhatsApp on the phone and call again in some seconds.",
        )
    match = _CODE.search(lowered)
    code = int(match[1]) if match else None
    if code == 463:
        return ReachoutTimelock("WhatsApp does not let this account start new chats for now (error 463)")
    if code == 429 or "rate-overlimit" in lowered:
        return RateLimited(
            f"WhatsApp limits how often this account may {action} (error 429)",
            details={"retry_after_seconds": DEFAULT_RETRY_SECONDS},
        )
    details: dict[str, object] = {"whatsapp_code": code} if code else {}
    because = f" (error {code})" if code else ""
    return WhatsAppRefused(f"WhatsApp did not {action}{because}", details=details)


def send_error_for(text: str) -> WhatsAppMcpError:
    """The error that a Go text of SendMessage means; OutcomeUnknown unless it certainly sent nothing.

    whatsmeow: send.go, SendMessage. Whatever fails before the message is written to the socket says so; after that come
    the refusal by the server, or the end of the connection, also while writing once more, or of the time to wait.
    """
    error = error_for(text, "send the message")
    lowered = _WRITTEN.sub('""', text).lower()
    unsent = (
        isinstance(error, InvalidArgument | NotFound | NotLoggedIn)
        or _REFUSED in lowered
        or lowered.startswith(_NOT_SENDABLE)
        or _PREPARING.match(lowered)
        or (lowered.startswith(_WRITING) and any(down in lowered for down in _DOWN))
    )
    if unsent:
        return error
    return OutcomeUnknown(
        "WhatsApp did not acknowledge the message, so whether it was sent is unknown",
        whatsapp_said=None if isinstance(error, StoreError) else text or None,
    )
