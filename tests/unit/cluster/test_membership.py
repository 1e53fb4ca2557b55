"""What a node tells of itself to those who watch it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

import anyio
import psycopg
import pytest

from whatsapp_mcp.cluster.directory import Directory
from whatsapp_mcp.cluster.lease import Claim, take
from whatsapp_mcp.cluster.membership import Membership
from whatsapp_mcp.models.figures import NodeFigures


class NoActions:
    """Of a node that is asked nothing."""

    def know(self, accounts: Collection[str]) -> None: ...

    def start(self, account: str, *, pairing: bool) -> bool:
        return False

    def prepare(self, account: str) -> bool:
        return False

    async def move(self, account: str) -> None: ...


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    yield postgres_url
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS whatsapp_mcp CASCADE")


async def test_a_node_is_ready_when_the_database_knows_it_and_not_while_it_drains(url: str) -> None:
    directory = Directory(url, "a", max_accounts=3)
    member = Membership(url, directory, NoActions(), address="", version="1")
    assert member.figures() == NodeFigures(name="a", accounts=0, most=3, draining=False, age=None, ready=False)
    lease = take(url, Claim("one", "a"))
    with anyio.fail_after(120):
        async with member.joined():
            while not member.figures().ready:
                await anyio.sleep(0.02)
            found, hold = member.figures(), member.hold_figures("one")
            assert (found.accounts, found.draining) == (1, False)
            assert hold is not None and hold.age is not None
            assert (hold.here, hold.holders) == (True, 1)
            assert 0 <= hold.age < 20
            assert member.hold_figures("another") is None
            lease.release()
            await directory.set_draining("a", draining=True)
            while member.figures().ready:
                await anyio.sleep(0.02)
            assert member.figures().draining
            hold = member.hold_figures("one")
            assert hold is not None and (hold.here, hold.age) == (False, None)
    directory.close()


async def test_a_node_without_word_from_the_database_is_not_ready(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Directory(url, "a")
    member = Membership(url, directory, NoActions(), address="", version="1")
    with anyio.fail_after(120):
        async with member.joined():
            while not member.figures().ready:
                await anyio.sleep(0.02)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 60)
    found = member.figures()
    assert (found.ready, found.draining) == (False, False)
    assert found.age is not None and found.age >= 60
    directory.close()
