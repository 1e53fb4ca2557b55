"""How far a message got."""

from __future__ import annotations

from enum import StrEnum


class DeliveryStatus(StrEnum):
    """How far a message of ours got. Order matters: a later receipt never moves it back."""

    UNKNOWN = "unknown"
    """It is from before this device, and the phone did not tell."""
    FAILED = "failed"
    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"


class DeferredState(StrEnum):
    """What became of a message that was to leave later."""

    PREPARING = "preparing"
    """A server still converts what it sends."""
    HELD = "held"
    LEAVING = "leaving"
    """It is being sent."""
    SENT = "sent"
    CANCELLED = "cancelled"
    """It never left, as somebody wanted."""
    EXPIRED = "expired"
    """It never left: it could not when it was due, nor soon after."""
    FAILED = "failed"
    """It never left: the policy, WhatsApp, or what it was about, did not allow it."""
    UNKNOWN = "unknown"
    """It may have been sent: nothing came back."""


class ReceiptKind(StrEnum):
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
