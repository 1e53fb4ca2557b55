"""Connections to the database that nodes share: they find out soon that the other end is gone, and never wait long."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from whatsapp_mcp.bounded_connection import BoundedConnection
from whatsapp_mcp.cluster.times import CONNECT_LIMIT, DEATH
from whatsapp_mcp.whereabouts import shown_url

Connection = psycopg.Connection[tuple[object, ...]]

_STATEMENT_LIMIT: Final = 2000
"""Milliseconds: the database ends what takes longer, and nobody waits longer for a database that does not."""
_SETTINGS: Final = (
    f"SET statement_timeout = {_STATEMENT_LIMIT}; SET lock_timeout = {_STATEMENT_LIMIT}; SET tcp_keepalives_idle = 1;"
    f" SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = {DEATH - 1};"
    f" SET tcp_user_timeout = {DEATH * 1000}"
)
"""The keepalives are those of the database's end: it frees the lock of a node that is cut off."""


class ClusterUnreachable(Exception):
    """The database does not answer, or not as it should. Says which, and nothing that it quotes."""


def connect(url: str) -> Connection:
    """A connection with autocommit.

    Raises:
        ClusterUnreachable: there is none.
        SetupError: to a database in which messages cannot lie.
    """
    with told(url):
        connection: BoundedConnection[tuple[object, ...]] = BoundedConnection.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_LIMIT,
            keepalives=1,
            keepalives_idle=1,
            keepalives_interval=1,
            keepalives_count=DEATH - 1,
            tcp_user_timeout=DEATH * 1000,
        )
        connection.answer_within = _STATEMENT_LIMIT / 1000
        try:
            connection.execute(_SETTINGS.encode())
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def told(url: str) -> Iterator[None]:
    """What goes wrong inside, without the words of the database, which may quote what is stored."""
    try:
        yield
    except psycopg.Error as error:
        what = error.sqlstate or type(error).__name__
        raise ClusterUnreachable(f"the database {shown_url(url)} does not answer ({what})") from error


def own_address(connection: Connection) -> str:
    """The address by which this machine reaches the database; loopback where that is no network."""
    with socket.socket(fileno=os.dup(connection.fileno())) as copy:
        name = copy.getsockname()
    try:
        return str(ipaddress.ip_address(name[0])) if isinstance(name, tuple) else "127.0.0.1"
    except ValueError:
        return "127.0.0.1"
