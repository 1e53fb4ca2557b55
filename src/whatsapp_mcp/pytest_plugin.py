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
- ``whatsapp_settings``: variables of the server, ``{"WHATSAPP_MCP_POLICY": "open"}`` say; a fixture of yours with this
  name takes its place.

They come to life in the task and event loop of the test itself, right before its first line, and end after its last
one: an async fixture of yours, which runs before that, cannot use them yet.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
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

    def connect(self, **options: Unpack[ServerOptions]) -> AbstractAsyncContextManager[WhatsApp]:
        """One more server on the account, with a client."""
        from whatsapp_mcp.client import connect

        options["settings"] = {**self.variables, **options.get("settings", {})}
        return connect(**options)


class _Stage:
    """What a test uses, and in which order it comes to life."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.account: SimulatedAccount | None = None
        self.server: WhatsApp | None = None

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
                await self.server.link(self.simulator.phone.scan)
            yield


@pytest.fixture
def whatsapp(request: pytest.FixtureRequest) -> Simulator:
    """A WhatsApp on this machine: a phone, and people to write to (``contact``); nothing leaves the machine."""
    from whatsapp_mcp.simulator import Simulator

    simulator = Simulator()
    request.node.stash[_STAGE] = _Stage(simulator)
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
def whatsapp_account(
    request: pytest.FixtureRequest,
    whatsapp: Simulator,
    whatsapp_settings: Mapping[str, str],
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
            if stage.log is not None and stage.log.exists():
                said = stage.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
                item.add_report_section("call", "WhatsApp server", said)
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
                await test(*args, **kwargs)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # a task group around it would wrap what the test raised
                failure = error
        if failure is not None:
            raise failure

    return on_stage
