"""A connection of psycopg that is waited for only so long: libpq waits for ever for a server that has stopped, or on a
way that swallows everything, and the limits of the server do not hold where nothing arrives."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg.rows import Row

from whatsapp_mcp.errors import SetupError

R = TypeVar("R")
_WAITING: Final = 0.1
"""Seconds after which psycopg looks whether there is still something to wait for."""
OLDEST: Final = 16
"""The version of PostgreSQL that is needed."""


class Unanswered(psycopg.OperationalError):
    """The time is over; the connection is closed."""

    sqlstate = "57014"


class BoundedConnection(psycopg.Connection[Row]):
    """See above."""

    answer_within: float | None = None
    """Seconds for each thing that is asked; None: as psycopg has it."""

    @classmethod
    def connect(cls, conninfo: str = "", **parameters: Any) -> Self:
        """As psycopg does.

        Raises:
            psycopg.Error: there is no connection.
            SetupError: to a database in which messages cannot lie.
        """
        connection = super().connect(conninfo, client_encoding="utf8", **parameters)
        try:
            _check(connection.info)
        except SetupError:
            connection.close()
            raise
        return connection

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


def _check(info: psycopg.ConnectionInfo) -> None:
    """By what the server says of itself when it lets somebody in."""
    if info.server_version // 10000 < OLDEST:
        raise SetupError(
            f"the database is of PostgreSQL {info.server_version // 10000}, and {OLDEST} or newer is needed",
            next_step="Let WHATSAPP_MCP_DATABASE lead to a newer server.",
        )
    if (encoding := info.parameter_status("server_encoding")) != "UTF8":
        raise SetupError(
            f"the database keeps text as {encoding}, and UTF8 is needed",
            next_step="Make it anew with `createdb -T template0 -E UTF8`.",
        )


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
