"""How the parts of a message become lines of text, as a person reads them from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from whatsapp_mcp.wire.boundary import TEXT_LIMIT


def lines(*parts: str | Iterable[str]) -> str:
    """All that is not empty, a line each."""
    found: list[str] = []
    for part in parts:
        found.extend((part,) if isinstance(part, str) else part)
    return "\n".join(filter(None, found))[:TEXT_LIMIT]


def joined(separator: str, *parts: str) -> str:
    return separator.join(filter(None, parts))


def button(label: str, *targets: str) -> str:
    """A button, and where it leads or what it copies."""
    return joined(" ", f"[{label}]" if label else "", *(target for target in targets if target != label))


def row(title: str, description: str = "") -> str:
    """One line of a list that one can choose from."""
    shown = joined(": ", title, description)
    return f"- {shown}" if shown else ""


def money(amount: int, divisor: int, currency: str) -> str:
    """``12.50 EUR``; empty without an amount."""
    if not amount:
        return ""
    value = Decimal(amount) / Decimal(divisor or 1)
    return joined(" ", f"{value:.2f}" if value == round(value, 2) else f"{value:f}", currency)


def known(**facts: object) -> dict[str, object]:
    """Those facts that are told: not empty, not 0."""
    return {name: fact for name, fact in facts.items() if fact}
