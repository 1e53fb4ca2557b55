"""Who holds an account: on a real PostgreSQL, with connections cut, and processes stopped and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Final

import psycopg
import pytest

from tests.unit.cluster.proxy import CutConnection, cut_connection
from tests.unit.waiting import wait_until
from whatsapp_mcp.cluster import lease as lease_module
from whatsapp_mcp.cluster.lease import Claim, HeldElsewhere, Lease, take
from whatsapp_mcp.cluster.times import FENCE, LIMIT

_numbers: Final = count(1)


@pytest.fixture
def account() -> str:
    return f"account-{next(_numbers)}"


@pytest.fixture
def way(postgres_url: str) -> Iterator[tuple[CutConnection, str]]:
    with cut_connection(postgres_url) as found:
        yield found


class Kept:
    """A lease that is renewed; it notes that it was lost, instead of ending the process."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.lost = threading.Event()
        self.at = 0.0
        lease.keep(self._lose)

    def _lose(self, _: str) -> None:
        self.at = time.monotonic()
        self.lease._deadline.cancel()
        self.lost.set()


@contextlib.contextmanager
def kept(lease: Lease) -> Iterator[Kept]:
    found = Kept(lease)
    try:
        yield found
    finally:
        lease.release()


@contextlib.contextmanager
def process(url: str, account: str, node: str, place: str = "") -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.unit.cluster.holder", url, account, node, place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        assert started.stdout.readline().startswith("held")
        try:
            yield started
        finally:
            started.kill()


def taken(take_it: Callable[[], Lease], limit: float = 60.0) -> tuple[Lease, float]:
    """The lease, tried for until it can be had, and after how many seconds."""
    began = time.monotonic()
    while True:
        try:
            return take_it(), time.monotonic() - began
        except HeldElsewhere:
            assert time.monotonic() - began < limit, "nobody gave it up"
            time.sleep(0.05)


def test_a_second_holder_is_told_who_has_it(postgres_url: str, account: str) -> None:
    with kept(take(postgres_url, Claim(account, "a"))) as first:
        assert first.lease.epoch == 1
        with pytest.raises(HeldElsewhere) as refused:
            take(postgres_url, Claim(account, "b"))
        assert refused.value.node == "a"
        assert first.lease.confirm()


@pytest.fixture
def distant_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is taken was not waited for."""
    monkeypatch.setattr(lease_module, "FENCE", 600.0)


@pytest.mark.usefixtures("distant_fence")
def test_what_was_given_back_is_taken_at_once(postgres_url: str, account: str) -> None:
    take(postgres_url, Claim(account, "a")).release()
    lease, _ = taken(lambda: take(postgres_url, Claim(account, "b")))
    lease.release()
    assert lease.epoch == 2


def test_of_many_that_try_at_once_one_has_it(postgres_url: str, account: str) -> None:
    def attempt(node: str) -> Lease | str:
        try:
            return take(postgres_url, Claim(account, node))
        except HeldElsewhere as error:
            return error.node

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(attempt, "abcdefgh"))
    (lease,) = (one for one in found if isinstance(one, Lease))
    assert {one for one in found if one is not lease} == {lease._claim.node}
    lease.release()


def test_a_killed_holder_is_replaced_when_it_is_sure_to_have_ended(postgres_url: str, account: str) -> None:
    with process(postgres_url, account, "a") as holder:
        holder.kill()
        lease, seconds = taken(lambda: take(postgres_url, Claim(account, "b")))
    lease.release()
    assert seconds > FENCE - 2


@pytest.mark.usefixtures("distant_fence")
def test_on_its_own_machine_a_killed_holder_is_replaced_at_once(postgres_url: str, account: str) -> None:
    """The lock file, which both have had, says that it has ended."""
    with process(postgres_url, account, "a", "lock file 1") as holder:
        holder.kill()
        holder.wait()
        lease, _ = taken(lambda: take(postgres_url, Claim(account, "a", place="lock file 1")))
    lease.release()


def test_a_connection_that_breaks_costs_nothing(
    way: tuple[CutConnection, str], postgres_url: str, account: str
) -> None:
    proxy, url = way
    with kept(take(url, Claim(account, "a"))) as holder:
        before = holder.lease._confirmed
        proxy.cut()
        wait_until(lambda: holder.lost.is_set() or holder.lease._confirmed > before + FENCE)
        assert not holder.lost.is_set()
        with pytest.raises(HeldElsewhere):
            take(postgres_url, Claim(account, "b"))


def test_a_holder_that_is_cut_off_knows_before_another_can_have_it(
    way: tuple[CutConnection, str], postgres_url: str, account: str
) -> None:
    proxy, url = way
    with kept(take(url, Claim(account, "a"))) as holder:
        proxy.silence()
        lease, _ = taken(lambda: take(postgres_url, Claim(account, "b")))
        now = time.monotonic()
        assert holder.lost.is_set()
        assert holder.at < now - (FENCE - LIMIT) / 2
        assert not holder.lease.is_ours
        proxy.heal()
        assert not holder.lease.confirm()
    lease.release()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process that is stopped")
def test_a_holder_that_is_stopped_is_ended_before_another_can_have_it(postgres_url: str, account: str) -> None:
    with process(postgres_url, account, "a") as holder:
        os.kill(holder.pid, signal.SIGSTOP)
        lease, _ = taken(lambda: take(postgres_url, Claim(account, "b")))
        assert holder.poll() == -signal.SIGKILL
    lease.release()


def test_a_stopped_holder_of_which_only_the_connection_is_left_is_replaced(postgres_url: str, account: str) -> None:
    """As where no system ends it: its connection stays open, and its time goes by."""
    lease = take(postgres_url, Claim(account, "a"))
    lease._deadline.cancel()
    other, seconds = taken(lambda: take(postgres_url, Claim(account, "b")))
    assert seconds > FENCE - 1
    assert not lease.confirm()
    other.release()


def test_what_an_old_holder_writes_is_refused(postgres_url: str, account: str) -> None:
    first = take(postgres_url, Claim(account, "a"))
    first.release()
    second = take(postgres_url, Claim(account, "b"))
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute(second.guard.encode()).fetchone() == (1,)
        assert connection.execute(first.guard.encode()).fetchone() is None
    second.release()


def test_a_renewal_does_not_wait_for_what_the_holder_writes(postgres_url: str, account: str) -> None:
    with kept(take(postgres_url, Claim(account, "a"))) as holder, psycopg.connect(postgres_url) as connection:
        connection.execute(holder.lease.guard.encode())
        assert holder.lease.confirm()


def test_an_account_is_not_taken_while_its_old_holder_writes(postgres_url: str, account: str) -> None:
    first = take(postgres_url, Claim(account, "a"))
    with psycopg.connect(postgres_url) as connection:
        connection.execute(first.guard.encode())
        first.release()
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(take, postgres_url, Claim(account, "b"))
            with contextlib.suppress(TimeoutError):
                second.result(0.5)
            assert not second.done()
            connection.commit()
            second.result(60).release()
