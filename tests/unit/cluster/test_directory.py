"""Which node starts an account, and what nodes know of each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from whatsapp_mcp.cluster.database import ClusterUnreachable
from whatsapp_mcp.cluster.directory import Directory, NameTaken, NoRoom, WantedAccount
from whatsapp_mcp.cluster.lease import Claim, take
from whatsapp_mcp.cluster.times import ALIVE, FENCE


@pytest.fixture
def url(postgres_url: str) -> Iterator[str]:
    """A database in which nobody has been yet."""
    yield postgres_url
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS whatsapp_mcp CASCADE")


@asynccontextmanager
async def nodes(url: str, *names: str, most: int | None = None) -> AsyncIterator[list[Directory]]:
    """Nodes of these names that have just said that they are alive."""
    found = [Directory(url, name, max_accounts=most) for name in names]
    try:
        await asyncio.gather(*(one.join(address="", version="1", instance=one.node) for one in found))
        yield found
    finally:
        for one in found:
            one.close()


async def test_many_that_start_at_once_share_one_secret(url: str) -> None:
    directories = [Directory(url, f"n{number}") for number in range(6)]
    secrets = await asyncio.gather(*(one.secret() for one in directories))
    assert len(set(secrets)) == 1
    assert len(secrets[0]) == 64


async def test_new_accounts_go_to_the_emptiest_node_and_among_equals_to_the_one_that_is_asked(url: str) -> None:
    async with nodes(url, "a", "b", "c") as (a, b, _):
        assert await b.choose("one", pairing=False) == "b"
        assert await b.choose("two", pairing=False) == "a"
        assert await b.choose("three", pairing=False) == "c"
        assert await a.choose("one", pairing=False) == "b", "it was asked, and may be just starting it"


async def test_a_full_node_takes_nothing_more_and_when_all_are_there_is_no_room(url: str) -> None:
    async with nodes(url, "a", "b", most=1) as (a, _):
        assert {await a.choose("one", pairing=False), await a.choose("two", pairing=False)} == {"a", "b"}
        with pytest.raises(NoRoom):
            await a.choose("three", pairing=False)


async def test_what_a_node_has_held_a_moment_ago_it_starts_again_unless_it_drains(url: str) -> None:
    async with nodes(url, "a", "b") as (a, b):
        take(url, Claim("one", "a")).release()
        assert await b.choose("two", pairing=False) == "b"
        assert await b.choose("one", pairing=False) == "a"
        await b.set_draining("a", draining=True)
        assert await a.choose("one", pairing=False) == "b"
        await b.set_draining("a", draining=False)
        assert not await b.set_draining("nobody", draining=True)


async def test_a_node_that_was_asked_learns_it_with_what_is_held_and_orphaned(url: str) -> None:
    async with nodes(url, "a", "b") as (a, b):
        lease = take(url, Claim("held", "a"))
        dead = take(url, Claim("dead", "b"))
        dead._deadline.cancel()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "UPDATE whatsapp_mcp.holders SET heartbeat_at = heartbeat_at - interval '1 minute'"
                " WHERE account = 'dead'"
            )
        assert await a.choose("new", pairing=True) in ("a", "b")
        beats = [await a.beat("a"), await b.beat("b")]
        assert [beat.wanted for beat in beats if beat is not None and beat.wanted] == [
            (WantedAccount("new", pairing=True, moves=False),)
        ]
        assert beats[0] is not None
        assert (beats[0].held, beats[0].orphans) == (("held",), ("dead",))
        assert set(beats[0].accounts) == {"held", "dead"}
        held, orphaned = beats[0].holds["held"], beats[0].holds["dead"]
        assert (held.node, held.held, held.epoch) == ("a", True, 1)
        assert held.age < FENCE < 60 <= orphaned.age
        lease.release()
        dead.release()


async def test_a_name_is_one_nodes_until_it_has_been_silent_for_a_while(url: str) -> None:
    async with nodes(url, "a") as (a,):
        other = Directory(url, "a")
        with pytest.raises(NameTaken):
            await other.join(address="", version="1", instance="other")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "UPDATE whatsapp_mcp.nodes SET heartbeat_at = heartbeat_at - make_interval(secs => %s)", (ALIVE,)
            )
        await a.set_draining("a", draining=True)
        await other.join(address="", version="1", instance="other")
        assert await a.beat("a") is None
        beat = await other.beat("other")
        assert beat is not None and not beat.draining, "who drained the one before it wanted that one to end"
        other.close()


async def test_nodes_are_listed_with_what_they_hold(url: str) -> None:
    async with nodes(url, "a", "b", most=3) as (a, _):
        lease = take(url, Claim("one", "b"))
        await a.set_draining("a", draining=True)
        first, second = await a.nodes()
        assert (first.name, first.draining, first.accounts, first.max_accounts) == ("a", True, (), 3)
        assert (second.name, second.draining, second.accounts, second.alive) == ("b", False, ("one",), True)
        lease.release()


async def test_who_holds_an_account_and_for_how_long(url: str) -> None:
    async with nodes(url, "a") as (a,):
        assert await a.holder("one") is None
        lease = take(url, Claim("one", "a", host="10.0.0.1", port=4711, fingerprint="f"))
        found = await a.holder("one")
        assert found is not None
        assert (found.node, found.host, found.port, found.is_over) == ("a", "10.0.0.1", 4711, False)
        assert FENCE - 2 < found.rest <= FENCE
        lease.release()
        found = await a.holder("one")
        assert found is not None and found.is_over


async def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    directory = Directory("postgresql://me:secret@127.0.0.1:1/data", "a")
    with pytest.raises(ClusterUnreachable) as first:
        await directory.holder("one")
    with pytest.raises(ClusterUnreachable):
        await directory.holder("one")
    directory.close()
    assert "postgresql://me@127.0.0.1:1/data" in str(first.value)
    assert "secret" not in str(first.value)


async def test_a_beat_between_two_whole_ones_is_of_what_a_node_has_to_do_with(url: str) -> None:
    async with nodes(url, "a", "b") as (a, _):
        own, late = take(url, Claim("own", "a")), take(url, Claim("late", "b"))
        late._deadline.cancel()
        others = [take(url, Claim(f"of-b-{number}", "b")) for number in range(5)]
        take(url, Claim("given-back", "a")).release()
        with psycopg.connect(url, autocommit=True) as connection:
            fresh = "UPDATE whatsapp_mcp.holders SET heartbeat_at = clock_timestamp() + interval '1 minute' * %s"
            connection.execute(fresh, (1,))
            connection.execute(f"{fresh} WHERE account = 'late'", (-1,))
        whole, beat = await a.beat("a"), await a.beat("a", whole=False)
        assert whole is not None and beat is not None
        assert (len(whole.holds), whole.whole, beat.whole) == (8, True, False)
        assert set(beat.holds) == {"own", "given-back", "late"}
        assert (beat.held, beat.orphans) == (whole.held, whole.orphans) == (("own",), ("late",))
        for lease in (own, late, *others):
            lease.release()
