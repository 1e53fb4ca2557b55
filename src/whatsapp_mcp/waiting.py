"""What a call waits for: said where it waits, told to its client in one place (`server/heartbeat`).

    with waits_for("uploading the file", total=size) as wait:
        ...
        wait.done += sent

What is said goes along with the call into its tasks and threads, and from the session process to the server that asked
(`pipe.lines.CallWaits`). Outside a call nobody listens, and nothing is lost by saying it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

_MB: Final = 1_000_000


@dataclass(slots=True, eq=False)
class Wait:
    """One thing that is waited for. Any thread may write to it."""

    what: str
    """In words of ours, lower case: `uploading the file`."""
    total: float = 0.0
    """How much there is to do: bytes, things that are counted, or 1.0 where ``done`` is a share of the whole; 0: nobody
    knows."""
    done: float = 0.0
    measure: Callable[[], float] | None = None
    """Says ``done`` instead, when somebody looks."""
    unit: str = ""
    """What is counted: `messages`; without one bytes, or a share."""

    def text(self) -> str:
        """`uploading the file: 3.2 of 12.0 MB`, `converting: 40 %`, `writing messages: 1,200 of 3,400`."""
        if self.total <= 0:
            return self.what
        if self.unit:
            return f"{self.what}: {self.so_far():,.0f} of {self.total:,.0f}"
        done = min(self.so_far(), self.total)
        if self.total == 1.0:
            return f"{self.what}: {done:.0%}".replace("%", " %")
        return f"{self.what}: {done / _MB:.1f} of {self.total / _MB:.1f} MB"

    def so_far(self) -> float:
        """How much is done."""
        if self.measure is not None:
            self.done = max(self.done, self.measure())
        return self.done


@dataclass(slots=True, eq=False)
class Waits:
    """All that one call waits for, the innermost last."""

    _all: list[Wait] = field(default_factory=list)

    @property
    def now(self) -> Wait | None:
        return self._all[-1] if self._all else None

    def add(self, wait: Wait) -> None:
        self._all.append(wait)

    def remove(self, wait: Wait) -> None:
        self._all.remove(wait)


_OF_CALL: Final[ContextVar[Waits | None]] = ContextVar("waits of the call", default=None)


@contextmanager
def noted() -> Iterator[Waits]:
    """What is waited for inside, by this task and whatever it begins."""
    waits = Waits()
    token = _OF_CALL.set(waits)
    try:
        yield waits
    finally:
        _OF_CALL.reset(token)


@contextmanager
def waits_for(
    what: str, *, total: float = 0.0, measure: Callable[[], float] | None = None, unit: str = ""
) -> Iterator[Wait]:
    """Say that the call waits for this inside; see :class:`Wait`."""
    wait, waits = Wait(what, total, measure=measure, unit=unit), _OF_CALL.get()
    if waits is None:
        yield wait
        return
    waits.add(wait)
    try:
        yield wait
    finally:
        waits.remove(wait)
