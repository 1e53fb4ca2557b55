"""Batching, limits, failures: what happens around a short login."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar

import pytest

from tests.unit.side_login.linked import Linked
from whatsapp_mcp.errors import (
    CertificateRefused,
    InvalidArgument,
    LoginRefused,
    NotConnected,
    NotLoggedIn,
    RateLimited,
    SessionError,
    SessionTimeout,
    SetupError,
    SideReplaced,
    WhatsAppRefused,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import AppStateChange, ChatChanged, MessageStarred
from whatsapp_mcp.side_login.login import PassiveLogin
from whatsapp_mcp.side_login.queries import SideLoginQuery
from whatsapp_mcp.side_login.queue import SideLoginConfig, SideLoginQueue
from whatsapp_mcp.simulator.network.connection import Connection
from whatsapp_mcp.simulator.service.router import Reply
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.wire.certificates import issue_chain
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Node

ANA = Jid("12025550111", "s.whatsapp.net")


@dataclass(frozen=True)
class Ping(SideLoginQuery[str]):
    text: str = "pong"

    async def ask(self, login: PassiveLogin) -> str:
        await login.iq("w:p", "get", [Node("ping")])
        return self.text


@dataclass(frozen=True)
class Once(Ping):
    repeatable: ClassVar[bool] = False


def star(message_id: str) -> MessageStarred:
    return MessageStarred(ANA, message_id, from_me=True, starred=True)


def logins(side: Linked) -> list[int]:
    """Grows with every login of the device."""
    seen: list[int] = []
    start = side.simulator.login.start

    def record(device: SimDevice, connection: Connection, *, passive: bool) -> None:
        seen.append(1)
        start(device, connection, passive=passive)

    side.simulator.login.start = record  # type: ignore[method-assign]
    return seen


async def test_what_waits_goes_in_one_login(side: Linked) -> None:
    count, queue = logins(side), side.queue()
    pause = queue._pause

    @asynccontextmanager
    async def pause_when_all_wait() -> AsyncIterator[None]:
        while len(queue._waiting) < 4:
            await asyncio.sleep(0.005)
        async with pause():
            yield

    queue._pause = pause_when_all_wait
    one, ping, other, pong = await asyncio.gather(
        queue.change(star("A")), queue.ask(Ping("1")), queue.change(star("B"), ChatChanged(ANA, pinned=True)),
        queue.ask(Ping("2")),
    )  # fmt: skip
    assert [ping.result, pong.result] == ["1", "2"]
    assert len(count) == 1
    assert side.pauses == ["pause", "resume"]
    collections = side.simulator.phone.account.collections
    assert collections["regular_high"].version == 1, "both stars in one patch"
    assert one == other == ping.paused_seconds == pong.paused_seconds
    assert one > 0


async def test_what_comes_during_a_pause_comes_along(side: Linked) -> None:
    queue = side.queue()
    late: list[asyncio.Task[object]] = []

    @dataclass(frozen=True)
    class Slow(Ping):
        async def ask(self, login: PassiveLogin) -> str:
            late.append(asyncio.create_task(queue.ask(Ping("late"))))
            await asyncio.sleep(0)
            return await super().ask(login)

    await queue.ask(Slow())
    await late[0]
    assert side.pauses == ["pause", "resume"]


async def test_one_failure_does_not_touch_the_others(side: Linked) -> None:
    side.simulator.faults.fail_iq("w:p", 404, "item-not-found", times=1)
    queue = side.queue()
    first, second, third = await asyncio.gather(
        queue.ask(Ping()), queue.ask(Ping("2")), queue.change(star("A")), return_exceptions=True
    )
    assert isinstance(first, WhatsAppRefused)
    assert not isinstance(second, BaseException) and second.result == "2"
    assert not isinstance(third, BaseException)


async def test_the_same_action_from_two_callers(side: Linked) -> None:
    queue, action = side.queue(), star("A")
    await asyncio.gather(queue.change(action), queue.change(action))
    assert side.simulator.phone.account.collections["regular_high"].version == 2


class FakeTime:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def with_fake_time(side: Linked, time: FakeTime, **options: float) -> SideLoginQueue:
    config = SideLoginConfig(session_db=side.database_path, endpoint=side.endpoint_path, **options)  # type: ignore[arg-type]
    return SideLoginQueue(config, side._pause, monotonic=time)


async def test_pauses_keep_a_distance(side: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    time, slept = FakeTime(), list[float]()
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.now += seconds
        await real_sleep(0)

    queue = with_fake_time(side, time, min_seconds_between=5.0)
    await queue.ask(Ping())
    monkeypatch.setattr("whatsapp_mcp.side_login.queue.asyncio.sleep", sleep)
    time.now += 2
    await asyncio.gather(queue.ask(Ping()), queue.ask(Ping()))
    assert slept == [3.0]
    time.now += 60
    await queue.ask(Ping())
    assert slept == [3.0, 0.0]
    assert side.pauses == ["pause", "resume"] * 3


async def test_there_is_a_cap_per_day(side: Linked) -> None:
    time = FakeTime()
    queue = with_fake_time(side, time, min_seconds_between=0.0, max_pauses_per_day=2)
    await queue.ask(Ping())
    time.now += 3600
    await queue.ask(Ping())
    with pytest.raises(RateLimited) as limited:
        await queue.ask(Ping())
    assert limited.value.details["retry_after_seconds"] == 23 * 3600 + 1
    assert side.pauses == ["pause", "resume"] * 2
    time.now += 23 * 3600 + 1
    await queue.ask(Ping())


async def test_who_gives_up_is_not_served(side: Linked) -> None:
    time = FakeTime()
    queue = with_fake_time(side, time, min_seconds_between=0.05)
    await queue.ask(Ping())
    impatient = asyncio.create_task(queue.ask(Ping()))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    assert queue._task is not None
    await queue._task
    assert side.pauses == ["pause", "resume"], "nobody waits, nothing is paused"


async def test_a_session_that_cannot_be_paused(side: Linked) -> None:
    @asynccontextmanager
    async def pause() -> AsyncIterator[None]:
        raise NotLoggedIn("no account")
        yield

    config = SideLoginConfig(session_db=side.database_path, endpoint=side.endpoint_path)
    queue = SideLoginQueue(config, pause)
    both = await asyncio.gather(queue.ask(Ping()), queue.change(star("A")), return_exceptions=True)
    assert [type(error) for error in both] == [NotLoggedIn, NotLoggedIn]


@pytest.mark.parametrize("where", ["chain", "401", "503", "no proxy", "silence", "wrong key", "exception"])
async def test_whatever_fails_the_session_goes_on(side: Linked, where: str, tmp_path: object) -> None:
    before = side.database_path.read_bytes()
    expected: type[Exception]
    options: dict[str, float] = {}
    query: SideLoginQuery[str] = Ping()
    match where:
        case "chain":
            side.simulator.host.root, expected = KeyPair.generate(), CertificateRefused
            side.simulator.host.chain = issue_chain(
                side.simulator.host.root, side.simulator.host.static.public, now=int(side.simulator.world.clock())
            )
        case "401" | "503":
            side.simulator.faults.refuse_login(int(where))
            expected = LoginRefused
        case "no proxy":
            endpoint = side.endpoint_path.read_text()
            port = str(side.simulator.endpoint.proxy.rpartition(":")[2])
            side.endpoint_path.write_text(endpoint.replace(port, "1"))
            expected = NotConnected
        case "silence":
            side.simulator.faults.ignore_iq("w:p", times=-1)
            options, expected = {"total_seconds": 0.5}, SessionTimeout
        case "wrong key":
            side.execute("UPDATE whatsmeow_device SET noise_key = ?", bytes(range(32)))
            before, expected = side.database_path.read_bytes(), LoginRefused
        case _:

            class Broken(Ping):
                async def ask(self, login: PassiveLogin) -> str:
                    raise ZeroDivisionError

            query, expected = Broken(), Exception
    with pytest.raises(expected):
        await side.queue(**options).ask(query)
    assert side.pauses == ["pause", "resume"]
    assert side.database_path.read_bytes() == before
    assert side.device.account.devices.get(side.device.number) is side.device


async def test_another_login_is_not_fought(side: Linked) -> None:
    count = logins(side)

    @dataclass(frozen=True)
    class Disturbed(Ping):
        async def ask(self, login: PassiveLogin) -> str:
            async with side.login():
                return await super().ask(login)

    with pytest.raises(SideReplaced):
        await side.queue().ask(Disturbed())
    assert len(count) == 2, "ours and the other one's; no third"


async def test_a_broken_line_is_tried_again(side: Linked) -> None:
    count = logins(side)
    dispatch, cut = side.simulator.router.dispatch, [2]

    def cut_twice(device: SimDevice, node: Node, reply: Reply) -> None:
        if node.get("xmlns") == "w:p" and cut[0]:
            cut[0] -= 1
            side.simulator.faults.drop()
            return
        dispatch(device, node, reply)

    side.simulator.router.dispatch = cut_twice  # type: ignore[method-assign]
    assert (await side.queue().ask(Ping())).result == "pong"
    assert len(count) == 3
    assert side.pauses == ["pause", "resume"]


async def test_what_cannot_be_repeated_is_not(side: Linked) -> None:
    side.simulator.faults.ignore_iq("w:p", times=1)
    count = logins(side)
    queue = side.queue(answer_seconds=0.2)
    once, again = await asyncio.gather(queue.ask(Once()), queue.ask(Ping()), return_exceptions=True)
    assert isinstance(once, SessionTimeout) and "unknown" in once.message
    assert not isinstance(again, BaseException)
    assert len(count) == 2


async def test_a_line_that_stays_broken(side: Linked) -> None:
    side.simulator.faults.ignore_iq("w:sync:app:state", times=-1)
    with pytest.raises(NotConnected):
        await side.queue(answer_seconds=0.05).change(star("A"))
    side.simulator.faults.clear()
    dispatch = side.simulator.router.dispatch

    def cut_at_uploads(device: SimDevice, node: Node, reply: Reply) -> None:
        collection = node.path("sync", "collection")
        if collection is not None and collection.child("patch") is not None:
            side.simulator.faults.drop()
        else:
            dispatch(device, node, reply)

    side.simulator.router.dispatch = cut_at_uploads  # type: ignore[method-assign]
    with pytest.raises(SessionTimeout, match="unknown"):
        await side.queue().change(star("A"))


@pytest.mark.parametrize("changes", [(), (star("A"), ChatChanged(ANA, name="Ana"))])
async def test_what_cannot_be_written_costs_no_pause(side: Linked, changes: tuple[AppStateChange, ...]) -> None:
    with pytest.raises(InvalidArgument, match="nothing to change"):
        await side.queue().change(*changes)
    assert side.pauses == []


async def test_our_store_failing_is_not_the_callers_failure(side: Linked) -> None:
    failed: list[AppStateChange] = []

    async def fail(changes: Sequence[AppStateChange]) -> None:
        failed.extend(changes)
        raise OSError("disk full")

    config = SideLoginConfig(session_db=side.database_path, endpoint=side.endpoint_path)
    await SideLoginQueue(config, side._pause, on_changes=fail).change(star("A"))
    assert len(failed) == 1


async def test_without_an_endpoint_a_test_run_goes_nowhere(side: Linked) -> None:
    config = SideLoginConfig(session_db=side.database_path, endpoint=None, require_endpoint=True)
    with pytest.raises(SetupError):
        await SideLoginQueue(config, side._pause).ask(Ping())
    assert side.pauses == []


async def test_closing_ends_it(side: Linked) -> None:
    queue = side.queue()
    side.simulator.faults.ignore_iq("w:p", times=-1)
    under_way = asyncio.create_task(queue.ask(Ping()))
    async with asyncio.timeout(5):
        while side.device.link is None:
            await asyncio.sleep(0.01)
    await queue.close()
    with pytest.raises(SessionError, match="stopping"):
        await under_way
    assert side.pauses == ["pause", "resume"]
    with pytest.raises(SessionError, match="stopping"):
        await queue.ask(Ping())


async def test_it_takes_less_than_a_second(side: Linked) -> None:
    """Without the pause itself; a slow machine has ten times the time that it needs."""
    assert await side.queue().change(star("A"), ChatChanged(ANA, pinned=True)) < 1
