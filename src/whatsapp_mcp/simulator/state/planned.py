"""Something that happens the next few times only: what faults are made of."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Planned(Generic[T]):
    """What goes wrong on the next occasions; nothing, until it is planned."""

    def __init__(self) -> None:
        self._what: T | None = None
        self._left = 0

    def plan(self, what: T, times: int) -> None:
        """Let ``what`` happen the next ``times``; negative: until :meth:`cancel`."""
        self._what, self._left = what, times

    def cancel(self) -> None:
        self._what, self._left = None, 0

    @property
    def has_happened(self) -> bool:
        """Whether it was planned, and has begun as often as it was to."""
        return self._what is not None and self._left == 0

    def take(self) -> T | None:
        """What happens on this occasion; ``None``: nothing."""
        if self._left == 0:
            return None
        if self._left > 0:
            self._left -= 1
        return self._what


def cancel_all(switches: object) -> None:
    """Cancel everything that is planned in the attributes of ``switches``."""
    for planned in vars(switches).values():
        if isinstance(planned, Planned):
            planned.cancel()
