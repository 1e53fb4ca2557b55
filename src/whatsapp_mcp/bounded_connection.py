"""A connection of psycopg that is waited for only so long: libpq waits for ever for a server that has stopped, or on a
way that swallows everything, and the limits of the server do not hold where nothing arrives."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import Row

R = TypeVar("R")
_WAITING: Final = 0.1
"""Seconds after which psycopg looks whether there is still something to wait for."""


class Unanswered(psycopg.OperationalError):
    """The time is over; the connection is closed."""

    sqlstate = "57014"


class BoundedConnection(psycopg.Connection[Row]):
    """See above."""

    answer_within: float | None = None
    """Seconds for each thing that is asked; None: as psycopg has it."""

    def wait(
        self, gen: Generator[Any, Any, R], interval: float = _WAITING, timeout: float | None = None
    ) -> R:  # psycopg before 3.3 knows no ``timeout``, and none of ours is given one
        if self.answer_within is None:
            return super().wait(gen, interval)
        try:
            return super().wait(_until(gen, time.monotonic() + self.answer_within), interval)
        except Unanswered:
            self.close()
            raise


def _until(gen: Generator[Any, Any, R], end: float) -> Generator[Any, Any, R]:
    """The same, which raises ``Unanswered`` when nothing came until then."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > end:
                raise Unanswered("the database did not answer in time")
            wanted = gen.send(ready)
    except StopIteration as ended:
        result: R = ended.value
        return result
