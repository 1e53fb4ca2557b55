"""One line of the table: what was measured, its floor in the same run, its budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Row", "header", "line", "median", "quantile"]

_WIDTHS = (46, 16, 16, 7, 24, 5)


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement. ``ours`` and ``floor`` are medians unless the name says otherwise, both in ``unit``."""

    name: str
    ours: float
    unit: str
    floor: float | None = None
    at_most: float | None = None
    """Budget of ``ours``."""
    at_least: float | None = None
    """Budget of ``ours`` where more is better (messages per second)."""
    rate: bool = False
    """More is better, without a budget of ``ours`` itself."""
    ratio_at_most: float | None = None
    """Budget of ``ratio``."""
    over_at_most: float | None = None
    """Budget of what ``ours`` is beyond the floor."""
    note: str = ""

    @property
    def over(self) -> float | None:
        """So much more than the floor, in ``unit``."""
        return None if self.floor is None else self.ours - self.floor

    @property
    def ratio(self) -> float | None:
        """How many times as expensive as the floor."""
        if not self.floor or not self.ours:
            return None
        return self.floor / self.ours if self.rate or self.at_least is not None else self.ours / self.floor

    @property
    def ok(self) -> bool:
        """Within every budget; a row without one is."""
        ratio, over = self.ratio, self.over
        return (
            (self.at_most is None or self.ours <= self.at_most)
            and (self.at_least is None or self.ours >= self.at_least)
            and (self.ratio_at_most is None or (ratio is not None and ratio <= self.ratio_at_most))
            and (self.over_at_most is None or (over is not None and over <= self.over_at_most))
        )

    @property
    def budget(self) -> str:
        parts = []
        if self.at_most is not None:
            parts.append(f"≤ {_number(self.at_most)} {self.unit}")
        if self.at_least is not None:
            parts.append(f"≥ {_number(self.at_least)} {self.unit}")
        if self.ratio_at_most is not None:
            parts.append(f"≤ {self.ratio_at_most:g} ×")
        if self.over_at_most is not None:
            parts.append(f"≤ floor + {_number(self.over_at_most)} {self.unit}")
        return ", ".join(parts)

    @property
    def verdict(self) -> str:
        return ("ok" if self.ok else "over") if self.budget else ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "budget": self.budget, "ok": self.ok}


def header() -> str:
    return _columns("", "ours", "floor", "ratio", "budget", "")


def line(row: Row) -> str:
    floor = "" if row.floor is None else f"{_number(row.floor)} {row.unit}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}" if row.ratio >= 0.1 else f"{row.ratio:.1g}"
    shown = _columns(row.name, f"{_number(row.ours)} {row.unit}", floor, ratio, row.budget, row.verdict)
    return f"{shown}\n    {row.note}" if row.note else shown


def median(values: Sequence[float]) -> float:
    return quantile(values, 0.5)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the values lie, the next higher one that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _columns(name: str, *rest: str) -> str:
    first, *widths = _WIDTHS
    cells = [f"{name:<{first}}", *(f"{text:>{width}}" for text, width in zip(rest, widths, strict=True))]
    return "  ".join(cells).rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}" if value >= 100 else f"{value:.3g}"
