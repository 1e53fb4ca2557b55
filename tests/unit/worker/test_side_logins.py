"""The queue of side logins: what shares a pause, what is left out, how often, and what callers are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from whatsapp_mcp.errors import (
    AppStateKeysMissing,
    NotConnected,
    NotFound,
    NotLoggedIn,
    RateLimited,
    SessionTimeout,
    StoreError,
    WhatsAppMcpError,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatMarksRead, ChatMarksSeen, MessageStarred
from whatsapp_mcp.models.changes import Change
from whatsapp_mcp.models.side_login import Answer, BusinessProfile
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe import side_login as p
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.store.records import Pauses
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.worker import side_logins
from whatsapp_mcp.worker.login_process import Login
from whatsapp_mcp.worker.pause_limits import DAY, PauseLimits
from whatsapp_mcp.worker.side_logins import SideLogins

T = TypeVar("T")
ANA = Jid("12025550111", "s.whatsapp.net")
STAR = MessageStarred(ANA, "M1", from_me=True, starred=True)
SECOND = 1000
DEADLINE = 60.0


def profile_of(user: str) -> p.GetBusinessProfile:
    return p.GetBusinessProfile(jid=Jid(user, "s.whatsapp.net"))


class FakeLogin:
    """Accepts everything, and answers everything when it goes, unless told otherwise."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lines: asyncio.Queue[p.LoginLine | codec.Json | None] = asyncio.Queue()
        self.commands: dict[int, Command[Any]] = {}
        self.withdrawn: list[int] = []
        self._ended = False

    def put(self, call_id: int, command: Command[Any]) -> None:
        self.commands[call_id] = command
        error = self._world.refusals.get(type(command))
        self.say(p.Accepted(id=call_id) if error is None else codec.decode_reply(codec.encode_error(call_id, error)))

    def withdraw(self, call_id: int) -> None:
        self.withdrawn.append(call_id)

    def go(self) -> None:
        self._world.happened.append("login")
        self._world.when_it_goes(self)

    def answer_all(self, *, error: WhatsAppMcpError | None = None) -> None:
        for call_id, command in self.commands.items():
            if call_id not in self.withdrawn:
                self.answer(call_id, command, error)

    def answer(self, call_id: int, command: Command[Any], error: WhatsAppMcpError | None = None) -> None:
        if error is not None:
            line = codec.encode_error(call_id, error)
        else:
            result = BusinessProfile(command.jid) if isinstance(command, p.GetBusinessProfile) else None
            (line,) = codec.encode_result(call_id, command, Answer(result))
        self.say(codec.decode_reply(line))

    def say(self, line: p.LoginLine | codec.Json | None) -> None:
        self._lines.put_nowait(line)

    def finish(self) -> None:
        self.answer_all()
        self.say(p.LoginDone())

    async def lines(self) -> AsyncIterator[p.LoginLine | codec.Json]:
        while (line := await self._lines.get()) is not None:
            yield line
            if isinstance(line, p.LoginDone):
                return

    async def end(self) -> None:
        if not self._ended:
            self._world.happened.append("end")
        self._ended = True
        self.say(None)


class World:
    """Session processes of one account, one after the other: each has a queue, all have the store."""

    def __init__(self, folder: Path) -> None:
        self.writer = StoreWriter(folder / "messages.db")
        self.now = 1_800_000_000_000
        self.happened: list[str] = []
        self.logins: list[FakeLogin] = []
        self.refusals: dict[type[Command[Any]], WhatsAppMcpError] = {}
        self.when_it_goes: Callable[[FakeLogin], None] = FakeLogin.finish
        self.unpausable: Exception | None = None
        self.stored: list[Change] = []
        self.cannot_store: Exception | None = None

    def process(self, *, distance: float = 0.0, per_day: int = 0, reading: float = 0.0) -> SideLogins:
        """The queue of the next session process."""
        limits = PauseLimits(distance, per_day)
        return SideLogins(limits, self, self, self.start, reading=reading, now=lambda: self.now)

    async def start(self) -> Login:
        self.logins.append(FakeLogin(self))
        return self.logins[-1]

    @asynccontextmanager
    async def paused(self, detail: str) -> AsyncIterator[None]:
        if self.unpausable is not None:
            raise self.unpausable
        self.happened.append("pause")
        try:
            yield
        finally:
            self.happened.append("go on")

    def run_now(self, work: Callable[[StoreWriter], T]) -> T:
        return work(self.writer)

    def apply_now(self, *changes: Change) -> None:
        self.happened.append("store")
        if self.cannot_store is not None:
            raise self.cannot_store
        self.stored += changes

    async def profile(self, user: str = "1") -> Answer[BusinessProfile]:
        """Asked of a process of its own."""
        return await self.process().ask(profile_of(user))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await asyncio.sleep(0.005)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.writer.close()


async def test_requests_of_several_clients_share_one_pause(world: World) -> None:
    queue = world.process()
    one, changed, other = await asyncio.gather(
        queue.ask(profile_of("1")), queue.ask(p.ChangeAppState(changes=(STAR,))), queue.ask(profile_of("2"))
    )
    assert (one.result.jid.user, changed.result, other.result.jid.user) == ("1", None, "2")
    assert one.paused_seconds == changed.paused_seconds == other.paused_seconds > 0
    assert world.happened == ["pause", "login", "end", "go on"]


async def test_what_comes_during_the_pause_comes_along(world: World) -> None:
    queue = world.process()
    world.when_it_goes = lambda _login: None
    first = asyncio.create_task(queue.ask(profile_of("1")))
    await world.until(lambda: "login" in world.happened)
    late = asyncio.create_task(queue.ask(profile_of("2")))
    await world.until(lambda: len(world.logins[0].commands) == 2)
    world.logins[0].finish()
    assert [(await task).result.jid.user for task in (first, late)] == ["1", "2"]
    assert world.happened.count("pause") == 1


async def test_what_comes_when_the_login_is_done_goes_to_the_next_process(world: World) -> None:
    queue = world.process()

    def finish_without(login: FakeLogin) -> None:
        login.answer(1, login.commands[1])
        login.say(p.LoginDone())

    world.when_it_goes = finish_without
    first, second = await asyncio.gather(queue.ask(profile_of("1")), queue.ask(profile_of("2")), return_exceptions=True)
    assert isinstance(first, Answer)
    assert isinstance(second, codec.Moving), "it was not begun with"
    with pytest.raises(codec.Moving):
        await queue.ask(profile_of("3"))
    assert world.happened.count("pause") == 1


async def test_answers_come_after_what_was_learned_is_stored_and_before_the_process_ends(world: World) -> None:
    def learn(login: FakeLogin) -> None:
        login.say(p.Learned(changes=(STAR,), device="me:1", since={"regular_high": 6}, versions={"regular_high": 7}))
        login.finish()

    world.when_it_goes = learn
    asked = asyncio.create_task(world.process().ask(p.ChangeAppState(changes=(STAR,))))
    asked.add_done_callback(lambda _: world.happened.append("answered"))
    await asked
    await world.until(lambda: "go on" in world.happened)
    assert world.happened[:4] == ["pause", "login", "end", "store"]
    assert sorted(world.happened[4:]) == ["answered", "go on"]
    assert world.stored == [STAR, ChatMarksRead("me:1", {"regular_high": 6}, {"regular_high": 7}, ())]


async def test_our_store_failing_is_not_the_callers_failure(world: World) -> None:
    def learn(login: FakeLogin) -> None:
        login.say(p.Learned(changes=(STAR,), device="me:1", since={"regular_high": 6}, versions={"regular_high": 7}))
        login.finish()

    world.when_it_goes, world.cannot_store = learn, StoreError("disk full")
    assert (await world.process().ask(p.ChangeAppState(changes=(STAR,)))).result is None


# ---- who is left out ------------------------------------------------------------------------------------------------


async def test_what_cannot_be_done_costs_no_pause(world: World) -> None:
    world.refusals[p.ChangeAppState] = AppStateKeysMissing("no keys")
    queue = world.process()
    with pytest.raises(AppStateKeysMissing):
        await queue.ask(p.ChangeAppState(changes=(STAR,)))
    await world.until(lambda: world.happened == ["end"])
    assert (await queue.ask(profile_of("1"))).result.jid.user == "1", "the process goes on"
    refused, answered = await asyncio.gather(
        world.process().ask(p.ChangeAppState(changes=(STAR,))), world.profile(), return_exceptions=True
    )
    assert isinstance(refused, AppStateKeysMissing)
    assert isinstance(answered, Answer)


async def test_who_gives_up_before_the_login_costs_no_pause(world: World) -> None:
    queue = world.process()
    accept = FakeLogin.put
    held: list[tuple[FakeLogin, int, Command[Any]]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeLogin, "put", lambda login, number, command: held.append((login, number, command)))
        impatient = asyncio.create_task(queue.ask(profile_of("1")))
        await world.until(lambda: held)
        impatient.cancel()
        await asyncio.wait({impatient})
        await world.until(lambda: "end" in world.happened)
    assert "pause" not in world.happened
    assert held[0][0].withdrawn == [1]
    assert accept is FakeLogin.put


async def test_who_gives_up_loses_only_the_own_request(world: World) -> None:
    """As does a server that is killed while its request waits."""
    queue = world.process()
    world.when_it_goes = lambda _login: None
    gone, stays = [asyncio.create_task(queue.ask(profile_of(user))) for user in ("1", "2")]
    await world.until(lambda: "login" in world.happened)
    gone.cancel()
    await asyncio.wait({gone})
    assert world.logins[0].withdrawn == [1]
    world.logins[0].finish()
    assert (await stays).result.jid.user == "2"


# ---- how often ------------------------------------------------------------------------------------------------------


async def test_pauses_keep_a_distance_across_processes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr("whatsapp_mcp.worker.side_logins.asyncio.sleep", sleep)
    await world.process(distance=5.0).ask(profile_of("1"))
    world.now += 2 * SECOND
    queue = world.process(distance=5.0)
    await asyncio.gather(queue.ask(profile_of("1")), queue.ask(profile_of("2")))
    world.now += 60 * SECOND
    await world.process(distance=5.0).ask(profile_of("1"))
    assert slept == [0.0, 3.0, 0.0]
    assert world.happened.count("pause") == 3


async def test_there_is_a_cap_per_day_for_all_clients_and_across_restarts(world: World, tmp_path: Path) -> None:
    await world.process(per_day=2).ask(profile_of("1"))
    world.now += 3600 * SECOND
    await world.process(per_day=2).ask(profile_of("1"))
    world.writer.close()
    world.writer = StoreWriter(tmp_path / "messages.db")
    queue = world.process(per_day=2)
    both = await asyncio.gather(queue.ask(profile_of("1")), queue.ask(profile_of("2")), return_exceptions=True)
    for limited in both:
        assert isinstance(limited, RateLimited)
        assert limited.details["retry_after_seconds"] == 23 * 3600 + 1
    assert world.happened.count("pause") == 2
    world.now += (23 * 3600 + 1) * SECOND
    await queue.ask(profile_of("1"))


@pytest.mark.parametrize("jump", [-3 * DAY, -2 * SECOND, 3 * DAY])
def test_a_clock_that_jumps_blocks_nothing_for_long(jump: int) -> None:
    now = 1_800_000_000_000
    limits = PauseLimits(5.0, 2)
    pauses = limits.one_more(limits.one_more(Pauses(), now - SECOND), now)
    assert limits.seconds_to_wait(pauses, now) == 5.0
    assert limits.retry_after(pauses, now) == 24 * 3600
    assert limits.seconds_to_wait(pauses, now + jump) <= 5.0
    assert limits.retry_after(pauses, now + jump) is None
    assert limits.one_more(pauses, now + jump).started[-1] == now + jump


def test_a_lower_limit_counts_at_once() -> None:
    now = 1_800_000_000_000
    pauses = Pauses()
    for minute in range(10):
        pauses = PauseLimits(0, 0).one_more(pauses, now + minute * 60 * SECOND)
    later = now + 3600 * SECOND
    assert PauseLimits(0, 0).retry_after(pauses, later) is None
    assert PauseLimits(0, 11).retry_after(pauses, later) is None
    assert PauseLimits(0, 3).retry_after(pauses, later) == 24 * 3600 - 53 * 60 + 1


# ---- failures -------------------------------------------------------------------------------------------------------


async def test_a_session_that_cannot_be_paused(world: World) -> None:
    world.unpausable = NotLoggedIn("no account")
    queue = world.process()
    both = await asyncio.gather(queue.ask(profile_of("1")), queue.ask(profile_of("2")), return_exceptions=True)
    assert [type(error) for error in both] == [NotLoggedIn, NotLoggedIn]
    assert world.writer.pauses() == Pauses()
    world.unpausable = None
    assert (await queue.ask(profile_of("1"))).result.jid.user == "1"


async def test_what_the_login_refuses_is_the_callers_error(world: World) -> None:
    def fail(login: FakeLogin) -> None:
        login.answer_all(error=NotFound("no business profile"))
        login.say(p.LoginDone())

    world.when_it_goes = fail
    with pytest.raises(NotFound, match="no business profile"):
        await world.profile()
    assert world.happened == ["pause", "login", "end", "go on"]


async def test_a_login_that_dies_before_it_begins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeLogin, "put", lambda login, _number, _command: login.say(None))
    with pytest.raises(NotConnected, match="before it began"):
        await world.profile()
    assert "pause" not in world.happened


@pytest.mark.parametrize("how", ["dies", "hangs"])
async def test_a_login_that_does_not_answer_leaves_the_outcome_unknown(
    world: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_logins, "LOGIN_SECONDS", 0.1)
    world.when_it_goes = lambda login: login.say(None) if how == "dies" else None
    with pytest.raises(SessionTimeout, match="unknown"):
        await world.profile()
    assert world.happened == ["pause", "login", "end", "go on"], "it is gone before the device is used again"


async def test_a_process_that_ends_gives_back_what_it_did_not_begin(world: World) -> None:
    queue = world.process(distance=60.0)
    world.writer.keep_pauses(Pauses((world.now,), world.now))
    waiting = asyncio.create_task(queue.ask(profile_of("1")))
    await world.until(lambda: queue._task)
    await queue.close()
    with pytest.raises(codec.Moving):
        await waiting
    with pytest.raises(codec.Moving):
        await queue.ask(profile_of("2"))
    world.when_it_goes = lambda _login: None
    busy = world.process()
    under_way = asyncio.create_task(busy.ask(profile_of("1")))
    await world.until(lambda: "login" in world.happened)
    await busy.close()
    with pytest.raises(SessionTimeout, match="unknown"):
        await under_way
    assert world.happened == ["pause", "login", "end", "go on"]


MARKS = ChatMarksSeen("me:1", {"regular_high": 1, "regular": 1}, ())
LATER = ChatMarksSeen("me:1", {"regular_high": 3, "regular": 1}, ())
"""Something was changed, and no chat was pinned, archived or muted."""


async def test_what_the_phone_changed_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_logins, "GATHERING", 0.01)
    world.writer.apply([MARKS, LATER])
    await world.process(reading=0.01).seen(LATER)
    await world.until(lambda: "go on" in world.happened)
    (login,) = world.logins
    assert list(login.commands.values()) == [p.ReadAppState(since={"regular_high": 1})]
    assert world.stored[0] == LATER


async def test_it_is_not_read_before_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_logins, "GATHERING", 0.0)
    world.writer.apply([MARKS, LATER])
    world.writer.keep_pauses(Pauses((world.now,), world.now))
    queue = world.process(reading=3600)
    await queue.seen(LATER)
    await queue.seen(LATER)
    await queue.ask(profile_of("1"))
    assert len(world.logins) == 1, "what somebody asks for does not wait for it"
    assert [type(command) for command in world.logins[0].commands.values()] == [p.GetBusinessProfile]
    await queue.close()


@pytest.mark.parametrize(("reading", "marks"), [(0.0, LATER), (0.01, MARKS)])
async def test_nothing_is_read(world: World, reading: float, marks: ChatMarksSeen) -> None:
    """The owner does not want it, or there is nothing."""
    world.writer.apply([MARKS, marks])
    queue = world.process(reading=reading)
    await queue.seen(marks)
    if queue._reader is not None:
        await asyncio.wait({queue._reader}, timeout=DEADLINE)
    assert world.happened == ["store"]
    await queue.close()


async def test_what_cannot_be_read_is_tried_less_and_less(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[int] = []

    def at_once(_: float, failures: int) -> float:
        asked_for.append(failures)
        return 0.001

    monkeypatch.setattr(side_logins, "GATHERING", 0.0)
    monkeypatch.setattr(side_logins, "again_after", at_once)
    world.unpausable = NotConnected("no way to WhatsApp")
    world.writer.apply([MARKS, LATER])
    queue = world.process(reading=0.001)
    await queue.seen(LATER)
    await world.until(lambda: len(asked_for) >= 3)
    await queue.close()
    assert asked_for[:3] == [1, 2, 3]


def test_how_long_it_rests() -> None:
    rests = [side_logins.again_after(1800.0, failures) for failures in (1, 2, 3, 9)]
    assert rests == [3600.0, 7200.0, 14_400.0, 86_400.0]
