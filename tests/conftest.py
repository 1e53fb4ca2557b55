"""What all tests begin with."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import s3
from tests.postgres import new_schema, postgres_server
from whatsapp_mcp.whereabouts import PostgresSchema

# pytest-xdist says how wide its terminal is; with that, a command whose output nobody sees would break its lines.
os.environ.pop("COLUMNS", None)

# How long an example takes says nothing where others use the machine too.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


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


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    if not s3.PROGRAM.exists():
        pytest.skip(s3.MISSING)
    with s3.s3_server() as url:
        yield url


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The AWS variables of tests and no others."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3.VARIABLES.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def bucket(s3_url: str, aws: pytest.MonkeyPatch) -> str:
    """The name of an empty one, which the AWS variables lead to."""
    aws.setenv("AWS_ENDPOINT_URL", s3_url)
    return s3.new_bucket(s3_url)


@pytest.fixture
def postgres_schema(postgres_url: str) -> Iterator[PostgresSchema]:
    with new_schema(postgres_url) as where:
        yield where
