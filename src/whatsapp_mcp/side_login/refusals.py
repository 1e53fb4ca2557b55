"""WhatsApp's ways to say no, as errors of ours."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.errors import (
    ClientOutdated,
    LoginRefused,
    RateLimited,
    SideReplaced,
    WhatsAppMcpError,
    WhatsAppRefused,
)
from whatsapp_mcp.wire.node import Node

_REASONS: Final = {
    401: ("the linked device was removed", None),
    402: ("the account is banned for a time", "Wait until the ban ends; read the notice in WhatsApp on the phone."),
    403: ("the account is locked or was removed from the phone", None),
    405: (
        "WhatsApp refuses this version of the client",
        ClientOutdated.next_step,
    ),
    406: ("the account is not accepted", None),
    409: ("the client is not accepted at this time", None),
    500: ("WhatsApp has an internal error", "Call again in some minutes."),
    503: ("WhatsApp is overloaded", "Call again in some minutes."),
}
"""Reason of ``<failure>`` -> what it means, and a better next step than appReconnect (whatsmeow errors.go)."""


def login_refusal(failure: Node) -> LoginRefused:
    """The error for ``<failure reason … />``. 401, 403 and 406 are reported only: whether the session is over is for
    neonize to find out."""
    reason = _number(failure.get("reason"))
    meaning, next_step = _REASONS.get(reason or 0, ("no reason that is known", None))
    return LoginRefused(
        f"WhatsApp refused the login with {reason or 'a failure'}: {meaning}",
        reason=reason,
        next_step=next_step,
        code=_digits(failure.get("code")),
        expire=_digits(failure.get("expire")),
        whatsapp_said=failure.get("message") or None,
    )


def stream_error(node: Node) -> WhatsAppMcpError | None:
    """The error for a ``<stream:error>``; None when it only means that the connection is over."""
    conflict = node.child("conflict")
    if conflict is not None and conflict.get("type") == "replaced":
        return SideReplaced("another login of the linked device took the place of this one")
    if node.get("code") == "401" or (conflict is not None and conflict.get("type") == "device_removed"):
        return LoginRefused("WhatsApp ended the login: the linked device was removed", reason=401)
    return None


def request_refusal(answer: Node) -> WhatsAppRefused:
    """The error for ``<iq type="error"><error code text/></iq>``."""
    error = answer.child("error")
    code, text = (error.get("code"), error.get("text")) if error is not None else ("", "")
    number = _number(code)
    message = "WhatsApp answered with an error" if number is None else f"WhatsApp answered with error {number}"
    if number == 429:
        return RateLimited(message, error_code=number, retry_after_seconds=60, whatsapp_said=text or None)
    return WhatsAppRefused(message, error_code=number, whatsapp_said=text or None)


def _digits(text: str) -> str | None:
    return text if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _number(text: str) -> int | None:
    digits = _digits(text)
    return int(digits) if digits is not None else None
