"""What all tests begin with."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.postgres import new_schema, postgres_server
from whatsapp_mcp.whereabouts import PostgresSchema

# pytest-xdist says how wide its terminal is; with that, a command whose output nobody sees would break its lines.
os.environ.pop("COLUMNS", None)


def _ignored(*_: object) -> None:
    return None


# What runs under nohup or behind a shell's "&" ignores these, and so would every program that it starts. This process
# goes on ignoring them; its children begin with what is usual.
for _name in ("SIGINT", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _ignored)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if sys.platform != "linux":
        pytest.skip("the wheel with the PostgreSQL of the tests is for Linux alone")
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgres_schema(postgres_url: str) -> Iterator[PostgresSchema]:
    with new_schema(postgres_url) as where:
        yield where
