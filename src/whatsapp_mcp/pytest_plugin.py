"""pytest: a simulated WhatsApp for the tests of a bot. Installed with the package; nothing has to be imported.

    async def test_it_greets(whatsapp_server, contact):
        ana = contact("Ana")
        ana.say("Hi!")
        await my_bot.answer_one(whatsapp_server)
        assert (await ana.wait_for_message()).text == "Hello Ana"

Fixtures, for ``async def`` tests (run by pytest-asyncio, by anyio on asyncio, or, where neither takes them, by this
plugin):

- ``whatsapp``: the WhatsApp, a :class:`whatsapp_mcp.simulator.Simulator`.
- ``contact``: ``contact("Ana")`` is somebody new on it.
- ``whatsapp_account``: a linked account on it; :class:`SimulatedAccount`, for a bot that starts its own server.
- ``whatsapp_server``: a server on that account; :class:`whatsapp_mcp.client.WhatsApp`.
- ``whatsapp_bot``: ``await whatsapp_bot(main())`` starts a bot that runs for ever, and returns when it waits for
  messages. What it raises fails the test at once; it is cancelled when the test ends.
- ``whatsapp_settings``: a dict of variables of the server; a fixture of yours with this name takes its place.
- ``whatsapp_policy``: the text of its policy.toml; likewise.

They come to life in the task and event loop of the test itself, right before its first line, and end after its last
one: an async fixture of yours, which runs before that, cannot use them yet.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

import pytest

if TYPE_CHECKING:
    from whatsapp_mcp.client import WhatsApp
    from whatsapp_mcp.client.connection import ServerOptions
    from whatsapp_mcp.simulator import Simulator, VirtualContact

_STAGE: Final = pytest.StashKey["_Stage"]()
_LOG_TAIL: Final = 20_000
"""Characters of the server's log that a failed test shows."""
_REFUSED: Final = 20
"""Calls that failed, the last ones of a test, that it shows."""
_LISTENS_WITHIN: Final = 60.0
"""Seconds in which a bot that is started has to wait for messages."""
_TO_WAIT: Final = frozenset({"waitForMessage", "waitForEvent"})
_listening: ContextVar[asyncio.Event | None] = ContextVar("_listening", default=None)
"""Of the bot whose task this is."""


_TOO_EARLY: Final = (
    "the simulated WhatsApp begins with the first line of the test, and an async fixture runs before that: do this in "
    "the test, or in an async function that it calls"
)
_Answer = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


@dataclass(frozen=True)
class SimulatedAccount:
    """An account on the simulated WhatsApp, linked while the test runs."""

    data_dir: Path
    endpoint: Path
    settings: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a server of this account. Hand them on: the MCP SDK passes a server few variables by itself."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WHATSAPP_MCP_")}
        return kept | self.variables

    @property
    def variables(self) -> dict[str, str]:
        """Those of them that are this server's own. While the test runs, they are set in its process."""
        return {
            "WHATSAPP_MCP_DATA_DIR": str(self.data_dir),
            "WHATSAPP_MCP_ENDPOINT": str(self.endpoint),
            "WHATSAPP_MCP_REQUIRE_ENDPOINT": "true",
            "WHATSAPP_MCP_TOOLSETS": "all",
            "WHATSAPP_MCP_SESSION_LINGER": "0",
            **self.settings,
        }

    @property
    def policy_file(self) -> Path:
        """Its policy.toml; a change holds from the next call on."""
        return self.data_dir / "default" / "policy.toml"

    def connect(self, **options: Unpack[ServerOptions]) -> AbstractAsyncContextManager[WhatsApp]:
        """One more server on the account, with a client."""
        from whatsapp_mcp.client import connect

        options["settings"] = {**self.variables, **options.get("settings", {})}
        return connect(**options)


class _Bots:
    """What runs beside the test, in tasks of its own."""

    def __init__(self) -> None:
        self._tasks: asyncio.TaskGroup | None = None
        self._started: list[asyncio.Task[object]] = []

    async def start(self, bot: Coroutine[Any, Any, object]) -> None:
        if self._tasks is None:
            bot.close()
            raise RuntimeError(_TOO_EARLY)
        event = asyncio.Event()
        token = _listening.set(event)
        try:
            task = self._tasks.create_task(bot)
        finally:
            _listening.reset(token)
        self._started.append(task)
        task.add_done_callback(lambda _: event.set())
        try:
            async with asyncio.timeout(_LISTENS_WITHIN):
                await event.wait()
        except TimeoutError:
            raise TimeoutError(
                f"the bot did not wait for messages within {_LISTENS_WITHIN:.0f} s, by messages(), events() or a call "
                "of a tool; one that never does is started by asyncio.create_task"
            ) from None

    async def beside(self, test: Awaitable[object]) -> None:
        """The test, which ends when one of them fails."""
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await test
                for bot in self._started:
                    bot.cancel()
        except BaseExceptionGroup as failed:
            failure = failed if len(failed.exceptions) > 1 else failed.exceptions[0]
        if failure is not None:
            raise failure


class _Stage:
    """What a test uses, and in which order it comes to life."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.account: SimulatedAccount | None = None
        self.server: WhatsApp | None = None
        self.bots: _Bots | None = None
        self.refused: deque[str] = deque(maxlen=_REFUSED)
        self.is_alive = False

    @property
    def log(self) -> Path | None:
        return self.account.data_dir.with_name("whatsapp-server.log") if self.account else None

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.simulator)
            if self.account is not None:
                assert self.server is not None
                self.simulator.write_endpoint(self.account.endpoint)
                await stack.enter_async_context(self.server.client)
                self.is_alive = True
                await self.server.link(self.simulator.phone.scan)
            yield

    def watched(self, answer: _Answer) -> _Answer:
        """``WhatsApp.answer`` of all clients in this process, noting what is refused and which bot listens."""
        from whatsapp_mcp.client import CallError

        @wraps(answer)
        async def watched(whatsapp: WhatsApp, tool: str, **arguments: Any) -> dict[str, Any]:
            if self.server is not None and whatsapp.client is self.server.client and not self.is_alive:
                raise RuntimeError(_TOO_EARLY)
            bot = _listening.get()
            if bot is not None and tool in _TO_WAIT and arguments.get("timeout") != 0:
                bot.set()
            try:
                return await answer(whatsapp, tool, **arguments)
            except CallError as error:
                self.refused.append(f"{error.tool} {arguments}\n    {json.dumps(error.body, ensure_ascii=False)}")
                raise

        return watched

    def report(self, item: pytest.Item) -> None:
        """What a failed test shows."""
        if self.refused:
            item.add_report_section("call", "WhatsApp: calls that failed", "\n".join(self.refused))
        if self.log is not None and self.log.exists():
            said = self.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
            item.add_report_section("call", "WhatsApp server", said)


@pytest.fixture
def whatsapp(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A WhatsApp on this machine: a phone, and people to write to (``contact``); nothing leaves the machine."""
    from whatsapp_mcp.client import WhatsApp
    from whatsapp_mcp.simulator import Simulator

    simulator = Simulator()
    stage = request.node.stash[_STAGE] = _Stage(simulator)
    monkeypatch.setattr(WhatsApp, "answer", stage.watched(WhatsApp.answer))
    return simulator


@pytest.fixture
def contact(whatsapp: Simulator) -> Callable[..., VirtualContact]:
    """``contact("Ana")``: somebody new on WhatsApp; ``number``, ``saved``, ``business_name`` … as for the simulator."""
    return whatsapp.introduce


@pytest.fixture
def whatsapp_settings() -> Mapping[str, str]:
    """Variables of the server; a fixture of this name in a test module or conftest takes its place."""
    return {}


@pytest.fixture
def whatsapp_policy() -> str | None:
    """The text of the account's policy.toml; a fixture of this name in a test module or conftest takes its place."""
    return None


@pytest.fixture
def whatsapp_account(
    request: pytest.FixtureRequest,
    whatsapp: Simulator,
    whatsapp_settings: Mapping[str, str],
    whatsapp_policy: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Generator[SimulatedAccount]:
    """An account of the simulated WhatsApp, linked."""
    from whatsapp_mcp.client import WhatsApp, own_server

    account = SimulatedAccount(tmp_path / "whatsapp-data", tmp_path / "whatsapp-endpoint.json", whatsapp_settings)
    for name in [name for name in os.environ if name.startswith("WHATSAPP_MCP_")]:
        monkeypatch.delenv(name)
    for name, value in account.variables.items():
        monkeypatch.setenv(name, value)
    account.policy_file.parent.mkdir(mode=0o700, parents=True)
    if whatsapp_policy is not None:
        account.policy_file.write_text(whatsapp_policy, encoding="utf-8")
    stage = request.node.stash[_STAGE]
    stage.account = account
    with stage.log.open("w", encoding="utf-8") as log:
        stage.server = WhatsApp(own_server(settings=account.variables, log=log))
        yield account


@pytest.fixture
def whatsapp_server(request: pytest.FixtureRequest, whatsapp_account: SimulatedAccount) -> WhatsApp:
    """A server on the account, with a client: ``await whatsapp_server.call("sendMessage", phone="Ana", …)``."""
    server: WhatsApp = request.node.stash[_STAGE].server
    return server


@pytest.fixture
def whatsapp_bot(
    request: pytest.FixtureRequest, whatsapp_account: SimulatedAccount
) -> Callable[[Coroutine[Any, Any, object]], Awaitable[None]]:
    """``await whatsapp_bot(main())``: a bot that runs until the test ends; returns when it waits for messages."""
    del whatsapp_account  # which a bot that calls `connect()` finds in the environment
    bots = request.node.stash[_STAGE].bots = _Bots()
    return bots.start


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Puts the stage around the test, in the task and loop in which whoever runs async tests runs it."""
    stage = item.stash.get(_STAGE, None)
    if stage is None or not isinstance(item, pytest.Function):
        return (yield)
    if not inspect.iscoroutinefunction(item.obj):
        pytest.fail("A test with a simulated WhatsApp is an `async def`.", pytrace=False)
    backend = item.funcargs.get("anyio_backend", "asyncio")
    if backend != "asyncio" and not (isinstance(backend, tuple) and backend[0] == "asyncio"):
        pytest.fail("The simulated WhatsApp runs on asyncio: choose that as anyio_backend.", pytrace=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item, "obj", _on(stage, item.obj))
        try:
            return (yield)
        except BaseException:
            stage.report(item)
            raise


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs what no plugin for async tests has taken."""
    is_ours = _STAGE in pyfuncitem.stash and inspect.iscoroutinefunction(pyfuncitem.obj)
    if not is_ours or "anyio_backend" in pyfuncitem.funcargs:
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in wanted}))
    return True


def _on(stage: _Stage, test: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(test)
    async def on_stage(*args: Any, **kwargs: Any) -> None:
        failure: BaseException | None = None
        async with stage.alive():
            try:
                running = test(*args, **kwargs)
                await (running if stage.bots is None else stage.bots.beside(running))
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # a task group around it would wrap what the test raised
                failure = error
        if failure is not None:
            raise failure

    return on_stage
