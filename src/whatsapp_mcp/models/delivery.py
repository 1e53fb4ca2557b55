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


class ReceiptKind(StrEnum):
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
